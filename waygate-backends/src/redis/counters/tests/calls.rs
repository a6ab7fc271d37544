//! Calls with several requests, and requests with several charges.

use redis::Value;
use waygate_core::{
    limit::{Outcome, Rule},
    port::{Charge, CounterKey},
};

use super::{
    super::{plan::Plan, request::Request, scripts},
    MILLISECOND, START, Scripts,
    model::{Model, agree, any_rule},
};

#[test]
fn garbled_counts_do_not_loop_forever() {
    let mut scripts = Scripts::new();
    for counts in [["1e3", "1", "1"], ["1.5", "1", "1"], ["2", "-1", "2"]] {
        let key = format!("key:{counts:?}");
        let answer = scripts.run(scripts::CHARGE_SOURCE, START, |command| {
            command.arg(3).arg(&key).arg(&key).arg(&key);
            for count in counts {
                command.arg("W:w60000:5:1:1").arg(count);
            }
        });
        let expected = [4, 60_000_000, 3, 60_000_000, 2, 60_000_000].map(Value::Int);
        assert_eq!(answer, Value::Array(expected.to_vec()), "{counts:?}");
    }
}

#[test]
fn takes_of_a_request_are_all_or_nothing() {
    let mut scripts = Scripts::new();
    let mut random = fastrand::Rng::with_seed(7);
    let counter_key = CounterKey::new("scope", "policy", 0, 0);
    for round in 0..60 {
        let count = random.usize(2..5);
        let rules: Vec<Rule> = (0..count).map(|_| any_rule(&mut random)).collect();
        let keys: Vec<String> = (0..count)
            .map(|index| format!("key{round}-{index}"))
            .collect();
        let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
        let mut models = vec![Model::default(); count];
        let mut now = START;
        for _ in 0..20 {
            now += [0, 10, 300][random.usize(0..3)] * MILLISECOND;
            let charges: Vec<Charge<'_>> = rules
                .iter()
                .map(|rule| {
                    Charge::new(&counter_key, b"", rule)
                        .cost(random.u64(0..4))
                        .enforced(random.u8(0..4) > 0)
                })
                .collect();
            let lua = scripts.charge(&keys, &charges, now);
            let weighed: Vec<_> = models
                .iter()
                .zip(&charges)
                .map(|(model, charge)| model.charge(charge.rule, charge.cost, now))
                .collect();
            let charged = weighed
                .iter()
                .zip(&charges)
                .all(|((_, outcome), charge)| outcome.allowed || !charge.enforced);
            for (index, ((next, outcome), charge)) in weighed.into_iter().zip(&charges).enumerate()
            {
                let outcome = match outcome.allowed && !charged {
                    true => {
                        let look = models[index].charge(charge.rule, 0, now).1;
                        Outcome::allowed(look.limit, look.remaining, look.reset_after)
                    }
                    false => outcome,
                };
                assert!(
                    agree(&lua[index], &outcome),
                    "{:?}\nlua {:?}\nrust {outcome:?}",
                    charge.rule,
                    lua[index]
                );
                models[index] = match outcome.allowed && charged && charge.cost > 0 {
                    true => next,
                    false if outcome.allowed => {
                        models[index].trimmed(models[index].charge(charge.rule, 0, now).0, now)
                    }
                    false if charge.cost > 0 => models[index].refused(next, now),
                    false => models[index].trimmed(next, now),
                };
            }
        }
    }
    scripts.check_expiry();
}

/// Batching makes no difference to requests with one charge.
#[test]
fn batched_requests_count_like_sequential_ones() {
    let mut scripts = Scripts::new();
    let mut random = fastrand::Rng::with_seed(11);
    for round in 0..100 {
        let mut rules = [any_rule(&mut random), any_rule(&mut random)];
        let mut models = vec![Model::default(); 3];
        let mut now = START;
        for _ in 0..15 {
            now += [0, 10, 300, 1_500][random.usize(0..4)] * MILLISECOND;
            if random.u8(0..4) == 0 {
                rules[0] = any_rule(&mut random);
            }
            let mut asked: Vec<_> = (0..random.usize(1..24))
                .map(|_| {
                    let key = random.usize(0..models.len());
                    let rule = &rules[random.usize(0..8) / 7];
                    let cost = [0, 1, 1, 1, 1, 1, 2, 3][random.usize(0..8)];
                    let mut request = Request::new();
                    let (name, plan) = (format!("key{round}-{key}"), Plan::of(rule, now));
                    request.add(name, plan, cost as i64, true, rule.capacity());
                    (request, (key, rule, cost))
                })
                .collect();
            asked.sort_by(|(one, _), (other, _)| one.cmp(other));
            let (requests, asked): (Vec<_>, Vec<_>) = asked.into_iter().unzip();
            for ((key, rule, cost), lua) in asked.iter().zip(scripts.call(&requests, now)) {
                let (next, rust) = models[*key].charge(rule, *cost, now);
                assert!(
                    agree(&lua[0], &rust),
                    "round {round}, key {key}: {rule:?}, cost {cost}\nlua {lua:?}\nrust {rust:?}\n{:?}",
                    models[*key]
                );
                models[*key] = match (rust.allowed, *cost) {
                    (true, 1..) => next,
                    (false, 1..) => models[*key].refused(next, now),
                    (_, 0) => models[*key].trimmed(next, now),
                };
            }
        }
    }
    scripts.check_expiry();
}
