//! Random histories of one counter.

use waygate_core::{
    limit::{Charged, Quota, Rule, quota::SECOND},
    port::{Charge, CounterKey},
};

use super::{
    MILLISECOND, START, Scripts,
    model::{Model, agree, any_rule},
};

/// A rule with the same calendar window as every other one. The scripts store the later of two ends, so they cannot
/// distinguish corrections by two different windows.
fn one_calendar(random: &mut fastrand::Rng) -> Rule {
    match any_rule(random) {
        Rule::Quota(Quota::Calendar {
            capacity, start, ..
        }) => Rule::Quota(Quota::Calendar {
            capacity,
            start,
            end: start + 150 * SECOND,
        }),
        rule => rule,
    }
}

/// Compares random requests to one key. `change` is the probability of another rule.
fn compare(scripts: &mut Scripts, seed: u64, change: f64) {
    let mut random = fastrand::Rng::with_seed(seed);
    let key = format!("key{seed}");
    let counter_key = CounterKey::new("scope", "policy", 0, 0);
    let (mut now, mut rule, mut model) = (START, one_calendar(&mut random), Model::default());
    let mut history = Vec::new();
    let mut taken: Vec<(Rule, u64, Charged)> = Vec::new();
    for _ in 0..60 {
        now += [0, 10, 50, 300, 1_500][random.usize(0..5)] * MILLISECOND;
        if random.f64() < change {
            rule = one_calendar(&mut random);
        }
        if random.u8(0..8) == 0 {
            let (units, earlier) = (random.i64(-4..5), taken.last());
            let of = earlier.map_or(&rule, |(of, ..)| of);
            history.push(format!("{now} {of:?} adjust {units}"));
            scripts.adjust(&key, of, units, now);
            model = model.adjusted(of, units, now);
            continue;
        }
        if !taken.is_empty() && random.u8(0..5) == 0 {
            let index = random.usize(0..taken.len());
            let (of, cost, taken) = taken.swap_remove(index);
            let units = random.u64(1..=cost);
            history.push(format!("{now} {of:?} give back {units} of {taken:?}"));
            scripts.refund(&key, &of, units, taken, now);
            model = model.refunded(&of, units, taken, now);
            continue;
        }
        let cost = [0, 1, 1, 1, 2, 5][random.usize(0..6)];
        history.push(format!("{now} {rule:?} charge {cost}"));
        let charge = Charge::new(&counter_key, b"", &rule).cost(cost);
        let lua = scripts.charge(&[&key], &[charge], now)[0];
        let (next, rust) = model.charge(&rule, cost, now);
        let story = || history.join("\n");
        assert!(
            agree(&lua, &rust),
            "seed {seed}\n{}\nlua {lua:?}\nrust {rust:?}\n{model:?}",
            story()
        );
        if rust.allowed && cost > 0 {
            let of = rule.shared_by(1, now);
            taken.push((of, cost, Charged::new(now, &lua)));
        }
        model = match (rust.allowed, cost) {
            (true, 1..) => next,
            (false, 1..) => model.refused(next, now),
            (_, 0) => model.trimmed(next, now),
        };
    }
}

#[test]
fn scripts_agree_with_the_rules() {
    let mut scripts = Scripts::new();
    for seed in 0..200 {
        compare(&mut scripts, seed, 0.0);
    }
    scripts.check_expiry();
}

#[test]
fn usage_survives_rule_changes() {
    let mut scripts = Scripts::new();
    for seed in 1_000..1_200 {
        compare(&mut scripts, seed, 0.2);
    }
    scripts.check_expiry();
}

/// After any history of limits, costs and corrections, a refused request passes after the announced wait.
#[test]
fn a_refused_request_passes_after_its_wait() {
    let mut scripts = Scripts::new();
    let counter_key = CounterKey::new("scope", "policy", 0, 0);
    let mut refusals = 0;
    for seed in 0..300 {
        let mut random = fastrand::Rng::with_seed(seed);
        let (key, mut now, mut rule) = (format!("key{seed}"), START, any_rule(&mut random));
        for _ in 0..random.usize(1..30) {
            now += [0, 10, 300, 1_500][random.usize(0..4)] * MILLISECOND;
            match random.u8(0..8) {
                0 => rule = any_rule(&mut random),
                1 => scripts.adjust(&key, &rule, random.i64(-12..5), now),
                _ => {}
            }
            let charge = Charge::new(&counter_key, b"", &rule).cost(random.u64(1..5));
            let outcome = scripts.charge(&[&key], &[charge], now)[0];
            let is_calendar = matches!(rule, Rule::Quota(Quota::Calendar { .. }));
            if outcome.allowed || charge.cost > outcome.limit || is_calendar {
                continue;
            }
            refusals += 1;
            let story = || format!("seed {seed}: {rule:?}, cost {}: {outcome:?}", charge.cost);
            assert!(outcome.reset_after >= outcome.retry_after, "{}", story());
            if outcome.retry_after > 2 * MILLISECOND {
                // Keys expire in whole milliseconds.
                let early = now + outcome.retry_after - 2 * MILLISECOND;
                let early = scripts.charge(&[&key], &[charge], early)[0];
                assert!(!early.allowed, "too late: {}", story());
            }
            now += outcome.retry_after;
            let outcome = scripts.charge(&[&key], &[charge], now)[0];
            assert!(outcome.allowed, "too early: {}: {outcome:?}", story());
        }
    }
    assert!(refusals > 300, "{refusals}");
}
