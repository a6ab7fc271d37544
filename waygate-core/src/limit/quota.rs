//! The arithmetic of rate limits, over values of 16 bytes.
//!
//! Times are nanoseconds since the Unix epoch, by a clock that should not go back. If it does, no function here
//! panics or overflows, nothing is admitted beyond the limit of the remaining time, and no key is locked out for
//! longer than one window.

pub use super::nanos::{Nanos, SECOND};
use super::{Counter, Outcome, sliding::Sliding};

/// One rate of one policy, compiled: an amount, a period and an algorithm.
///
/// ```
/// use waygate_core::limit::{Charged, Quota, quota::SECOND};
///
/// let quota = Quota::FixedWindow { capacity: 2, period: 60 * SECOND };
/// let (counter, first) = quota.charge(None, 2, 0);
/// assert_eq!((first.allowed, first.remaining), (true, 0));
/// let (_, second) = quota.charge(Some(counter), 1, SECOND);
/// assert_eq!((second.allowed, second.retry_after), (false, 59 * SECOND));
/// let refunded = quota.refund(counter, 1, Charged::new(0, &first), SECOND);
/// assert_eq!(refunded, quota.adjust(counter, 1, SECOND));
/// assert!(quota.may_have_counted(counter));
/// assert_eq!(quota.spent_at(counter), 60 * SECOND);
/// assert_eq!(quota.shared_by(2).capacity(), 1);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Quota {
    /// A window that opens with the first request and admits `capacity` until it ends.
    FixedWindow {
        /// The capacity of the window.
        capacity: u64,
        /// Its length, at least 1.
        period: Nanos,
    },
    /// A window from `start` up to and excluding `end`: a day or month of the calendar.
    Calendar {
        /// The capacity of the window.
        capacity: u64,
        /// The start of the window.
        start: Nanos,
        /// The start of the next window.
        end: Nanos,
    },
    /// Two counters of aligned windows; the older one is weighted by the part of it that is still within `period`.
    /// Keeps seconds in 32 bits, which suffices until the year 2106.
    SlidingWindow {
        /// The capacity of any window, as far as the weighting is exact.
        capacity: u32,
        /// Its length in seconds, at least 1.
        period: u32,
    },
    /// A bucket of `capacity` tokens, one of which is refilled every `emission`: the generic cell rate algorithm of
    /// ITU-T I.371, as a virtual schedule.
    TokenBucket {
        /// The number of tokens in a full bucket.
        capacity: u64,
        /// The time in which one token is refilled, at least 1.
        emission: Nanos,
    },
}

impl Quota {
    /// Returns the most that a request can cost.
    pub fn capacity(&self) -> u64 {
        match *self {
            Self::FixedWindow { capacity, .. }
            | Self::Calendar { capacity, .. }
            | Self::TokenBucket { capacity, .. } => capacity,
            Self::SlidingWindow { capacity, .. } => u64::from(capacity),
        }
    }

    /// Returns the share of one of `replicas` processes that cannot ask each other: at least 1, unless the capacity is
    /// 0.
    pub fn shared_by(self, replicas: u32) -> Self {
        let share = |capacity: u64| capacity.div_ceil(u64::from(replicas.max(1)));
        match self {
            Self::FixedWindow { capacity, period } => Self::FixedWindow {
                capacity: share(capacity),
                period,
            },
            Self::Calendar {
                capacity,
                start,
                end,
            } => Self::Calendar {
                capacity: share(capacity),
                start,
                end,
            },
            Self::SlidingWindow { capacity, period } => Self::SlidingWindow {
                capacity: capacity.div_ceil(replicas.max(1)),
                period,
            },
            Self::TokenBucket { capacity, emission } => Self::TokenBucket {
                capacity: share(capacity),
                emission: emission.saturating_mul(u64::from(replicas.max(1))),
            },
        }
    }

    /// Returns the longest wait of a request that can pass at all: one window, or two of a sliding one, where usage
    /// beyond the limit (before it was lowered, or after the fact) decays through the next one.
    pub fn longest_wait(&self) -> Nanos {
        match self {
            Self::SlidingWindow { .. } => self.window().saturating_mul(2),
            Self::FixedWindow { .. } | Self::Calendar { .. } | Self::TokenBucket { .. } => {
                self.window()
            }
        }
    }

