//! The expected results of the scripts, by the Rust arithmetic.

use std::mem::discriminant;

use waygate_core::limit::{
    Charged, Counter, MovingLog, Outcome, Quota, Rule,
    quota::{Nanos, SECOND},
};

use super::{MILLISECOND, START};

/// The usage of one key, and its rule.
#[derive(Debug, Clone, Default)]
pub(super) enum Model {
    #[default]
    Nothing,
    Counted(Quota, Counter),
    /// With the period and the time of the last change.
    Logged(Nanos, Nanos, MovingLog),
}

impl Model {
    /// Returns the counter as another quota finds it.
    pub(super) fn counter(&self, now: Nanos) -> Option<Counter> {
        match self.clone() {
            Self::Nothing => None,
            Self::Counted(quota, counter) => (quota.spent_at(counter) > now).then_some(counter),
            Self::Logged(period, changed, _) if now > changed + period => None,
            Self::Logged(period, _, mut log) => {
                log.charge(u64::MAX, period, 0, now);
                (log.used() > 0).then(|| Counter::Window {
                    start: now,
                    used: log.used(),
                })
            }
        }
    }

    pub(super) fn log(&self, now: Nanos) -> MovingLog {
        match self {
            Self::Logged(period, changed, log) if now <= changed + period => return log.clone(),
            _ => {}
        }
        let mut log = MovingLog::default();
        let used = self.counter(now).map_or(0, |counter| counter.consumed(now));
        if used > 0 {
            log.adjust(-(used as i64), now);
        }
        log
    }

    pub(super) fn charge(&self, rule: &Rule, cost: u64, now: Nanos) -> (Self, Outcome) {
        match rule {
            Rule::Moving { capacity, period } => {
                let mut log = self.log(now);
                let outcome = log.charge(*capacity, *period, cost, now);
                (Self::Logged(*period, now, log), outcome)
            }
            rule => {
                let quota = rule.quota(now).unwrap();
                let (counter, outcome) = quota.charge(self.counter(now), cost, now);
                (Self::Counted(quota, counter), outcome)
            }
        }
    }

    /// Returns what is stored of `next` after a refusal: usage counted by another rule is converted.
    pub(super) fn refused(&self, next: Self, now: Nanos) -> Self {
        let consumed = self.counter(now).map_or(0, |counter| counter.consumed(now));
        let stays = match (self, &next) {
            (Self::Logged(before, ..), Self::Logged(after, ..)) => before == after,
            (Self::Counted(before, _), Self::Counted(after, _)) => match (before, after) {
                (
                    Quota::TokenBucket { emission: a, .. },
                    Quota::TokenBucket { emission: b, .. },
                ) => a == b && consumed <= after.capacity(),
                (Quota::Calendar { .. }, Quota::Calendar { .. }) => true,
                _ => {
                    discriminant(before) == discriminant(after) && before.window() == after.window()
                }
            },
            _ => false,
        };
        match stays || consumed == 0 {
            true => self.trimmed(next, now),
            false => next,
        }
    }

    /// Returns what is stored of `next` when nothing was charged: expired requests are removed.
    pub(super) fn trimmed(&self, next: Self, now: Nanos) -> Self {
        match (self, next) {
            (Self::Logged(period, changed, _), Self::Logged(_, _, log))
                if now <= changed + period =>
            {
                Self::Logged(*period, *changed, log)
            }
            _ => self.clone(),
        }
    }

    /// Returns `true` if nothing is counted, or by a rule that differs from this one in its capacity only. A log serves
    /// every period.
    fn is_of(&self, rule: &Rule, now: Nanos) -> bool {
        let is_over = match self {
            Self::Logged(period, changed, log) => now > changed + period || log.used() == 0,
            _ => self.counter(now).is_none(),
        };
        is_over
            || match (self, rule.quota(now)) {
                (Self::Counted(before, _), Some(after)) => match (before, after) {
                    (
                        Quota::TokenBucket { emission: a, .. },
                        Quota::TokenBucket { emission: b, .. },
                    ) => *a == b,
                    _ => {
                        discriminant(before) == discriminant(&after)
                            && before.window() == after.window()
                    }
                },
                (Self::Logged(..), None) => true,
                _ => false,
            }
    }

