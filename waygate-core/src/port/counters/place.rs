use std::{fmt, time::Duration};

use super::Series;

/// A request for a place under a concurrency limit.
///
/// ```
/// use std::time::Duration;
///
/// use waygate_core::port::{Place, Series};
///
/// let series = Series::places("GET:/reports", "default");
/// let place = Place::new(&series, b"203.0.113.7", 1, 10, Duration::from_secs(30));
/// assert_eq!(place.holder(2).limit, 10);
/// ```
#[derive(Clone, Copy)]
#[non_exhaustive]
pub struct Place<'a> {
    /// The series of the limit.
    pub series: &'a Series,
    /// The key within the series. May be a secret: a store keeps a digest of it, at most.
    pub key: &'a [u8],
    /// Identifies the request; unique.
    pub holder: u128,
    /// The number of places.
    pub limit: u32,
    /// The time until the place expires, unless it is renewed.
    pub lifetime: Duration,
}

impl<'a> Place<'a> {
    /// Creates a request for one of `limit` places.
    #[inline]
    pub fn new(
        series: &'a Series,
        key: &'a [u8],
        holder: u128,
        limit: u32,
        lifetime: Duration,
    ) -> Self {
        Self {
            series,
            key,
            holder,
            limit,
            lifetime,
        }
    }

    /// Sets the request that is to hold the place.
    #[must_use]
    pub fn holder(self, holder: u128) -> Self {
        Self { holder, ..self }
    }
}

/// Without the key, which may be a secret.
impl fmt::Debug for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Place")
            .field("series", &self.series.name())
            .field("limit", &self.limit)
            .field("lifetime", &self.lifetime)
            .finish_non_exhaustive()
    }
}

/// The outcome of a request for a place.
///
/// ```
/// use waygate_core::port::Occupancy;
///
/// let full = Occupancy::new(false, 10);
/// assert_eq!((full.allowed, full.taken), (false, 10));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Occupancy {
    /// `true` if the request has a place.
    pub allowed: bool,
    /// The number of occupied places, with this one.
    pub taken: u32,
}

impl Occupancy {
    /// Creates an outcome.
    #[inline]
    pub fn new(allowed: bool, taken: u32) -> Self {
        Self { allowed, taken }
    }
}
