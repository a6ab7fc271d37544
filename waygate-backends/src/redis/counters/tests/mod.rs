//! The scripts against the arithmetic they repeat, at times that the test chooses.

mod model;

use redis::{Cmd, Connection, Value};
use waygate_core::{
    limit::{
        Outcome, Quota, Rule, Taken,
        quota::{Nanos, SECOND},
    },
    port::{Series, Take},
};
use waygate_faultproxy::RedisProc;

use self::model::{Model, agree, any_rule};
use super::{
    groups::since,
    plan::{Plan, cost_of, units_of},
    request::{Request, Told},
    scripts,
};

/// Puts the clock of the last argument in place of that of Redis, expiry included.
const CLOCK: &str = include_str!("../lua/clock.lua");

const START: Nanos = 1_800_000_000 * SECOND + 3_137_000;
const MILLISECOND: Nanos = 1_000_000;

struct Scripts {
    _server: RedisProc,
    connection: Connection,
}

impl Scripts {
    fn new() -> Self {
        let server = RedisProc::start();
        let client = redis::Client::open(server.url()).unwrap();
        Self {
            connection: client.get_connection().unwrap(),
            _server: server,
        }
    }

    fn run(&mut self, source: &str, now: Nanos, arguments: impl Fn(&mut Cmd)) -> Value {
        let mut command = redis::cmd("EVAL");
        arguments(command.arg(format!("{CLOCK}{source}")));
        command.arg(now / 1_000);
        command.query(&mut self.connection).unwrap()
    }

