//! Refunds, and charges after the fact. They convert no counter to another quota.

use super::{
    Charged, Counter, Quota,
    nanos::Nanos,
    sliding::{Sliding, slot_of},
};

impl Quota {
    /// Returns `true` if this quota, or one that differs only in its capacity, may have counted the counter. A window does
    /// not show its length.
    pub fn may_have_counted(&self, counter: Counter) -> bool {
        match (*self, counter) {
            (Self::FixedWindow { .. } | Self::Calendar { .. }, Counter::Window { .. }) => true,
            (Self::SlidingWindow { period, .. }, Counter::Sliding { period: then, .. }) => {
                period == then
            }
            (Self::TokenBucket { emission, .. }, Counter::Bucket { emission: then, .. }) => {
                emission == then
            }
            _ => false,
        }
    }

    /// Refunds `units` that were taken just now, or charges them after the fact if negative. Usage never falls below
    /// zero, and a bucket never below empty. A counter of another quota is not converted: it gets no refund, and is
    /// charged by its own rule.
    pub fn adjust(&self, counter: Counter, units: i64, now: Nanos) -> Counter {
        let charged = units.unsigned_abs();
        if !self.may_have_counted(counter) {
            return match units {
                0.. => counter,
                _ => counter.charged(charged, now),
            };
        }
        let counter = self.at(counter, now);
        if units >= 0 {
            return counter.refunded(charged);
        }
        match (counter, counter.charged(charged, now)) {
            // Never below empty: the announced wait is final.
            (
                Counter::Bucket {
                    full_at: before, ..
                },
                Counter::Bucket { full_at, emission },
            ) => Counter::Bucket {
                full_at: full_at.min(now.saturating_add(self.window())).max(before),
                emission,
            },
            (_, charged) => charged,
        }
    }

    /// Refunds units that were taken before, to the window that they were taken from. Units that have decayed or were
    /// refilled since are not refunded, nor are those of another quota.
    pub fn refund(&self, counter: Counter, units: u64, charged: Charged, now: Nanos) -> Counter {
        if !self.may_have_counted(counter) {
            return counter;
        }
        let mut next = self.at(counter, now);
        match &mut next {
            Counter::Window { start, .. } if charged.at < *start => next,
            Counter::Window { .. } => next.refunded(units),
            Counter::Sliding {
                start,
                period,
                previous,
                ..
            } => match start.saturating_sub(slot_of(charged.at, *period)) {
                0 => next.refunded(units),
                // It decays with the rest of its slot.
                gap if gap == *period => {
                    let units = u32::try_from(units).unwrap_or(u32::MAX);
                    *previous = previous.saturating_sub(units);
                    next
                }
                _ => next,
            },
            // Tokens are refilled in the order in which they were charged.
            Counter::Bucket { full_at, emission } => {
                let price = units.saturating_mul(*emission);
                *full_at = full_at.saturating_sub(price.min(charged.left(now)));
                next
            }
        }
    }

    /// Returns the counter in its window at `now`. A bucket has none, and keeps a debt beyond the capacity, which
    /// another quota may have allowed.
    fn at(&self, counter: Counter, now: Nanos) -> Counter {
        match counter {
            Counter::Bucket { .. } => counter,
            Counter::Window { .. } | Counter::Sliding { .. } => {
                self.charge(Some(counter), 0, now).0
            }
        }
    }
}

impl Counter {
    /// Charges units after the fact, without a limit, by the rule that has counted the others.
    #[must_use]
    pub fn charged(self, units: u64, now: Nanos) -> Self {
        match self {
            Self::Window { start, used } => Self::Window {
                start,
                used: used.saturating_add(units),
            },
            Self::Sliding { period, .. } => {
                Sliding::at(Some(self), period.max(1), now).charged(units)
            }
            Self::Bucket { full_at, emission } => Self::Bucket {
                full_at: full_at
                    .max(now)
                    .saturating_add(units.saturating_mul(emission)),
                emission,
            },
        }
    }

    /// Refunds units that were taken in the current window, as far as they count.
    fn refunded(self, units: u64) -> Self {
        match self {
            Self::Window { start, used } => Self::Window {
                start,
                used: used.saturating_sub(units),
            },
            Self::Sliding {
                start,
                period,
                previous,
                current,
            } => Self::Sliding {
                start,
                period,
                previous,
                current: current.saturating_sub(u32::try_from(units).unwrap_or(u32::MAX)),
            },
            Self::Bucket { full_at, emission } => Self::Bucket {
                full_at: full_at.saturating_sub(units.saturating_mul(emission)),
                emission,
            },
        }
    }
}
