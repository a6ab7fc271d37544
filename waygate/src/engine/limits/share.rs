//! The share of a limit that one process may grant while the shared store is unavailable.

use waygate_backends::MemoryCounters;
use waygate_core::{
    limit::{Quota, Rule, quota::Nanos},
    port::{Charge, LostUnits},
};

use super::standings::Standing;

/// Initializes the local counter of a charge from the shared one: the rest of the limit is divided among the
/// processes, as the whole limit is if nothing is known. `charge` has the process's share as its rule, and `capacity`
/// is that of all.
///
/// The consumption counts from the time of the store's reply, or for a fixed window from its start, so units return
/// when the shared counter would return them, or later. Units that this process granted in an earlier outage still
/// count.
pub(super) fn begin(
    local: &MemoryCounters,
    charge: &Charge<'_>,
    standing: Standing,
    capacity: u64,
    replicas: u32,
    now: Nanos,
) {
    let left = capacity.saturating_sub(standing.used);
    let share = left.div_ceil(u64::from(replicas.max(1)));
    let used = charge.rule.capacity().saturating_sub(share);
    if used == 0 || now >= standing.over {
        return;
    }
    let at = match charge.rule {
        Rule::Quota(Quota::FixedWindow { period, .. }) => standing.over.saturating_sub(*period),
        Rule::Quota(Quota::Calendar { start, .. }) if standing.at < *start => return,
        Rule::Quota(_) | Rule::Calendar(_) | Rule::Moving { .. } => standing.at,
    };
    let before = consumed(local, charge, now);
    local.forget_at(charge.counter_key, charge.key);
    add(local, charge, used, at);
    add(
        local,
        charge,
        before.saturating_sub(consumed(local, charge, now)),
        now,
    );
}

/// The part of this `standing` that the store no longer has. `scratch` counts nothing.
pub(super) fn lost<'a>(
    scratch: &MemoryCounters,
    charge: &Charge<'a>,
    standing: Standing,
    now: Nanos,
) -> LostUnits<'a> {
    let rule = &charge.rule.shared_by(1, now);
    let whole = charge.rule(rule);
    begin(scratch, &whole, standing, charge.rule.capacity(), 1, now);
    let still = consumed(scratch, &whole, now);
    scratch.forget_at(charge.counter_key, charge.key);
    let mut lost = LostUnits::new(*charge);
    lost.used = standing.used.min(charge.rule.capacity());
    lost.age = now.saturating_sub(standing.at);
    lost.still = still;
    lost.left = standing.over.saturating_sub(now);
    lost
}

/// The consumption of a local counter, up to its limit.
pub(super) fn consumed(local: &MemoryCounters, charge: &Charge<'_>, now: Nanos) -> u64 {
    let look = charge.cost(0);
    let outcome = local.charge_one_at(&look, now);
    outcome.limit.saturating_sub(outcome.remaining)
}

fn add(local: &MemoryCounters, charge: &Charge<'_>, units: u64, at: Nanos) {
    if units > 0 {
        let units = i64::try_from(units).unwrap_or(i64::MAX);
        local.adjust_at(charge, -units, at);
    }
}

#[cfg(test)]
mod tests {
    use waygate_core::{limit::quota::SECOND, port::CounterKey};

    use super::*;

    const HOUR: Nanos = 3_600 * SECOND;
    const NOW: Nanos = 500_000 * HOUR;

    fn rules() -> [Rule; 5] {
        let (capacity, start) = (100, NOW - 10 * HOUR);
        let end = start + 24 * HOUR;
        let bucket = Quota::TokenBucket {
            capacity,
            emission: HOUR / 100,
        };
        [
            Rule::Quota(Quota::FixedWindow {
                capacity,
                period: HOUR,
            }),
            Rule::Quota(Quota::Calendar {
                capacity,
                start,
                end,
            }),
            Rule::Quota(Quota::SlidingWindow {
                capacity: 100,
                period: 3_600,
            }),
            Rule::Moving {
                capacity,
                period: HOUR,
            },
            Rule::Quota(bucket),
        ]
    }

    /// How many of 200 requests pass, for one of so many replicas.
    fn passing(
        local: &MemoryCounters,
        rule: &Rule,
        standing: Option<Standing>,
        replicas: u32,
        now: Nanos,
    ) -> usize {
        let counter_key = CounterKey::new("GET:/", "default", 0, 0);
        let rule = rule.shared_by(replicas, now);
        let charge = Charge::new(&counter_key, b"203.0.113.7", &rule);
        if let Some(standing) = standing {
            begin(local, &charge, standing, 100, replicas, now);
        }
        let answers = (0..200).map(|_| local.charge_one_at(&charge, now).allowed);
        answers.filter(|allowed| *allowed).count()
    }

    fn known(used: u64, at: Nanos, over: Nanos) -> Option<Standing> {
        Some(Standing {
            used,
            limit: 100,
            at,
            over,
            losses: 0,
            is_local: false,
        })
    }

    #[test]
    fn what_was_left_is_shared_out() {
        for rule in &rules() {
            for (used, replicas, expected) in [
                (0, 1, 100),
                (0, 3, 34),
                (40, 1, 60),
                (40, 3, 20),
                (98, 3, 1),
                (100, 1, 0),
                (100, 3, 0),
                (170, 3, 0),
            ] {
                let (local, standing) = (MemoryCounters::new(), known(used, NOW, NOW + HOUR));
                let count = passing(&local, rule, standing, replicas, NOW);
                assert_eq!(
                    count, expected,
                    "{rule:?}, {used} used, {replicas} replicas"
                );
            }
        }
    }

    #[test]
    fn another_outage_goes_on() {
        for rule in &rules() {
            let local = MemoryCounters::new();
            let over = NOW + HOUR;
            assert_eq!(passing(&local, rule, known(40, NOW, over), 3, NOW), 20);
            assert_eq!(
                passing(&local, rule, known(40, NOW + 1, over), 3, NOW + 1),
                0
            );
            // Redis knows of less than was given out here.
            assert_eq!(passing(&local, rule, None, 3, NOW + 2), 0, "{rule:?}");
        }
    }

    #[test]
    fn a_window_ends_when_the_shared_one_does() {
        let [rule, ..] = rules();
        let (local, over) = (MemoryCounters::new(), NOW + 10 * SECOND);
        assert_eq!(passing(&local, &rule, known(100, NOW, over), 1, NOW), 0);
        assert_eq!(passing(&local, &rule, None, 1, over - 1), 0);
        assert_eq!(passing(&local, &rule, None, 1, over), 100);
        // A known value of one window does not apply to the next.
        assert_eq!(
            passing(
                &MemoryCounters::new(),
                &rule,
                known(100, NOW, over),
                1,
                over
            ),
            100
        );
    }
}
