use std::{fmt, time::Duration};

use super::CounterKey;

/// A request for a permit under a concurrency limit.
///
/// ```
/// use std::time::Duration;
///
/// use waygate_core::port::{CounterKey, Permit};
///
/// let counter_key = CounterKey::permits("GET:/reports", "default");
/// let permit = Permit::new(&counter_key, b"203.0.113.7", 1, 10, Duration::from_secs(30));
/// assert_eq!(permit.holder(2).limit, 10);
/// ```
#[derive(Clone, Copy)]
#[non_exhaustive]
pub struct Permit<'a> {
    /// The counter key of the limit.
    pub counter_key: &'a CounterKey,
    /// The rate-limit key, which selects one of the counters. May be a secret: a store keeps a digest of it, at most.
    pub key: &'a [u8],
    /// Identifies the request; unique.
    pub holder: u128,
    /// The number of permits.
    pub limit: u32,
    /// The time until the permit expires, unless it is renewed.
    pub lifetime: Duration,
}

impl<'a> Permit<'a> {
    /// Creates a request for one of `limit` permits.
    #[inline]
    pub fn new(
        counter_key: &'a CounterKey,
        key: &'a [u8],
        holder: u128,
        limit: u32,
        lifetime: Duration,
    ) -> Self {
        Self {
            counter_key,
            key,
            holder,
            limit,
            lifetime,
        }
    }

    /// Sets the request that is to hold the permit.
    #[must_use]
    pub fn holder(self, holder: u128) -> Self {
        Self { holder, ..self }
    }
}

/// Without the key, which may be a secret.
impl fmt::Debug for Permit<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Permit")
            .field("counter_key", &self.counter_key.name())
            .field("limit", &self.limit)
            .field("lifetime", &self.lifetime)
            .finish_non_exhaustive()
    }
}

/// The outcome of a request for a permit.
///
/// ```
/// use waygate_core::port::PermitOutcome;
///
/// let full = PermitOutcome::new(false, 10);
/// assert_eq!((full.allowed, full.in_use), (false, 10));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct PermitOutcome {
    /// `true` if the request has a permit.
    pub allowed: bool,
    /// The number of acquired permits, with this one.
    pub in_use: u32,
}

impl PermitOutcome {
    /// Creates an outcome.
    #[inline]
    pub fn new(allowed: bool, in_use: u32) -> Self {
        Self { allowed, in_use }
    }
}
