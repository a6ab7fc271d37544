use waygate_core::{
    limit::{Quota, Rule, quota::Nanos},
    port::Charge,
};

/// Numbers in the scripts are exact up to 2^53, so sums of two are exact up to this.
const MOST: u64 = 1 << 52;
pub(super) const MICROSECOND: Nanos = 1_000;
pub(super) const MILLISECOND: Nanos = 1_000_000;

/// A rule in terms of the scripts.
///
/// The scripts count in whole numbers below 2^53 and in microseconds. Amounts beyond 2^52 count as 2^52. A window is a
/// whole number of milliseconds, packed into one number with its usage if both fit. The debt of a bucket is counted in
/// nanoseconds up to 52 days, and in microseconds beyond.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Plan {
    kind: Kind,
    capacity: u64,
    a: u64,
    b: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Kind {
    /// A fixed window in one number.
    Packed,
    Fixed,
    Calendar,
    Sliding,
    Bucket,
    Moving,
}

impl Plan {
    /// Returns the plan of a rule at the caller's time, which only a calendar needs.
    pub(super) fn of(rule: &Rule, now: Nanos) -> Self {
        let plan = |kind, capacity: u64, a, b| Self {
            kind,
            capacity: capacity.min(MOST),
            a,
            b,
        };
        let moving = |capacity, period: Nanos| {
            plan(
                Kind::Moving,
                capacity,
                period.div_ceil(MICROSECOND).clamp(1, MOST),
                0,
            )
        };
        let quota = match rule {
            Rule::Moving { capacity, period } => return moving(*capacity, *period),
            Rule::Quota(quota) => *quota,
            Rule::Calendar(calendar) => calendar.quota(now),
        };
        match quota {
            Quota::FixedWindow { capacity, period } => {
                let milliseconds = period.div_ceil(MILLISECOND).max(1);
                // Twice the period, and twice the usage.
                let bits = |number: u64| u64::BITS - number.leading_zeros() + 1;
                let kind = if bits(milliseconds) + bits(capacity) <= 53 {
                    Kind::Packed
                } else {
                    Kind::Fixed
                };
                plan(kind, capacity, milliseconds * 1_000, milliseconds)
            }
            Quota::Calendar {
                capacity,
                start,
                end,
            } => plan(
                Kind::Calendar,
                capacity,
                start / MICROSECOND,
                (end / MICROSECOND).max(start / MICROSECOND + 1),
            ),
            Quota::SlidingWindow { capacity, period } => plan(
                Kind::Sliding,
                u64::from(capacity),
                u64::from(period.max(1)),
                0,
            ),
            Quota::TokenBucket { capacity, emission } => {
                let (capacity, emission) = (capacity.clamp(1, MOST), emission.max(1));
                let fits = |emission: Nanos| {
                    capacity
                        .checked_mul(emission)
                        .is_some_and(|depth| depth <= MOST)
                };
                let coarse = emission.div_ceil(MICROSECOND);
                if fits(emission) {
                    plan(Kind::Bucket, capacity, emission, MICROSECOND)
                } else if emission >= MILLISECOND && fits(coarse) {
                    plan(Kind::Bucket, capacity, coarse, 1)
                } else {
                    // More than any client will use, so the largest number that can be counted.
                    let emission = emission.min(MOST);
                    plan(Kind::Bucket, MOST / emission, emission, MICROSECOND)
                }
            }
        }
    }

    /// Returns the text of a charge by this plan, as the scripts read it.
    pub(super) fn text(&self, cost: i64, enforced: bool) -> String {
        let Self { capacity, a, b, .. } = *self;
        let enforced = u8::from(enforced);
        let rest = format_args!("{capacity}:{a}:{b}:{cost}:{enforced}");
        match self.kind {
            Kind::Packed => format!("W:w{b}:{capacity}:{cost}:{enforced}"),
            Kind::Fixed => format!("F:f{b}:{rest}"),
            Kind::Calendar => format!("C:c:{rest}"),
            Kind::Sliding => format!("S:s{a}:{rest}"),
            Kind::Bucket => format!("B:b{a}{}:{rest}", if b == 1 { 'u' } else { 'n' }),
            Kind::Moving => format!("M:m:{rest}"),
        }
    }

    /// Returns `true` if all units are refilled at one moment, after `reset_after`.
    pub(super) fn ends_at_once(&self) -> bool {
        matches!(self.kind, Kind::Packed | Kind::Fixed | Kind::Calendar)
    }
}

/// Returns the cost in the range of the scripts.
pub(super) fn cost_of(charge: &Charge<'_>) -> i64 {
    // No more than 2^52 + 1, which is more than any capacity.
    charge.cost.min(MOST + 1) as i64
}

/// Returns the units in the range of the scripts.
pub(super) fn units_of(units: i64) -> i64 {
    units.clamp(-(MOST as i64), MOST as i64)
}

#[cfg(test)]
mod tests {
    use waygate_core::limit::quota::SECOND;

    use super::*;

    fn bucket(capacity: u64, emission: Nanos) -> (u64, u64, u64) {
        let plan = Plan::of(&Rule::Quota(Quota::TokenBucket { capacity, emission }), 0);
        assert!(plan.capacity * plan.a <= MOST);
        (plan.capacity, plan.a, plan.b)
    }

    fn window(capacity: u64, milliseconds: u64) -> Kind {
        let period = milliseconds * MILLISECOND;
        Plan::of(&Rule::Quota(Quota::FixedWindow { capacity, period }), 0).kind
    }

    #[test]
    fn windows_are_packed_where_end_and_usage_fit() {
        assert_eq!(window((1 << 34) - 1, 131_071), Kind::Packed);
        assert_eq!(window(1 << 34, 131_071), Kind::Fixed);
        assert_eq!(window((1 << 34) - 1, 131_072), Kind::Fixed);
        assert_eq!(window(0, 1), Kind::Packed);
        assert_eq!(window(u64::MAX, 1), Kind::Fixed);
        // A hundred thousand in 30 days.
        assert_eq!(window(100_000, 30 * 86_400_000), Kind::Packed);
    }

    #[test]
    fn numbers_stay_in_the_range_of_the_scripts() {
        let year = 31_557_600 * SECOND;
        assert_eq!(bucket(7, 142_857_143), (7, 142_857_143, 1_000));
        // A thousand a year: in microseconds.
        assert_eq!(bucket(1_000, year / 1_000), (1_000, year / 1_000_000, 1));
        // A quadrillion a year.
        assert_eq!(bucket(1 << 52, 32), (MOST / 32, 32, 1_000));
        assert_eq!(bucket(1 << 53, u64::MAX), (1, MOST, 1_000));
    }
}
