use std::sync::atomic::{AtomicU64, Ordering};

use jiff::{Timestamp, ToSpan, ZonedDateTime, tz::TimeZone};

use super::quota::{Nanos, Quota, SECOND};
use crate::{
    grammar::{self, Algorithm, CalendarUnit, Limit, Period, Rate},
    model::RateLimitPolicy,
};

/// One rate of a policy, ready for counting.
///
/// ```
/// use waygate_core::{limit::{Rule, quota::SECOND}, model::RateLimitPolicy};
///
/// let policy = RateLimitPolicy::new("100/minute".parse()?)?;
/// let rules = Rule::compile(&policy, &policy.limit);
/// assert_eq!(rules[0].capacity(), 100);
/// assert_eq!(rules[0].quota(0).map(|quota| quota.window()), Some(60 * SECOND));
/// assert_eq!(rules[0].window_seconds(0), 60);
/// assert_eq!(rules[0].longest_wait(0), 60 * SECOND);
/// assert_eq!(rules[0].shared_by(2, 0).capacity(), 50);
/// # Ok::<(), waygate_core::grammar::Invalid>(())
/// ```
#[derive(Debug)]
pub enum Rule {
    /// Counted in a few bytes.
    Quota(Quota),
    /// Counted in a log of every request.
    Moving {
        /// The capacity of any window.
        capacity: u64,
        /// Its length.
        period: Nanos,
    },
    /// A fixed window with the start and end of a calendar period.
    Calendar(Calendar),
}

impl Rule {
    /// Compiles the rates of one limit of a policy.
    pub fn compile(policy: &RateLimitPolicy, limit: &Limit) -> Vec<Self> {
        let rules = policy.rates(limit).map(|rate| Self::of(policy, rate));
        rules.collect()
    }

    fn of(policy: &RateLimitPolicy, rate: Rate) -> Self {
        let capacity = grammar::capacity(rate, policy.algorithm);
        let (seconds, unit) = match rate.period() {
            Period::Calendar(unit) => (0, Some(unit)),
            rolling @ Period::Rolling { .. } => (rolling.seconds().unwrap_or(1), None),
        };
        if let Some(unit) = unit {
            return Self::Calendar(Calendar {
                capacity,
                unit,
                zone: policy.time_zone.to_time_zone(),
                window: AtomicU64::new(0),
            });
        }
        let period = seconds * SECOND;
        match policy.algorithm {
            Algorithm::FixedWindow => Self::Quota(Quota::FixedWindow { capacity, period }),
            Algorithm::SlidingWindow => Self::Quota(Quota::SlidingWindow {
                capacity: u32::try_from(capacity).unwrap_or(u32::MAX),
                period: u32::try_from(seconds).unwrap_or(u32::MAX),
            }),
            Algorithm::MovingWindow => Self::Moving { capacity, period },
            Algorithm::TokenBucket => Self::Quota(Quota::TokenBucket {
                capacity,
                // Rounded up: never more than the rate.
                emission: period.div_ceil(rate.amount().max(1)).max(1),
            }),
        }
    }

    /// Returns the quota at `now`, or `None` if a log counts.
    #[inline]
    pub fn quota(&self, now: Nanos) -> Option<Quota> {
        match self {
            Self::Quota(quota) => Some(*quota),
            Self::Calendar(calendar) => Some(calendar.quota(now)),
            Self::Moving { .. } => None,
        }
    }

    /// Returns the share of one of `replicas` processes that cannot ask each other.
    pub fn shared_by(&self, replicas: u32, now: Nanos) -> Self {
        match self {
            Self::Moving { capacity, period } => Self::Moving {
                capacity: capacity.div_ceil(u64::from(replicas.max(1))),
                period: *period,
            },
            Self::Quota(quota) => Self::Quota(quota.shared_by(replicas)),
            Self::Calendar(calendar) => Self::Quota(calendar.quota(now).shared_by(replicas)),
        }
    }

    /// Returns the most that a request can cost.
    pub fn capacity(&self) -> u64 {
        match self {
            Self::Quota(quota) => quota.capacity(),
            Self::Moving { capacity, .. } => *capacity,
            Self::Calendar(calendar) => calendar.capacity,
        }
    }

    /// Returns the longest time for which a charge counts.
    pub fn longest_wait(&self, now: Nanos) -> Nanos {
        match self {
            Self::Moving { period, .. } => *period,
            other => other
                .quota(now)
                .map_or(SECOND, |quota| quota.longest_wait()),
        }
    }

    /// Returns the window in whole seconds, rounded up: the `w` of `RateLimit-Policy`.
    pub fn window_seconds(&self, now: Nanos) -> u64 {
        let window = match self {
            Self::Moving { period, .. } => *period,
            other => other.quota(now).map_or(SECOND, |quota| quota.window()),
        };
        window.div_ceil(SECOND).max(1)
    }
}

/// A quota per day or month of a time zone.
///
/// ```
/// use waygate_core::{
///     limit::{Quota, Rule},
///     model::RateLimitPolicy,
/// };
///
/// let policy = RateLimitPolicy::new("1000/calendar day".parse()?)?;
/// if let [Rule::Calendar(calendar)] = &Rule::compile(&policy, &policy.limit)[..] {
///     assert!(matches!(calendar.quota(0), Quota::Calendar { capacity: 1000, .. }));
/// }
/// # Ok::<(), waygate_core::grammar::Invalid>(())
/// ```
#[derive(Debug)]
pub struct Calendar {
    capacity: u64,
    unit: CalendarUnit,
    zone: TimeZone,
    /// Start and end of the last window, in seconds; a cache, because time zone lookups are slow.
    window: AtomicU64,
}

