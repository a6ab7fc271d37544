//! Random definitions and contexts, from small pools, so that they often match.

use proptest::{collection::vec, option, prelude::*, sample::select};
use serde_json::{Map, Value, json};
use waygate_core::flag::Operator;

pub(crate) fn scalar() -> impl Strategy<Value = Value> {
    let values = [
        json!("pro"),
        json!("PRO"),
        json!("free"),
        json!("größe"),
        json!("GRÖSSE"),
        json!(""),
        json!("5"),
        json!(5),
        json!(5.0),
        json!(-1),
        json!(5.5),
        json!(" 7 "),
        json!(true),
        json!(false),
        json!("true"),
        json!("2025-06-01"),
        json!("2025-06-02"),
        json!("2026-01-01"),
        json!("1.2.3"),
        json!("1.2.3-rc.1"),
        json!("1.10.0"),
        json!("1.2.4-alpha"),
        json!("10.1.2.3"),
        json!("11.0.0.1"),
        json!("::1"),
        json!("u1"),
        json!("u2"),
    ];
    select(values.to_vec())
}

fn attribute_value() -> impl Strategy<Value = Value> {
    prop_oneof![
        6 => scalar(),
        2 => vec(scalar(), 0..4).prop_map(Value::from),
        1 => scalar().prop_map(|value| json!({"x": value, "y": {"z": [value]}})),
        1 => Just(Value::Null),
    ]
}

const NAMES: [&str; 5] = ["a", "b", "c", "d", "a.b"];

pub(crate) fn context() -> impl Strategy<Value = Value> {
    let attributes = vec((select(NAMES.to_vec()), attribute_value()), 0..5);
    (0..20, attributes).prop_map(|(key, attributes)| {
        let attributes = attributes
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value));
        json!({"key": format!("u{key}"), "attributes": attributes.collect::<Map<_, _>>()})
    })
}

/// `segments`: the number of segments that a clause may name.
fn clause(segments: usize) -> impl Strategy<Value = Value> {
    let operators: Vec<Operator> = Operator::ALL.to_vec();
    let names = [
        "a", "b", "c", "d", "a.b", "key", "/a/x", "/b/y/z", "/c/0", "/d",
    ];
    let inputs = (
        select(operators),
        select(names.to_vec()),
        vec(scalar(), 0..4),
        any::<bool>(),
        any::<bool>(),
        0..100_usize,
    );
    inputs.prop_map(move |(operator, attribute, values, negate, fold, number)| {
        let word = operator.as_str();
        let values = match word {
            "in_segment" | "not_in_segment" if segments == 0 => vec![json!("unknown")],
            "in_segment" | "not_in_segment" => vec![json!(format!("s{}", number % segments))],
            "in_cidr" | "not_in_cidr" => vec![json!("10.0.0.0/8")],
            "is_set" | "is_not_set" => vec![],
            // Literal patterns only.
            "matches" | "not_matches" => {
                let literal = |value: &Value| value.as_str().is_some_and(|text| !text.contains('.'));
                values.into_iter().filter(literal).collect()
            }
            _ => values,
        };
        let fold = fold && !word.contains("semver");
        json!({"attribute": attribute, "operator": word, "values": values, "negate": negate, "ignore_case": fold})
    })
}

const VARIATIONS: [&str; 3] = ["x", "y", "z"];

fn serve() -> impl Strategy<Value = Value> {
    let rollout = vec(0..=50_000_u32, 2).prop_map(|weights| {
        json!([
            {"variation": "x", "weight": weights[0]},
            {"variation": "y", "weight": weights[1]},
            {"variation": "z", "weight": 100_000 - weights[0] - weights[1]},
        ])
    });
    prop_oneof![select(VARIATIONS.to_vec()).prop_map(Value::from), rollout]
}

fn rule(segments: usize) -> impl Strategy<Value = Value> {
    let result = option::weighted(0.9, serve());
    (vec(clause(segments), 0..3), result).prop_map(|(clauses, result)| match result {
        None => json!({"clauses": clauses}),
        Some(Value::String(name)) => json!({"clauses": clauses, "variation": name}),
        Some(rollout) => json!({"clauses": clauses, "rollout": rollout}),
    })
}

/// A flag that may need earlier ones.
fn flag(number: usize, segments: usize) -> impl Strategy<Value = Value> {
    let prerequisites = match number {
        0 => vec((Just(0), select(VARIATIONS.to_vec())), 0..1).boxed(),
        _ => vec((0..number, select(VARIATIONS.to_vec())), 0..3).boxed(),
    };
    let targets = vec((select(VARIATIONS.to_vec()), vec(0..20, 0..3)), 0..3);
    let hash = select(vec![
        Value::Null,
        json!("waygate-py-sha1"),
        json!("unleash"),
        json!("flagd-v2"),
    ]);
    let parts = (
        prerequisites,
        targets,
        vec(rule(segments), 0..4),
        serve(),
        0..10,
        hash,
        option::of(select(vec!["seed", "other"])),
    );
    parts.prop_map(
        move |(prerequisites, targets, rules, fallthrough, enabled, hash, seed)| {
            let prerequisites = prerequisites.into_iter().map(|(other, variation)| {
            json!({"flag_key": format!("f{other}"), "variation": variation})
        });
            let targets = targets.into_iter().map(|(variation, keys)| {
                let keys = keys.into_iter().map(|key| format!("u{key}"));
                (variation.to_owned(), Value::from(keys.collect::<Vec<_>>()))
            });
            json!({
                "key": format!("f{number}"), "name": "F", "type": "string",
                "variations": VARIATIONS.map(|name| json!({"name": name, "value": name})),
                "off_variation": "z", "fallthrough": fallthrough, "enabled": enabled > 0,
                "prerequisites": prerequisites.collect::<Vec<_>>(),
                "targets": targets.collect::<Map<_, _>>(),
                "rules": rules, "hash": hash, "seed": seed,
            })
        },
    )
}

/// A segment that may need earlier ones.
fn segment(number: usize) -> impl Strategy<Value = Value> {
    let rule = vec(clause(number), 1..3).prop_map(|clauses| json!({"clauses": clauses}));
    let keys =
        || vec(0..20, 0..3).prop_map(|keys| keys.iter().map(|key| format!("u{key}")).collect());
    (keys(), keys(), vec(rule, 0..3)).prop_map(
        move |(included, excluded, rules): (Vec<String>, Vec<String>, _)| {
            json!({"key": format!("s{number}"), "name": "S", "included": included, "excluded": excluded, "rules": rules})
        },
    )
}

/// Flags and segments.
pub(crate) fn definitions() -> impl Strategy<Value = (Vec<Value>, Vec<Value>)> {
    let segments: Vec<_> = (0..4).map(|number| segment(number).boxed()).collect();
    let flags: Vec<_> = (0..6).map(|number| flag(number, 4).boxed()).collect();
    (flags, segments)
}
