use super::quota::{Nanos, SECOND, share};

/// What one key has consumed of one quota, apart from the quota itself: a limit that is changed while it runs finds
/// what was consumed before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Counter {
    /// A fixed or calendar window.
    Window {
        /// When it began.
        start: Nanos,
        /// What was taken since.
        used: u64,
    },
    /// Two windows that slide.
    Sliding {
        /// When the current one began, in seconds.
        start: u32,
        /// How long they are, in seconds.
        period: u32,
        /// What was taken in the one before.
        previous: u32,
        /// What was taken in the current one.
        current: u32,
    },
    /// A token bucket.
    Bucket {
        /// When the bucket is full again.
        full_at: Nanos,
        /// In how much time one token comes back.
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

    /// As two words and a tag, for stores that count bytes.
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

    /// The counter that was packed.
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
