//! The counters of the login throttle.

use std::{collections::VecDeque, time::Duration};

/// A count that has not grown for this time is reset.
pub(super) const FORGOTTEN_AFTER: Duration = Duration::from_secs(3_600);

/// The failures without a delay, and the longest delay after more of them.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pace {
    pub(super) free: u32,
    pub(super) longest: Duration,
}

/// Consecutive failures, and the time of the next attempt.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Backoff {
    failures: u32,
    last: Duration,
    until: Duration,
}

impl Backoff {
    pub(super) fn wait(&mut self, now: Duration) -> Duration {
        if now.saturating_sub(self.last) >= FORGOTTEN_AFTER {
            *self = Self::default();
        }
        self.until.saturating_sub(now)
    }

    /// Returns `true` if the next failure causes a delay.
    pub(super) fn exceeds(&self, pace: Pace) -> bool {
        self.failures >= pace.free
    }

    pub(super) fn fail(&mut self, now: Duration, pace: Pace) {
        self.failures = self.failures.saturating_add(1);
        self.last = now;
        if let Some(doublings) = self.failures.checked_sub(pace.free) {
            let delay = Duration::from_secs(1_u64.checked_shl(doublings).unwrap_or(u64::MAX));
            self.until = now.saturating_add(delay.min(pace.longest));
        }
    }

    pub(super) fn take_back(&mut self, pace: Pace) {
        self.failures = self.failures.saturating_sub(1);
        if !self.exceeds(pace) {
            self.until = Duration::ZERO;
        }
    }
}

/// A token bucket (GCRA): the time at which it is full again.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Bucket(Duration);

impl Bucket {
    /// Returns the time until there is a token.
    pub(super) fn wait(self, room: u32, each: Duration, now: Duration) -> Duration {
        let tolerance = each.saturating_mul(room.saturating_sub(1));
        self.0.saturating_sub(tolerance).saturating_sub(now)
    }

    pub(super) fn take(&mut self, each: Duration, now: Duration) {
        self.0 = self.0.max(now).saturating_add(each);
    }

    pub(super) fn give_back(&mut self, each: Duration) {
        self.0 = self.0.saturating_sub(each);
    }
}

/// The events of the last hour, oldest first.
#[derive(Debug, Default)]
pub(super) struct Window(VecDeque<Duration>);

impl Window {
    /// Adds an event, if there are fewer than `room`.
    pub(super) fn push(&mut self, room: usize, now: Duration) -> bool {
        let over = |at: &Duration| now.saturating_sub(*at) >= FORGOTTEN_AFTER;
        while self.0.front().is_some_and(over) {
            self.0.pop_front();
        }
        let fits = self.0.len() < room;
        if fits {
            self.0.push_back(now);
        }
        fits
    }
}
