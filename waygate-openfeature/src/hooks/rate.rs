use std::sync::atomic::{AtomicU64, Ordering};

/// Counts events of the current second, up to a limit.
#[derive(Debug, Default)]
pub(super) struct Rate(
    /// The second in the upper half, the events in the lower one.
    AtomicU64,
);

impl Rate {
    /// Counts an event, unless there are `limit` in this second already. Returns whether it was counted.
    pub(super) fn allows(&self, limit: u32, second: i64) -> bool {
        // Seconds are compared for equality only, so the lower half is enough.
        let second = u64::from(second as u32) << 32;
        let next = |before: u64| {
            let count = match before & !u64::from(u32::MAX) == second {
                true => before & u64::from(u32::MAX),
                false => 0,
            };
            (count < u64::from(limit)).then(|| second | (count + 1))
        };
        self.0
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, next)
            .is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_second_has_its_own_events() {
        let rate = Rate::default();
        for second in [5, 6, -1, i64::MIN] {
            assert!(rate.allows(2, second));
            assert!(rate.allows(2, second));
            assert!(!rate.allows(2, second));
        }
        assert!(!rate.allows(0, 7));
        assert!(rate.allows(1, 8));
    }
}
