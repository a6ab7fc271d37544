//! Expiry, clocks that go back, and the largest numbers.

use waygate_core::{
    limit::{
        Outcome, Quota, Rule,
        quota::{Nanos, SECOND},
    },
    port::{Charge, CounterKey},
};

use super::{
    MILLISECOND, START, Scripts,
    model::{Model, agree},
};

/// Sends one request to a fixed window of a second.
fn second(scripts: &mut Scripts, capacity: u64, cost: u64, now: Nanos) -> Outcome {
    let rule = a_second(capacity);
    let counter_key = CounterKey::new("scope", "policy", 0, 0);
    let charge = Charge::new(&counter_key, b"", &rule).cost(cost);
    scripts.charge(&["key"], &[charge], now)[0]
}

fn a_second(capacity: u64) -> Rule {
    Rule::Quota(Quota::FixedWindow {
        capacity,
        period: SECOND,
    })
}

#[test]
fn a_clock_that_goes_back_does_not_end_a_window() {
    let mut scripts = Scripts::new();
    let (now, back) = (START, START - 700 * MILLISECOND);
    assert!(second(&mut scripts, 5, 3, now).allowed);
    scripts.adjust("key", &a_second(5), -1, back);
    assert_eq!(second(&mut scripts, 5, 1, back).remaining, 0);
    let refused = second(&mut scripts, 5, 5, back + 2 * MILLISECOND);
    assert!(!refused.allowed);
    assert!(refused.retry_after > 900 * MILLISECOND, "{refused:?}");
}

#[test]
fn a_window_without_expiry_ends_in_time() {
    let mut scripts = Scripts::new();
    assert!(second(&mut scripts, 3, 3, START).allowed);
    let lost: u8 = redis::cmd("DEL")
        .arg("over:key")
        .query(&mut scripts.connection)
        .unwrap();
    assert_eq!(lost, 1);
    assert!(!second(&mut scripts, 3, 1, START + 10 * MILLISECOND).allowed);
    let after = second(&mut scripts, 3, 1, START + SECOND + MILLISECOND);
    assert_eq!((after.allowed, after.remaining), (true, 2));
    scripts.check_expiry();
}

#[test]
fn large_numbers_are_exact() {
    let mut scripts = Scripts::new();
    let counter_key = CounterKey::new("scope", "policy", 0, 0);
    let most = 1u64 << 52;
    let day = 86_400;
    let rules = [
        Rule::Quota(Quota::FixedWindow {
            capacity: most,
            period: u64::from(u32::MAX) * SECOND,
        }),
        // The largest window that is packed.
        Rule::Quota(Quota::FixedWindow {
            capacity: (1 << 34) - 1,
            period: 131_071 * MILLISECOND,
        }),
        Rule::Quota(Quota::Calendar {
            capacity: most,
            start: START - START % SECOND,
            end: START + 400 * day * SECOND,
        }),
        Rule::Quota(Quota::SlidingWindow {
            capacity: u32::MAX,
            period: 30 * day as u32,
        }),
        Rule::Quota(Quota::TokenBucket {
            capacity: most / 1_000,
            emission: 1_000,
        }),
    ];
    for (index, rule) in rules.iter().enumerate() {
        let (key, mut model, mut now) = (format!("key{index}"), Model::default(), START);
        for step in 1..200u64 {
            now += step * step * 7_919_000_000;
            let cost = rule.capacity() / 50 + step * 7_919;
            let charge = Charge::new(&counter_key, b"", rule).cost(cost);
            let lua = scripts.charge(&[&key], &[charge], now)[0];
            let (next, rust) = model.charge(rule, cost, now);
            assert!(
                agree(&lua, &rust),
                "{rule:?} step {step}\nlua {lua:?}\nrust {rust:?}\n{model:?}"
            );
            if rust.allowed {
                model = next;
            }
        }
    }
}