impl Calendar {
    /// Returns the quota of the window that contains `now`.
    pub fn quota(&self, now: Nanos) -> Quota {
        let seconds = now / SECOND;
        let known = self.window.load(Ordering::Relaxed);
        let (start, end) = (known >> 32, known & u64::from(u32::MAX));
        let (start, end) = if (start..end).contains(&seconds) {
            (start, end)
        } else {
            let (start, end) = self.around(seconds);
            if end <= u64::from(u32::MAX) {
                self.window.store(start << 32 | end, Ordering::Relaxed);
            }
            (start, end)
        };
        Quota::Calendar {
            capacity: self.capacity,
            start: start * SECOND,
            end: end.saturating_mul(SECOND),
        }
    }

    #[cold]
    fn around(&self, seconds: u64) -> (u64, u64) {
        let day = 86_400;
        let fallback = (seconds - seconds % day, seconds - seconds % day + day);
        let Some(now) = i64::try_from(seconds)
            .ok()
            .and_then(|seconds| Timestamp::from_second(seconds).ok())
        else {
            return fallback;
        };
        self.bounds(&now.to_zoned_datetime(self.zone.clone()))
            .unwrap_or(fallback)
    }

    fn bounds(&self, now: &ZonedDateTime) -> Option<(u64, u64)> {
        let (first, next) = match self.unit {
            CalendarUnit::Day => (now.date(), now.date().checked_add(1.day()).ok()?),
            CalendarUnit::Month => {
                let first = now.date().first_of_month();
                (first, first.checked_add(1.month()).ok()?)
            }
        };
        // If a clock change skips midnight, the day starts right after it.
        let at = |date: jiff::civil::Date| {
            let midnight = date.to_zoned_datetime(self.zone.clone()).ok()?;
            u64::try_from(midnight.timestamp().as_second()).ok()
        };
        Some((at(first)?, at(next)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(fields: serde_json::Value) -> Vec<Rule> {
        let policy: RateLimitPolicy = serde_json::from_value(fields).unwrap();
        Rule::compile(&policy, &policy.limit)
    }

    fn quota(fields: serde_json::Value) -> Quota {
        rules(fields)[0].quota(0).unwrap()
    }

    fn nanos(text: &str) -> Nanos {
        text.parse::<Timestamp>().unwrap().as_nanosecond() as Nanos
    }

    #[test]
    fn a_burst_widens_a_window_and_is_the_depth_of_a_bucket() {
        let json = |text| serde_json::from_str(text).unwrap();
        assert_eq!(
            quota(json(r#"{"limit": "100/minute", "burst": 20}"#)),
            Quota::FixedWindow {
                capacity: 120,
                period: 60 * SECOND
            }
        );
        assert_eq!(
            quota(json(
                r#"{"limit": "100/minute burst 20", "algorithm": "token_bucket"}"#
            )),
            Quota::TokenBucket {
                capacity: 20,
                emission: SECOND * 6 / 10
            }
        );
        assert_eq!(
            quota(json(r#"{"limit": "7/s", "algorithm": "token_bucket"}"#)),
            Quota::TokenBucket {
                capacity: 7,
                emission: 142_857_143
            }
        );
        assert_eq!(
            quota(json(
                r#"{"limit": "3/2 hours", "algorithm": "sliding_window"}"#
            )),
            Quota::SlidingWindow {
                capacity: 3,
                period: 7_200
            }
        );
        let moving = &rules(json(
            r#"{"limit": "3/hour", "algorithm": "moving_window", "burst": 1}"#,
        ))[0];
        assert!(matches!(moving, Rule::Moving { capacity: 4, .. }));
        assert_eq!((moving.capacity(), moving.window_seconds(0)), (4, 3_600));
    }

    #[test]
    fn days_and_months_follow_the_time_zone() {
        let window = |unit: &str, zone: &str, now: &str| {
            let rules = rules(
                serde_json::json!({"limit": format!("5/calendar {unit}"), "time_zone": zone}),
            );
            for _ in 0..2 {
                // The second time from the cache.
                let Some(Quota::Calendar {
                    start,
                    end,
                    capacity: 5,
                }) = rules[0].quota(nanos(now))
                else {
                    panic!("no calendar");
                };
                assert!(start <= nanos(now) && nanos(now) < end);
                if rules[0].quota(nanos(now)) == rules[0].quota(nanos(now) + 1) {
                    return (start, end);
                }
            }
            panic!("the window differs from one nanosecond to the next");
        };
        for (unit, zone, now, start, end) in [
            (
                "day",
                "UTC",
                "2026-11-24T12:00:00Z",
                "2026-11-24T00:00:00Z",
                "2026-11-25T00:00:00Z",
            ),
            // Clocks go forward: 23 hours.
            (
                "day",
                "Europe/Berlin",
                "2026-03-29T12:00:00Z",
                "2026-03-28T23:00:00Z",
                "2026-03-29T22:00:00Z",
            ),
            // No midnight: the day starts at one o'clock.
            (
                "day",
                "America/Sao_Paulo",
                "2018-11-04T12:00:00Z",
                "2018-11-04T03:00:00Z",
                "2018-11-05T02:00:00Z",
            ),
            (
                "month",
                "Asia/Tokyo",
                "2028-02-29T14:59:59Z",
                "2028-01-31T15:00:00Z",
                "2028-02-29T15:00:00Z",
            ),
            (
                "month",
                "UTC",
                "2026-12-31T23:59:59Z",
                "2026-12-01T00:00:00Z",
                "2027-01-01T00:00:00Z",
            ),
        ] {
            assert_eq!(
                window(unit, zone, now),
                (nanos(start), nanos(end)),
                "{unit} {zone} {now}"
            );
        }
    }
}