    /// Returns the time until everything is refilled, if no more was taken than the capacity.
    pub fn window(&self) -> Nanos {
        match *self {
            Self::FixedWindow { period, .. } => period,
            Self::Calendar { start, end, .. } => end.saturating_sub(start).max(1),
            Self::SlidingWindow { period, .. } => u64::from(period.max(1)) * SECOND,
            Self::TokenBucket { capacity, emission } => {
                capacity.max(1).saturating_mul(emission).max(1)
            }
        }
    }

    /// Charges `cost`, or returns when it could be charged. After a refusal, the returned counter carries no charge.
    ///
    /// `counter` may be that of another quota: its usage is kept.
    // Inlined, so that for a known quota only its algorithm remains.
    #[inline(always)]
    pub fn charge(&self, counter: Option<Counter>, cost: u64, now: Nanos) -> (Counter, Outcome) {
        match *self {
            Self::FixedWindow { capacity, period } => {
                let (start, used) = match counter {
                    Some(Counter::Window { start, used }) if now.saturating_sub(start) < period => {
                        (start.min(now), used)
                    }
                    Some(Counter::Window { .. }) | None => (now, 0),
                    Some(other) => (now, other.consumed(now)),
                };
                window(
                    capacity,
                    start,
                    used,
                    cost,
                    now,
                    start.saturating_add(period),
                )
            }
            Self::Calendar {
                capacity,
                start,
                end,
            } => {
                let used = match counter {
                    Some(Counter::Window { start: began, used }) if began >= start => used,
                    Some(Counter::Window { .. }) | None => 0,
                    Some(other) => other.consumed(now),
                };
                window(capacity, start, used, cost, now, end)
            }
            Self::SlidingWindow { capacity, period } => {
                Sliding::at(counter, period, now).charge(capacity, cost)
            }
            Self::TokenBucket { capacity, emission } => {
                bucket(capacity, emission, counter, cost, now)
            }
        }
    }

    /// Returns the time at which the counter expires.
    #[inline(always)]
    pub fn spent_at(&self, counter: Counter) -> Nanos {
        match (*self, counter) {
            (Self::FixedWindow { period, .. }, Counter::Window { start, .. }) => {
                start.saturating_add(period)
            }
            (Self::Calendar { end, .. }, Counter::Window { .. }) => end,
            (_, counter) => counter.spent_at(),
        }
    }
}

/// Fixed and calendar windows differ only in start and end.
#[inline(always)]
fn window(
    capacity: u64,
    start: Nanos,
    used: u64,
    cost: u64,
    now: Nanos,
    end: Nanos,
) -> (Counter, Outcome) {
    let after = used.saturating_add(cost);
    let allowed = after <= capacity;
    let used = if allowed { after } else { used };
    let length = end.saturating_sub(start);
    let left = end.saturating_sub(now).min(length).max(1);
    let outcome = Outcome {
        allowed,
        limit: capacity,
        remaining: capacity.saturating_sub(used),
        reset_after: left,
        retry_after: if allowed { 0 } else { left },
    };
    (Counter::Window { start, used }, outcome)
}

#[inline(always)]
fn bucket(
    capacity: u64,
    emission: Nanos,
    counter: Option<Counter>,
    cost: u64,
    now: Nanos,
) -> (Counter, Outcome) {
    let depth = capacity.saturating_mul(emission);
    // The time until the bucket is full again.
    let debt = match counter {
        None => 0,
        Some(Counter::Bucket {
            full_at,
            emission: then,
        }) if then == emission => full_at.saturating_sub(now).min(depth),
        Some(other) => other.consumed(now).saturating_mul(emission).min(depth),
    };
    let price = cost.saturating_mul(emission);
    let after = debt.saturating_add(price);
    let allowed = after <= depth;
    let debt = if allowed { after } else { debt };
    let retry_after = match allowed {
        true => 0,
        // A cost above the capacity never fits; the longest wait stands for that.
        false => (after - depth).min(depth).max(1),
    };
    let outcome = Outcome {
        allowed,
        limit: capacity,
        remaining: (depth - debt) / emission,
        reset_after: debt,
        retry_after,
    };
    let full_at = now.saturating_add(debt);
    (Counter::Bucket { full_at, emission }, outcome)
}
