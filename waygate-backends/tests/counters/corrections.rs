//! Corrections of requests that were admitted before the limit changed.

use proptest::{collection::vec, prelude::*};
use waygate_backends::MemoryCounters;
use waygate_core::{
    limit::{
        Charged, Quota, Rule,
        quota::{Nanos, SECOND},
    },
    port::Charge,
};

use super::kit::*;

/// Limits of each algorithm, over long and short times.
fn any_rule() -> impl Strategy<Value = Rule> {
    (1u32..13, prop_oneof![Just(7u32), 1..400u32], 0..4).prop_map(|(capacity, seconds, kind)| {
        let (amount, period) = (u64::from(capacity), u64::from(seconds) * SECOND);
        match kind {
            0 => Rule::Quota(Quota::FixedWindow {
                capacity: amount,
                period,
            }),
            1 => Rule::Quota(Quota::SlidingWindow {
                capacity,
                period: seconds,
            }),
            2 => Rule::Quota(Quota::TokenBucket {
                capacity: amount,
                emission: period,
            }),
            _ => Rule::Moving {
                capacity: amount,
                period,
            },
        }
    })
}

fn requests() -> impl Strategy<Value = Vec<(Nanos, u64)>> {
    let gap = prop_oneof![Just(0), 0..20 * SECOND, 0..400 * SECOND];
    vec((gap, 1u64..4), 0..12)
}

fn remaining(counters: &MemoryCounters, charge: Charge<'_>, now: Nanos) -> u64 {
    counters.charge_one_at(&charge.cost(0), now).remaining
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    /// A refund leaves at most its units more than without it, and a charge leaves no more.
    #[test]
    fn they_never_leave_more_than_their_units(
        rules in [any_rule(), any_rule()],
        requests in [requests(), requests()],
        correction in -5i64..6,
        just_now in any::<bool>(),
        gap in prop_oneof![Just(0), 0..20 * SECOND, 0..400 * SECOND],
        looks in vec(0..400 * SECOND, 1..6),
    ) {
        let counter_key = counter_key();
        let [before, after] = rules.each_ref().map(|rule| ask(&counter_key, b"client", rule));
        let (corrected, plain) = (MemoryCounters::new(), MemoryCounters::new());
        let (mut now, mut taken) = (START, None);
        for (charge, requests) in [before, after].into_iter().zip(requests) {
            for (gap, cost) in requests {
                now += gap;
                let outcome = corrected.charge_one_at(&charge.cost(cost), now);
                plain.charge_one_at(&charge.cost(cost), now);
                taken = taken.or(Some(Charged::new(now, &outcome)).filter(|_| outcome.allowed));
            }
        }
        now += gap;
        let units = correction.unsigned_abs();
        match taken {
            Some(taken) if correction > 0 && !just_now => {
                corrected.refund_at(&before, units, taken, now);
            }
            _ => corrected.adjust_at(&before, correction, now),
        }
        let refunded = if correction > 0 { units } else { 0 };
        for look in looks {
            let left = remaining(&corrected, after, now + look);
            let without = remaining(&plain, after, now + look);
            prop_assert!(left <= without + refunded, "{left} instead of {without} after {look}");
        }
    }
}
