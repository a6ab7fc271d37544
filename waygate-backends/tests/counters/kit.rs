use waygate_backends::MemoryCounters;
use waygate_core::{
    limit::{
        Outcome, Quota, Rule,
        quota::{Nanos, SECOND},
    },
    port::{Charge, CounterKey},
};

pub(crate) const START: Nanos = 1_800_000_000 * SECOND;

pub(crate) fn counter_key() -> CounterKey {
    CounterKey::new("GET:/items", "per client", 0, 0)
}

pub(crate) fn ask<'a>(counter_key: &'a CounterKey, key: &'a [u8], rule: &'a Rule) -> Charge<'a> {
    Charge::new(counter_key, key, rule)
}

pub(crate) fn hit(
    counters: &MemoryCounters,
    counter_key: &CounterKey,
    key: &[u8],
    rule: &Rule,
    now: Nanos,
) -> Outcome {
    counters.charge_at(&[ask(counter_key, key, rule)], now)[0]
}

/// One rule of each algorithm, over ten minutes.
pub(crate) fn rules(capacity: u32) -> [Rule; 4] {
    let period = 600 * SECOND;
    [
        Rule::Quota(Quota::FixedWindow {
            capacity: capacity.into(),
            period,
        }),
        Rule::Quota(Quota::SlidingWindow {
            capacity,
            period: 600,
        }),
        Rule::Quota(Quota::TokenBucket {
            capacity: capacity.into(),
            emission: period,
        }),
        Rule::Moving {
            capacity: capacity.into(),
            period,
        },
    ]
}