    fn take(&mut self, keys: &[&str], takes: &[Take<'_>], now: Nanos) -> Vec<Outcome> {
        let mut request = Request::new();
        for (key, take) in keys.iter().zip(takes) {
            let (plan, limit) = (Plan::of(take.rule, now), take.rule.capacity());
            request.add((*key).to_owned(), plan, cost_of(take), take.enforced, limit);
        }
        self.call(&[request], now).remove(0)
    }

    /// What one call says to each of the requests.
    fn call(&mut self, requests: &[Request], now: Nanos) -> Vec<Vec<Outcome>> {
        let answer = self.run(scripts::TAKE_SOURCE, now, |command| {
            Request::arguments(requests.iter(), command);
        });
        let told = Request::told(requests.iter(), &answer).unwrap();
        let outcomes = told.into_iter().map(|told| match told {
            Told::Outcomes(outcomes) => outcomes,
            told => panic!("{told:?}"),
        });
        outcomes.collect()
    }

    fn adjust(&mut self, key: &str, rule: &Rule, units: i64, now: Nanos) {
        self.run(scripts::ADJUST_SOURCE, now, |command| {
            let text = Plan::of(rule, now).text(units_of(units), false);
            command.arg(1).arg(key).arg(text);
        });
    }

    fn give_back(&mut self, key: &str, rule: &Rule, units: u64, taken: Taken, now: Nanos) {
        self.run(scripts::GIVE_BACK_SOURCE, now, |command| {
            let text = Plan::of(rule, now).text(units as i64, false);
            let [age, left] = since(taken, now);
            command.arg(1).arg(key).arg(text).arg(age).arg(left);
        });
    }

    /// Every counter goes away by itself.
    fn check_expiry(&mut self) {
        let keys: Vec<String> = redis::cmd("KEYS")
            .arg("key*")
            .query(&mut self.connection)
            .unwrap();
        for key in keys {
            let over: Option<u64> = redis::cmd("GET")
                .arg(format!("over:{key}"))
                .query(&mut self.connection)
                .unwrap();
            assert!(over.is_some(), "{key} has no expiry");
        }
    }
}

/// Random requests to one key. `change` says how often another rule comes.
fn compare(scripts: &mut Scripts, seed: u64, change: f64) {
    let mut random = fastrand::Rng::with_seed(seed);
    let key = format!("key{seed}");
    let series = Series::new("scope", "policy", 0, 0);
    let (mut now, mut rule, mut model) = (START, any_rule(&mut random), Model::default());
    let mut history = Vec::new();
    let mut taken = Vec::new();
    for _ in 0..60 {
        now += [0, 10, 50, 300, 1_500][random.usize(0..5)] * MILLISECOND;
        if random.f64() < change {
            rule = any_rule(&mut random);
        }
        if random.u8(0..8) == 0 {
            let units = random.i64(-4..5);
            history.push(format!("{now} {rule:?} adjust {units}"));
            scripts.adjust(&key, &rule, units, now);
            model = model.adjusted(&rule, units, now);
            continue;
        }
        if !taken.is_empty() && random.u8(0..5) == 0 {
            let (of, cost, taken): (_, _, Taken) = taken.swap_remove(random.usize(0..taken.len()));
            if of == format!("{rule:?}") {
                let units = random.u64(1..=cost);
                history.push(format!("{now} {rule:?} give back {units} of {taken:?}"));
                scripts.give_back(&key, &rule, units, taken, now);
                model = model.given_back(&rule, units, taken, now);
            }
            continue;
        }
        let cost = [0, 1, 1, 1, 2, 5][random.usize(0..6)];
        history.push(format!("{now} {rule:?} take {cost}"));
        let take = Take {
            series: &series,
            key: b"",
            rule: &rule,
            cost,
            enforced: true,
            lease: false,
        };
        let lua = scripts.take(&[&key], &[take], now)[0];
        let (next, rust) = model.take(&rule, cost, now);
        let story = || history.join("\n");
        assert!(
            agree(&lua, &rust),
            "seed {seed}\n{}\nlua {lua:?}\nrust {rust:?}\n{model:?}",
            story()
        );
        if rust.allowed && cost > 0 {
            taken.push((format!("{rule:?}"), cost, Taken::new(now, &lua)));
        }
        model = match (rust.allowed, cost) {
            (true, 1..) => next,
            (false, 1..) => model.refused(next, now),
            (_, 0) => model.trimmed(next, now),
        };
    }
}

#[test]
fn counts_that_were_garbled_make_no_script_go_on_for_ever() {
    let mut scripts = Scripts::new();
    for counts in [["1e3", "1", "1"], ["1.5", "1", "1"], ["2", "-1", "2"]] {
        let key = format!("key:{counts:?}");
        let answer = scripts.run(scripts::TAKE_SOURCE, START, |command| {
            command.arg(3).arg(&key).arg(&key).arg(&key);
            for count in counts {
                command.arg("W:w60000:5:1:1").arg(count);
            }
        });
        let expected = [4, 60_000_000, 3, 60_000_000, 2, 60_000_000].map(Value::Int);
        assert_eq!(answer, Value::Array(expected.to_vec()), "{counts:?}");
    }
}

/// One request to a fixed window of a second.
fn second(scripts: &mut Scripts, capacity: u64, cost: u64, now: Nanos) -> Outcome {
    let rule = a_second(capacity);
    let series = Series::new("scope", "policy", 0, 0);
    let take = Take {
        series: &series,
        key: b"",
        rule: &rule,
        cost,
        enforced: true,
        lease: false,
    };
    scripts.take(&["key"], &[take], now)[0]
}

fn a_second(capacity: u64) -> Rule {
    Rule::Quota(Quota::FixedWindow {
        capacity,
        period: SECOND,
    })
}

#[test]
fn a_clock_that_goes_back_ends_no_window() {
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
fn a_window_whose_expiry_was_lost_is_over_with_its_end() {
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
fn the_scripts_count_as_the_rules_do() {
    let mut scripts = Scripts::new();
    for seed in 0..200 {
        compare(&mut scripts, seed, 0.0);
    }
    scripts.check_expiry();
}

#[test]
fn what_was_consumed_outlives_any_change_of_the_rule() {
    let mut scripts = Scripts::new();
    for seed in 1_000..1_200 {
        compare(&mut scripts, seed, 0.2);
    }
    scripts.check_expiry();
}

/// After any history of limits, costs and corrections, the wait that a refusal names is the last.
#[test]
fn a_refused_request_passes_when_it_was_told() {
    let mut scripts = Scripts::new();
    let series = Series::new("scope", "policy", 0, 0);
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
            let take = Take {
                series: &series,
                key: b"",
                rule: &rule,
                cost: random.u64(1..5),
                enforced: true,
                lease: false,
            };
            let outcome = scripts.take(&[&key], &[take], now)[0];
            let is_calendar = matches!(rule, Rule::Quota(Quota::Calendar { .. }));
            if outcome.allowed || take.cost > outcome.limit || is_calendar {
                continue;
            }
            refusals += 1;
            let story = || format!("seed {seed}: {rule:?}, cost {}: {outcome:?}", take.cost);
            assert!(outcome.reset_after >= outcome.retry_after, "{}", story());
            if outcome.retry_after > 2 * MILLISECOND {
                // Keys go in whole milliseconds.
                let early = now + outcome.retry_after - 2 * MILLISECOND;
                let early = scripts.take(&[&key], &[take], early)[0];
                assert!(!early.allowed, "too late: {}", story());
            }
            now += outcome.retry_after;
            let outcome = scripts.take(&[&key], &[take], now)[0];
            assert!(outcome.allowed, "too early: {}: {outcome:?}", story());
        }
    }
    assert!(refusals > 300, "{refusals}");
}

#[test]
fn all_takes_of_a_call_are_charged_or_none() {
    let mut scripts = Scripts::new();
    let mut random = fastrand::Rng::with_seed(7);
    let series = Series::new("scope", "policy", 0, 0);
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
            let takes: Vec<Take<'_>> = rules
                .iter()
                .map(|rule| Take {
                    series: &series,
                    key: b"",
                    rule,
                    cost: random.u64(0..4),
                    enforced: random.u8(0..4) > 0,
                    lease: false,
                })
                .collect();
            let lua = scripts.take(&keys, &takes, now);
            let weighed: Vec<_> = models
                .iter()
                .zip(&takes)
                .map(|(model, take)| model.take(take.rule, take.cost, now))
                .collect();
            let charged = weighed
                .iter()
                .zip(&takes)
                .all(|((_, outcome), take)| outcome.allowed || !take.enforced);
            for (index, ((next, outcome), take)) in weighed.into_iter().zip(&takes).enumerate() {
                let outcome = match outcome.allowed && !charged {
                    true => Outcome {
                        allowed: true,
                        retry_after: 0,
                        ..models[index].take(take.rule, 0, now).1
                    },
                    false => outcome,
                };
                assert!(
                    agree(&lua[index], &outcome),
                    "{:?}\nlua {:?}\nrust {outcome:?}",
                    take.rule,
                    lua[index]
                );
                models[index] = match outcome.allowed && charged && take.cost > 0 {
                    true => next,
                    false if outcome.allowed => {
                        models[index].trimmed(models[index].take(take.rule, 0, now).0, now)
                    }
                    false if take.cost > 0 => models[index].refused(next, now),
                    false => models[index].trimmed(next, now),
                };
            }
        }
    }
    scripts.check_expiry();
}

/// Whether they go together makes no difference to requests with one take.
#[test]
fn requests_of_one_call_count_as_one_after_the_other() {
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
                let (next, rust) = models[*key].take(rule, *cost, now);
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

#[test]
fn large_numbers_are_exact() {
    let mut scripts = Scripts::new();
    let series = Series::new("scope", "policy", 0, 0);
    let most = 1u64 << 52;
    let day = 86_400;
    let rules = [
        Rule::Quota(Quota::FixedWindow {
            capacity: most,
            period: u64::from(u32::MAX) * SECOND,
        }),
        // The largest that is packed.
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
            let take = Take {
                series: &series,
                key: b"",
                rule,
                cost,
                enforced: true,
                lease: false,
            };
            let lua = scripts.take(&[&key], &[take], now)[0];
            let (next, rust) = model.take(rule, cost, now);
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