    /// Returns the period of the log, if it still counts.
    fn period(&self, of_rule: Nanos, now: Nanos) -> Nanos {
        match self {
            Self::Logged(period, changed, _) if now <= changed + period => *period,
            _ => of_rule,
        }
    }

    pub(super) fn adjusted(&self, rule: &Rule, units: i64, now: Nanos) -> Self {
        if !self.is_of(rule, now) {
            return match self {
                _ if units >= 0 => self.clone(),
                Self::Counted(quota, counter) => {
                    Self::Counted(*quota, counter.charged(units.unsigned_abs(), now))
                }
                Self::Logged(period, _, _) => self.adjusted(
                    &Rule::Moving {
                        capacity: 0,
                        period: *period,
                    },
                    units,
                    now,
                ),
                Self::Nothing => unreachable!(),
            };
        }
        match rule {
            Rule::Moving { period, .. } => {
                let (mut log, period) = (self.log(now), self.period(*period, now));
                log.charge(u64::MAX, period, 0, now);
                log.adjust(units, now);
                Self::Logged(period, now, log)
            }
            rule => {
                let quota = rule.quota(now).unwrap();
                let counter = self.counter(now);
                if counter.is_none() && units >= 0 {
                    return self.clone();
                }
                let counter = counter.unwrap_or_else(|| quota.charge(None, 0, now).0);
                Self::Counted(quota, quota.adjust(counter, units, now))
            }
        }
    }
}

/// The error that the scripts allow for the time of a charge.
const SLACK: Nanos = 100 * MILLISECOND;

impl Model {
    pub(super) fn refunded(&self, rule: &Rule, units: u64, taken: Charged, now: Nanos) -> Self {
        if !self.is_of(rule, now) {
            return self.clone();
        }
        match (rule, self) {
            (Rule::Moving { .. }, Self::Logged(period, changed, _)) => {
                if now > changed + period {
                    return self.clone();
                }
                let mut log = self.log(now);
                log.charge(u64::MAX, *period, 0, now);
                log.refund(units, taken.at + SLACK);
                Self::Logged(*period, now, log)
            }
            (Rule::Moving { .. }, _) => self.clone(),
            (rule, _) => {
                let quota = rule.quota(now).unwrap();
                let Some(counter) = self.counter(now) else {
                    return self.clone();
                };
                let at = match quota {
                    Quota::SlidingWindow { .. } => taken.at - SLACK,
                    _ => taken.at,
                };
                let taken = Charged { at, ..taken };
                Self::Counted(quota, quota.refund(counter, units, taken, now))
            }
        }
    }
}

/// Times are multiples of 10 ms, so that no window ends at a time that is used: Redis expires keys by milliseconds, and
/// may decide otherwise if a millisecond matters.
pub(super) fn any_rule(random: &mut fastrand::Rng) -> Rule {
    let capacity = random.u64(0..12);
    let period = (random.u64(1..400) * 10 + 5) * MILLISECOND;
    match random.u8(0..5) {
        0 => Rule::Quota(Quota::FixedWindow { capacity, period }),
        1 => {
            // Equal for all: of two windows, the scripts keep the later one, even if the caller's clock goes back.
            let start = START - START % SECOND;
            // After the test: beyond its end by the caller's clock, a window is kept for a while.
            let end = start + random.u64(100..200) * SECOND;
            Rule::Quota(Quota::Calendar {
                capacity,
                start,
                end,
            })
        }
        2 => Rule::Quota(Quota::SlidingWindow {
            capacity: capacity as u32,
            period: random.u32(1..5),
        }),
        3 => Rule::Quota(Quota::TokenBucket {
            capacity: capacity.max(1),
            emission: random.u64(1..3 * SECOND),
        }),
        _ => Rule::Moving { capacity, period },
    }
}

pub(super) fn agree(lua: &Outcome, rust: &Outcome) -> bool {
    let near = |a: Nanos, b: Nanos| a.abs_diff(b) <= MILLISECOND;
    (lua.allowed, lua.limit, lua.remaining) == (rust.allowed, rust.limit, rust.remaining)
        && near(lua.reset_after, rust.reset_after)
        && near(lua.retry_after, rust.retry_after)
}
