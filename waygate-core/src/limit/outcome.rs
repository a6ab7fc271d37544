use super::nanos::{Nanos, SECOND};

/// The outcome of one request to a quota.
///
/// ```
/// use waygate_core::limit::Outcome;
///
/// let second = 1_000_000_000;
/// let refused = Outcome::allowed(100, 0, 60 * second).refused(42 * second);
/// assert_eq!(refused.retry_after_seconds(), 42);
/// assert_eq!(refused.reset_after_seconds(), 60);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Outcome {
    /// `true` if the request may pass.
    pub allowed: bool,
    /// The most that a request can cost.
    pub limit: u64,
    /// The units that remain; `0 ≤ remaining ≤ limit`.
    pub remaining: u64,
    /// The time until more units are available; for a window that resets as a whole, until its end. If the request
    /// can pass later, not before [`retry_after`](Self::retry_after) (draft-ietf-httpapi-ratelimit-headers).
    pub reset_after: Nanos,
    /// The time until the same request would pass, if no other request is charged; 0 if it passes now. Exact to the
    /// nanosecond, and never more than [`Quota::longest_wait`](super::Quota::longest_wait). For a request that costs
    /// more than `limit`, and so never passes, the window.
    pub retry_after: Nanos,
}

impl Outcome {
    /// Creates the outcome of a request that may pass.
    #[inline]
    pub fn allowed(limit: u64, remaining: u64, reset_after: Nanos) -> Self {
        Self {
            allowed: true,
            limit,
            remaining,
            reset_after,
            retry_after: 0,
        }
    }

    /// Makes it a refusal until `retry_after`.
    #[inline]
    #[must_use]
    pub fn refused(self, retry_after: Nanos) -> Self {
        Self {
            allowed: false,
            retry_after,
            ..self
        }
    }

    /// Returns `retry_after` in whole seconds for `Retry-After` (RFC 9110, 10.2.3): rounded up, at least 1.
    pub fn retry_after_seconds(&self) -> u64 {
        self.retry_after.div_ceil(SECOND).max(1)
    }

    /// Returns `reset_after` in whole seconds, rounded up.
    pub fn reset_after_seconds(&self) -> u64 {
        self.reset_after.div_ceil(SECOND)
    }
}
