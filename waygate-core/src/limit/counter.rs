use super::nanos::{Nanos, SECOND, share};

/// The usage of one key, independent of the quota: changing a limit keeps the usage.
///
/// ```
/// use waygate_core::limit::{Quota, quota::SECOND};
///
/// let quota = Quota::FixedWindow { capacity: 2, period: 60 * SECOND };
/// let (counter, _) = quota.charge(None, 2, 0);
/// assert_eq!(counter.consumed(SECOND), 2);
/// assert_eq!(counter.charged(3, SECOND).consumed(SECOND), 5);
/// assert_eq!(counter.spent_at(), 0);
/// let (tag, words) = counter.pack();
/// assert_eq!(waygate_core::limit::Counter::unpack(tag, words), counter);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Counter {
    /// A fixed or calendar window.
    Window {
        /// The start of the window.
        start: Nanos,
        /// The units taken since then.
        used: u64,
    },
    /// Two sliding windows.
    Sliding {
        /// The start of the current window, in seconds.
        start: u32,
        /// The length of both, in seconds.
        period: u32,
        /// The units taken in the previous window.
        previous: u32,
        /// The units taken in the current window.
        current: u32,
    },
    /// A token bucket.
    Bucket {
        /// The time at which the bucket is full again.
        full_at: Nanos,
        /// The time in which one token is refilled.
        emission: Nanos,
    },
}

impl Counter {
    /// Returns the units that count as consumed at `now`.
    pub fn consumed(&self, now: Nanos) -> u64 {
        match *self {
            Self::Window { used, .. } => used,
            Self::Sliding {
                start,
                period,
                previous,
                current,
            } => {
                let length = u64::from(period.max(1)) * SECOND;
                let elapsed = now.saturating_sub(u64::from(start) * SECOND);
                let faded = |counter: u32, elapsed: u64| {
                    share(counter, length.saturating_sub(elapsed), length)
                };
                match elapsed.checked_sub(length) {
                    None => faded(previous, elapsed) + u64::from(current),
                    Some(elapsed) => faded(current, elapsed),
                }
            }
            Self::Bucket { full_at, emission } => {
                full_at.saturating_sub(now).div_ceil(emission.max(1))
            }
        }
    }

    /// Returns the earliest time at which the counter expires. A window does not show its length.
    #[inline]
    pub fn spent_at(&self) -> Nanos {
        match *self {
            Self::Window { start, .. } => start,
            Self::Sliding { start, period, .. } => {
                (u64::from(start) + 2 * u64::from(period)).saturating_mul(SECOND)
            }
            Self::Bucket { full_at, .. } => full_at,
        }
    }

    /// Packs the counter into two words and a tag, for compact storage.
    #[inline]
    pub fn pack(self) -> (u8, [u64; 2]) {
        let pair = |high: u32, low: u32| u64::from(high) << 32 | u64::from(low);
        match self {
            Self::Window { start, used } => (0, [start, used]),
            Self::Sliding {
                start,
                period,
                previous,
                current,
            } => (1, [pair(start, period), pair(previous, current)]),
            Self::Bucket { full_at, emission } => (2, [full_at, emission]),
        }
    }

    /// Unpacks a counter.
    #[inline]
    pub fn unpack(tag: u8, words: [u64; 2]) -> Self {
        let split = |word: u64| ((word >> 32) as u32, word as u32);
        match tag {
            0 => Self::Window {
                start: words[0],
                used: words[1],
            },
            1 => {
                let ((start, period), (previous, current)) = (split(words[0]), split(words[1]));
                Self::Sliding {
                    start,
                    period,
                    previous,
                    current,
                }
            }
            _ => Self::Bucket {
                full_at: words[0],
                emission: words[1],
            },
        }
    }
}
