use super::quota::Nanos;

/// What a quota says to one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outcome {
    /// Whether the request may pass.
    pub allowed: bool,
    /// The most that can be taken at once.
    pub limit: u64,
    /// What is left of it; `0 ≤ remaining ≤ limit`.
    pub remaining: u64,
    /// In how much time more is there than now; for a window that refills at once, when it does. For a request that
    /// will pass, not before [`retry_after`](Self::retry_after) (draft-ietf-httpapi-ratelimit-headers).
    pub reset_after: Nanos,
    /// In how much time the same request would pass, if no other takes anything; 0 when it passes now. To the
    /// nanosecond, and never more than [`Quota::longest_wait`](super::Quota::longest_wait). For a request that costs
    /// more than `limit`, which never passes, the window.
    pub retry_after: Nanos,
}

impl Outcome {
    /// `retry_after` in whole seconds for `Retry-After` (RFC 9110, 10.2.3): rounded up, at least 1.
    pub fn retry_after_seconds(&self) -> u64 {
        self.retry_after.div_ceil(super::quota::SECOND).max(1)
    }

    /// `reset_after` in whole seconds, rounded up.
    pub fn reset_after_seconds(&self) -> u64 {
        self.reset_after.div_ceil(super::quota::SECOND)
    }
}
