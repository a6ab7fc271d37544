use waygate_core::limit::quota::{Nanos, SECOND};

/// The time at which a counter expires: whole seconds since the Unix epoch, rounded up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Expiry(u32);

impl Expiry {
    pub(super) const PAST: Self = Self(0);

    #[inline]
    pub(super) fn at(time: Nanos) -> Self {
        let seconds = time.saturating_add(SECOND - 1) / SECOND;
        Self(u32::try_from(seconds).unwrap_or(u32::MAX))
    }

    /// Returns `true` if this is [`at`](Self::at) of this time.
    #[inline]
    pub(super) fn is_of(self, time: Nanos) -> bool {
        self.nanos().wrapping_sub(time) < SECOND
    }

    #[inline]
    pub(super) fn is_past(self, now: Nanos) -> bool {
        self.nanos() <= now
    }

    #[inline]
    pub(super) fn nanos(self) -> Nanos {
        u64::from(self.0) * SECOND
    }

    #[cfg(feature = "file")]
    pub(super) fn to_le_bytes(self) -> [u8; 4] {
        self.0.to_le_bytes()
    }

    #[cfg(feature = "file")]
    pub(super) fn from_le_bytes(bytes: [u8; 4]) -> Self {
        Self(u32::from_le_bytes(bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_rounded_up_to_its_expiry() {
        let now = 1_900_000_000 * SECOND;
        for time in [0, 1, now - 1, now, now + 1] {
            let expiry = Expiry::at(time);
            assert!(expiry.is_of(time), "{time}");
            assert!(!expiry.is_of(time + SECOND), "{time}");
            assert!(!Expiry::at(time + SECOND).is_of(time), "{time}");
        }
        assert!(!Expiry::at(Nanos::MAX).is_of(Nanos::MAX));
    }
}
