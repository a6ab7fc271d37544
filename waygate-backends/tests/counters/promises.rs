//! The retry time of a refusal is exact.

use proptest::{collection::vec, prelude::*};
use waygate_backends::MemoryCounters;
use waygate_core::{
    limit::{
        Quota, Rule,
        quota::{Nanos, SECOND},
    },
    model::RateLimitPolicy,
};

use super::kit::*;

#[derive(Debug, Clone)]
enum Step {
    /// Another limit applies.
    Change(usize),
    /// A request of this cost.
    Charge(u64),
    /// A request turns out to have cost more or less.
    Adjust(i64),
}

fn steps() -> impl Strategy<Value = Vec<(Nanos, Step)>> {
    let gap = prop_oneof![
        3 => Just(0),
        2 => (0u64..40).prop_map(|seconds| seconds * SECOND),
        2 => 0..40 * SECOND,
        1 => 0..400 * SECOND,
    ];
    let step = prop_oneof![
        1 => (0..rules().len()).prop_map(Step::Change),
        6 => (1u64..5).prop_map(Step::Charge),
        1 => (-15i64..5).prop_map(Step::Adjust),
    ];
    vec((gap, step), 1..60)
}

/// High and low limits of each algorithm, over long and short times.
fn rules() -> Vec<Rule> {
    let mut rules = Vec::new();
    for (capacity, seconds) in [(12, 60), (3, 60), (4, 10), (12, 300)] {
        let period = u64::from(seconds) * SECOND;
        let emission = period / u64::from(capacity);
        rules.push(Rule::Quota(Quota::SlidingWindow {
            capacity,
            period: seconds,
        }));
        let capacity = u64::from(capacity);
        rules.push(Rule::Quota(Quota::FixedWindow { capacity, period }));
        rules.push(Rule::Quota(Quota::TokenBucket { capacity, emission }));
        // The same rate, and a bucket of another depth.
        rules.push(Rule::Quota(Quota::TokenBucket {
            capacity: capacity / 3,
            emission,
        }));
        rules.push(Rule::Moving { capacity, period });
    }
    let daily: RateLimitPolicy =
        serde_json::from_value(serde_json::json!({ "limit": "3/calendar day" })).unwrap();
    rules.extend(Rule::compile(&daily, &daily.limit));
    rules
}

proptest! {
    #[test]
    fn a_refused_request_passes_exactly_after_its_retry_time(
        steps in steps(),
        first in 0..rules().len(),
        together in any::<bool>(),
    ) {
        let (counters, counter_key, rules) = (MemoryCounters::new(), counter_key(), rules());
        let other = Rule::Quota(Quota::FixedWindow { capacity: 1 << 40, period: SECOND });
        let (mut rule, mut now) = (&rules[first], START);
        for (gap, step) in steps {
            now += gap;
            let cost = match step {
                Step::Change(index) => {
                    rule = &rules[index];
                    continue;
                }
                Step::Adjust(units) => {
                    counters.adjust_at(&ask(&counter_key, b"client", rule), units, now);
                    continue;
                }
                Step::Charge(cost) => cost,
            };
            let charge = ask(&counter_key, b"client", rule).cost(cost);
            let charges = [charge, ask(&counter_key, b"other", &other)];
            let charges = if together { &charges[..] } else { &charges[..1] };
            let refused = counters.charge_at(charges, now)[0];
            if refused.allowed || cost > refused.limit {
                continue;
            }
            prop_assert!(refused.reset_after >= refused.retry_after, "{:?}", refused);
            let wait = refused.retry_after;
            let early = counters.charge_at(charges, now + wait - 1)[0];
            prop_assert!(!early.allowed, "too late: {:?}, cost {}: {:?}", rule, cost, refused);
            now += wait;
            let passed = counters.charge_at(charges, now)[0];
            prop_assert!(passed.allowed, "too early: {:?}, cost {}: {:?}", rule, cost, refused);
        }
    }
}
