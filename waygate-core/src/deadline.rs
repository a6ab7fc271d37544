use std::time::Duration;

use crate::port::Clock;

/// A deadline on the monotonic clock.
///
/// One deadline is passed through all steps of an operation, which share the time. Setting the wall clock does not move
/// it.
///
/// ```
/// # use std::time::Duration;
/// # use waygate_core::{Deadline, port::ManualClock};
/// let clock = ManualClock::at("2030-01-01T00:00:00Z".parse()?);
/// let deadline = Deadline::after(&clock, Duration::from_millis(50));
/// clock.advance(Duration::from_millis(20));
/// assert_eq!(deadline.remaining(&clock), Some(Duration::from_millis(30)));
/// clock.advance(Duration::from_millis(30));
/// assert_eq!(deadline.remaining(&clock), None);
/// # Ok::<(), jiff::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Deadline(Duration);

impl Deadline {
    /// Creates a deadline `limit` from now. One beyond the range of the clock never expires.
    pub fn after(clock: &(impl Clock + ?Sized), limit: Duration) -> Self {
        Self(clock.monotonic().saturating_add(limit))
    }

    /// Returns the remaining time; `None` after the deadline.
    pub fn remaining(self, clock: &(impl Clock + ?Sized)) -> Option<Duration> {
        let left = self.0.saturating_sub(clock.monotonic());
        (!left.is_zero()).then_some(left)
    }

    /// Returns whether there is no time left.
    pub fn is_over(self, clock: &(impl Clock + ?Sized)) -> bool {
        self.remaining(clock).is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::port::ManualClock;

    fn clock() -> ManualClock {
        ManualClock::at("2030-01-01T00:00:00Z".parse().unwrap())
    }

    #[test]
    fn expires_exactly_at_its_limit() {
        let clock = clock();
        let deadline = Deadline::after(&clock, Duration::from_nanos(2));
        assert_eq!(deadline.remaining(&clock), Some(Duration::from_nanos(2)));
        clock.advance(Duration::from_nanos(1));
        assert!(!deadline.is_over(&clock));
        clock.advance(Duration::from_nanos(1));
        assert!(deadline.is_over(&clock));
        clock.advance(Duration::from_secs(3600));
        assert_eq!(deadline.remaining(&clock), None);
    }

    #[test]
    fn a_limit_of_zero_is_over_immediately() {
        let clock = clock();
        assert!(Deadline::after(&clock, Duration::ZERO).is_over(&clock));
    }

    #[test]
    fn setting_the_wall_clock_does_not_move_it() {
        let clock = clock();
        let deadline = Deadline::after(&clock, Duration::from_secs(1));
        clock.set_wall("2040-01-01T00:00:00Z".parse().unwrap());
        assert_eq!(deadline.remaining(&clock), Some(Duration::from_secs(1)));
    }

    #[test]
    fn a_limit_beyond_the_clock_never_expires() {
        let clock = clock();
        clock.advance(Duration::from_secs(1));
        let deadline = Deadline::after(&clock, Duration::MAX);
        assert_eq!(
            deadline.remaining(&clock),
            Some(Duration::MAX - Duration::from_secs(1))
        );
    }

    #[test]
    fn works_behind_a_trait_object() {
        let clock: std::sync::Arc<dyn Clock> = std::sync::Arc::new(clock());
        assert!(!Deadline::after(&*clock, Duration::from_secs(1)).is_over(&*clock));
    }
}
