//! Properties of the evaluator.

use std::env;

use proptest::{
    prelude::*,
    strategy::ValueTree,
    test_runner::{Config, TestRng, TestRunner},
};
use serde_json::{Value, json};
use waygate_core::flag::{
    CompileOptions, EvaluationContext, Flag, FlagSet, HashAlgorithm, Problem, Segment,
};

use crate::{
    generate::{self, definitions},
    interpreter::Interpreter,
    support::{clock, context, set},
};

proptest! {
    #![proptest_config(Config { failure_persistence: None, ..Config::with_cases(128) })]

    #[test]
    fn the_evaluator_agrees_with_a_plain_interpreter(
        (flags, segments) in definitions(),
        contexts in proptest::collection::vec(generate::context(), 8),
    ) {
        let set = set(&flags, &segments, CompileOptions::default());
        let clock = clock();
        for given in &contexts {
            let context = context(given);
            let plain = Interpreter { flags: &flags, segments: &segments, context: given };
            for flag in &flags {
                let key = flag["key"].as_str().unwrap();
                let ours = set.evaluate(key, &context, &clock).unwrap();
                let answer = (
                    ours.variation().map(str::to_owned),
                    ours.contract_reason().as_str(),
                    ours.rule_index(),
                );
                prop_assert_eq!(&answer, &plain.flag(flag), "{} {}", flag, given);
                let explained = set.explain(key, &context, &clock).unwrap();
                prop_assert_eq!(explained.resolution.variation(), ours.variation());
                prop_assert_eq!(explained.resolution.cause(), ours.cause());
                prop_assert_eq!(explained.resolution.bucket(), ours.bucket());
            }
        }
    }

    /// Definitions with cycles, unknown keys and long chains, as a store may have them, end as well.
    #[test]
    fn any_graph_of_prerequisites_and_segments_ends(
        needs in proptest::collection::vec(proptest::collection::vec((0..14_usize, any::<bool>()), 0..5), 12),
    ) {
        let graph = graph(&needs);
        let clock = clock();
        for number in 0..needs.len() {
            let resolution = graph.evaluate(&format!("f{number}"), &context(&json!({"key": "u1"})), &clock);
            let resolution = resolution.unwrap();
            prop_assert!(resolution.variation().is_some() || resolution.error().is_some());
        }
    }
}

fn graph(needs: &[Vec<(usize, bool)>]) -> FlagSet {
    let flags: Vec<Value> = needs.iter().enumerate().map(|(number, needs)| {
        let prerequisites = needs.iter().map(|(other, on)| {
            json!({"flag_key": format!("f{other}"), "variation": if *on { "on" } else { "off" }})
        });
        let segments = needs.iter().map(|(other, negate)| {
            let clause = json!({"attribute": "key", "operator": "in_segment", "values": [format!("s{other}")], "negate": negate});
            json!({"clauses": [clause], "variation": "on"})
        });
        json!({
            "key": format!("f{number}"), "name": "F", "type": "boolean",
            "variations": [{"name": "on", "value": true}, {"name": "off", "value": false}],
            "off_variation": "off", "fallthrough": "on",
            "prerequisites": prerequisites.collect::<Vec<_>>(), "rules": segments.collect::<Vec<_>>(),
        })
    }).collect();
    let segments: Vec<Value> = needs.iter().enumerate().map(|(number, needs)| {
        let clauses = needs.iter().map(|(other, negate)| {
            json!({"attribute": "key", "operator": "in_segment", "values": [format!("s{other}")], "negate": negate})
        });
        json!({"key": format!("s{number}"), "name": "S", "rules": [{"clauses": clauses.collect::<Vec<_>>()}]})
    }).collect();
    set(&flags, &segments, CompileOptions::default())
}

/// Twelve flags that all need each other would take 12^10 steps.
#[test]
fn a_dense_graph_ends_soon() {
    let needs: Vec<Vec<(usize, bool)>> = (0..12)
        .map(|_| (0..12).map(|other| (other, true)).collect())
        .collect();
    let graph = graph(&needs);
    let clock = clock();
    let resolution = graph.evaluate("f0", &context(&json!({"key": "u1"})), &clock);
    let resolution = resolution.unwrap();
    assert!(resolution.variation().is_some() || resolution.error().is_some());
}

const MISSING_SEGMENT: &str = "A rule uses a segment that does not exist or cannot be read";

