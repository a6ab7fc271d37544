use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use waygate_core::{
    Timestamp,
    limit::quota::{Nanos, SECOND},
    port::Clock,
};

/// The clock of the counters: the wall clock of the last sync, plus the monotonic time since then.
///
/// Small corrections of the wall clock are applied gradually. A step of more than two seconds (or a machine that
/// slept) is applied immediately, because calendar days and months follow the wall clock.
#[derive(Debug)]
pub(crate) struct LimitClock {
    clock: Arc<dyn Clock>,
    /// The wall clock's time when the monotonic clock was at zero.
    origin: AtomicU64,
}

/// The largest correction that is applied gradually.
const SLACK: Nanos = 2 * SECOND;
/// The step of a gradual correction.
const SLEW: Nanos = SECOND / 200;

impl LimitClock {
    pub(crate) fn new(clock: Arc<dyn Clock>) -> Self {
        Self {
            origin: AtomicU64::new(origin(&*clock)),
            clock,
        }
    }

    #[inline]
    pub(crate) fn now(&self) -> Nanos {
        let passed = nanos(self.clock.monotonic());
        self.origin.load(Ordering::Relaxed).saturating_add(passed)
    }

    /// Syncs with the wall clock.
    pub(crate) fn follow(&self) {
        let (known, found) = (self.origin.load(Ordering::Relaxed), origin(&*self.clock));
        let next = if known.abs_diff(found) > SLACK {
            let seconds = known.abs_diff(found) / SECOND;
            tracing::warn!(
                seconds,
                "the wall clock was changed; rate-limit windows follow it"
            );
            found
        } else {
            found.clamp(known.saturating_sub(SLEW), known.saturating_add(SLEW))
        };
        self.origin.store(next, Ordering::Relaxed);
    }
}

fn origin(clock: &dyn Clock) -> Nanos {
    let wall = u64::try_from(clock.now().as_nanosecond()).unwrap_or(0);
    wall.saturating_sub(nanos(clock.monotonic()))
}

fn nanos(duration: Duration) -> Nanos {
    // 584 years.
    duration.as_secs().saturating_mul(SECOND) + u64::from(duration.subsec_nanos())
}

/// A time of the counters as a timestamp, with microseconds.
pub(crate) fn instant(at: Nanos) -> Timestamp {
    let micros = i64::try_from(at / 1_000).unwrap_or(i64::MAX);
    Timestamp::from_microsecond(micros).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use waygate_core::port::ManualClock;

    use super::*;

    #[test]
    fn only_a_clock_that_is_set_far_is_followed() {
        let clock = ManualClock::at("2030-01-01T00:00:00Z".parse().unwrap());
        let limits = LimitClock::new(Arc::new(clock.clone()));
        let start = limits.now();
        assert_eq!(instant(start), clock.now());
        clock.advance(Duration::from_millis(1_500));
        assert_eq!(limits.now(), start + 1_500 * SECOND / 1_000);

        clock.set_wall("2030-01-01T00:00:02Z".parse().unwrap());
        limits.follow();
        assert_eq!(limits.now(), start + 1_505 * SECOND / 1_000);

        clock.set_wall("2030-01-02T00:00:00Z".parse().unwrap());
        assert_eq!(limits.now(), start + 1_505 * SECOND / 1_000);
        limits.follow();
        assert_eq!(instant(limits.now()), clock.now());
    }
}