/// `WAYGATE_TEST_EVALUATIONS` sets the number.
#[test]
fn random_evaluations_do_not_panic() {
    let most = env::var("WAYGATE_TEST_EVALUATIONS").map_or(1_000_000, |text| text.parse().unwrap());
    let config = Config::default();
    let rng = TestRng::deterministic_rng(config.rng_algorithm);
    let mut runner = TestRunner::new_with_rng(config, rng);
    let clock = clock();
    let mut evaluations = 0;
    while evaluations < most {
        let (flags, segments) = definitions().new_tree(&mut runner).unwrap().current();
        for options in [CompileOptions::default(), CompileOptions::python()] {
            let set = set(&flags, &segments, options);
            for _ in 0..100 {
                let given = generate::context().new_tree(&mut runner).unwrap().current();
                let context = context(&given);
                for flag in set.flags() {
                    let resolution = set.evaluate_flag(flag, &context, &clock);
                    // Some definitions use a segment that does not exist.
                    let is_allowed = |message| message == MISSING_SEGMENT;
                    assert!(
                        resolution.error_message().is_none_or(is_allowed),
                        "{resolution:?}"
                    );
                    evaluations += 1;
                }
            }
        }
    }
}

fn rollout(hash: HashAlgorithm, weight: u32) -> Value {
    json!({
        "key": "f", "name": "F", "type": "boolean", "hash": hash,
        "variations": [{"name": "on", "value": true}, {"name": "off", "value": false}],
        "off_variation": "off",
        "fallthrough": [{"variation": "on", "weight": weight}, {"variation": "off", "weight": 100_000 - weight}],
    })
}

#[test]
fn a_growing_rollout_keeps_all_who_were_in() {
    let clock = clock();
    for hash in HashAlgorithm::ALL {
        let weights = [0, 1, 10, 1_000, 1_001, 33_333, 50_000, 99_999, 100_000];
        let sets =
            weights.map(|weight| set(&[rollout(*hash, weight)], &[], CompileOptions::default()));
        for user in 0..2_000 {
            let context = context(&json!({"key": format!("user-{user}")}));
            let in_rollout = sets.each_ref().map(|set| {
                let resolution = set.evaluate("f", &context, &clock).unwrap();
                resolution.as_bool().unwrap()
            });
            assert!(in_rollout.is_sorted(), "{hash} {user} {in_rollout:?}");
            assert!(!in_rollout[0] && in_rollout[8]);
        }
    }
}

/// Chi-square over 100 groups of buckets: 148.2 is exceeded by one in a thousand sets of random numbers. Keys and seeds
/// are fixed.
#[test]
fn buckets_are_distributed_evenly() {
    use waygate_core::flag::bucket;

    const USERS: u32 = 20_000;
    for hash in HashAlgorithm::ALL {
        for seed in ["new-checkout", "search", "f", "日本"] {
            let mut counts = [0_u32; 100];
            for user in 0..USERS {
                let bucket = bucket(*hash, seed, "user", &format!("user-{user}"));
                counts[bucket as usize / 1_000] += 1;
            }
            let expected = f64::from(USERS) / 100.0;
            let square = |count: &u32| (f64::from(*count) - expected).powi(2) / expected;
            let chi_square: f64 = counts.iter().map(square).sum();
            assert!(chi_square < 148.2, "{hash} {seed}: {chi_square}");
        }
    }
}

/// With seeds of their own, who is in one rollout says nothing about another; with a shared seed, all are the same.
#[test]
fn rollouts_of_two_flags_are_independent_unless_they_share_a_seed() {
    let flag = |key: &str, seed: Value| {
        let mut flag = rollout(HashAlgorithm::Murmur3V1, 50_000);
        flag["key"] = json!(key);
        flag["seed"] = seed;
        flag
    };
    let flags = [
        flag("a", Value::Null),
        flag("b", Value::Null),
        flag("c", json!("shared")),
        flag("d", json!("shared")),
    ];
    let set = set(&flags, &[], CompileOptions::default());
    let clock = clock();
    let mut both = 0;
    for user in 0..10_000 {
        let context = context(&json!({"key": format!("user-{user}")}));
        let is_on = |key| {
            set.evaluate(key, &context, &clock)
                .unwrap()
                .as_bool()
                .unwrap()
        };
        both += u32::from(is_on("a") && is_on("b"));
        assert_eq!(is_on("c"), is_on("d"));
    }
    assert!((2_350..2_650).contains(&both), "{both}");
}

/// Each context is in one part of a layer, a holdout keeps the same contexts out of all flags, and a share of a segment
/// has its size.
#[test]
fn layers_holdouts_and_shares_divide_contexts() {
    let flag = |key: &str, more: Value| {
        let mut flag = rollout(HashAlgorithm::Murmur3V1, 100_000);
        flag["key"] = json!(key);
        for (name, value) in more.as_object().unwrap() {
            flag[name] = value.clone();
        }
        flag
    };
    let part = |from: u32, to: u32| json!({"layer": {"layer": "checkout", "from": from, "to": to}});
    let held = || json!({"holdout": {"name": "h", "weight": 10_000}});
    let share = json!([{"id": "r", "variation": "on", "clauses": [
        {"attribute": "key", "operator": "in_segment", "values": ["fifth"]},
    ]}]);
    let flags = [
        flag("a", part(0, 30_000)),
        flag("b", part(30_000, 100_000)),
        flag("c", held()),
        flag("d", held()),
        flag("e", json!({"fallthrough": "off", "rules": share})),
    ];
    let segments = [json!({"key": "fifth", "name": "S", "rules": [{"id": "s", "weight": 20_000}]})];
    let set = set(&flags, &segments, CompileOptions::default());
    let clock = clock();
    let mut counts = [0; 3];
    for user in 0..10_000 {
        let context = context(&json!({"key": format!("user-{user}")}));
        let is_on = |key| {
            set.evaluate(key, &context, &clock)
                .unwrap()
                .as_bool()
                .unwrap()
        };
        assert!(is_on("a") != is_on("b"));
        assert_eq!(is_on("c"), is_on("d"));
        for (count, key) in counts.iter_mut().zip(["a", "c", "e"]) {
            *count += u32::from(is_on(key));
        }
    }
    for (count, expected) in counts.into_iter().zip([3_000_u32, 9_000, 2_000]) {
        assert!(count.abs_diff(expected) < 150, "{counts:?}");
    }
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "[a-z/~]{0,8}".prop_map(Value::from),
        proptest::sample::select(vec![
            "f0",
            "x",
            "in",
            "is_set",
            "2030-01-01T00:00:00Z",
            "murmur3-v1",
            "(a"
        ])
        .prop_map(Value::from),
    ];
    let names = proptest::sample::select(vec![
        "key",
        "name",
        "type",
        "variations",
        "value",
        "weight",
        "variation",
        "rules",
        "clauses",
        "attribute",
        "operator",
        "values",
        "stages",
        "start",
        "kind",
        "attributes",
        "targetingKey",
    ]);
    leaf.prop_recursive(3, 24, 4, move |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::vec((names.clone(), inner), 0..5).prop_map(|members| members
                .into_iter()
                .map(|(name, value)| (name.to_owned(), value))
                .collect()),
        ]
    })
}

/// All places in a value.
fn pointers(value: &Value, at: &str, all: &mut Vec<String>) {
    all.push(at.to_owned());
    match value {
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                pointers(item, &format!("{at}/{index}"), all);
            }
        }
        Value::Object(members) => {
            for (name, member) in members {
                let name = name.replace('~', "~0").replace('/', "~1");
                pointers(member, &format!("{at}/{name}"), all);
            }
        }
        _ => {}
    }
}

proptest! {
    #![proptest_config(Config { failure_persistence: None, ..Config::with_cases(500) })]

    /// A definition with an arbitrary value in an arbitrary place is read, or refused. Each problem points at an
    /// existing place or a missing member. A stored definition is evaluated.
    #[test]
    fn any_json_is_read_or_refused(
        (flags, segments) in definitions(),
        wrong in any_json(),
        place in any::<proptest::sample::Index>(),
        whole in any::<bool>(),
    ) {
        let broken = |value: &Value| {
            let mut all = Vec::new();
            pointers(value, "", &mut all);
            let mut value = value.clone();
            match whole {
                true => value = wrong.clone(),
                false => *value.pointer_mut(&all[place.index(all.len())]).unwrap() = wrong.clone(),
            }
            value
        };
        let (flag, segment) = (broken(&flags[5]), broken(&segments[3]));
        let exists = |value: &Value, problem: &Problem| {
            let around = problem.pointer.rsplit_once('/').map_or("", |(around, _)| around);
            value.pointer(&problem.pointer).or(value.pointer(around)).is_some()
        };
        if let Err(problems) = Flag::parse(&flag) {
            for problem in problems.iter() {
                prop_assert!(exists(&flag, problem), "{flag} {problem}");
            }
        }
        if let Err(problems) = Segment::parse(&segment) {
            for problem in problems.iter() {
                prop_assert!(exists(&segment, problem), "{segment} {problem}");
            }
        }
        if let Ok(stored) = Flag::stored(&flag) {
            let again = serde_json::to_value(&stored).unwrap();
            prop_assert_eq!(&Flag::stored(&again).unwrap(), &stored);
            let set = set(&[flag], &segments, CompileOptions::default());
            let context = context(&json!({"key": "u1", "attributes": {"a": wrong}}));
            set.explain(stored.key.as_str(), &context, &clock()).unwrap();
        }
        let _ = Segment::stored(&segment);
        let _ = EvaluationContext::from_json(&wrong);
    }
}
