//! Segments that cannot be decided: the evaluation is an error, never an answer.

use proptest::prelude::*;
use serde_json::{Value, json};
use waygate_core::flag::{CompileOptions, ErrorCode};

use crate::support::{clock, context, set};

fn flag(rules: &[Value]) -> Value {
    json!({
        "key": "f", "name": "F", "type": "boolean",
        "variations": [{"name": "on", "value": true}, {"name": "off", "value": false}],
        "off_variation": "off", "fallthrough": "off", "rules": rules,
    })
}

fn rule(clauses: &[Value]) -> Value {
    json!({"id": format!("{clauses:?}"), "clauses": clauses, "variation": "on"})
}

fn segment(key: &str, rules: &[Vec<Value>]) -> Value {
    let rules = rules.iter().map(|clauses| json!({"clauses": clauses}));
    json!({"key": key, "name": key, "rules": rules.collect::<Vec<_>>()})
}

/// A clause that uses segments: `operator` is `in_segment` or `not_in_segment`.
fn uses(operator: &str, segments: &[&str], negate: bool) -> Value {
    json!({"attribute": "key", "operator": operator, "values": segments, "negate": negate})
}

fn is(attribute: &str) -> Value {
    json!({"attribute": attribute, "operator": "is_set", "values": []})
}

/// Returns whether the flag is on, and the error. The explanation has the same result.
fn evaluate(flag: &Value, segments: &[Value]) -> Result<bool, ErrorCode> {
    let set = set(
        std::slice::from_ref(flag),
        segments,
        CompileOptions::default(),
    );
    let context = context(&json!({"key": "u1", "attributes": {"set": 1}}));
    let clock = clock();
    let plain = set.evaluate("f", &context, &clock).unwrap();
    let explained = set.explain("f", &context, &clock).unwrap();
    assert_eq!(
        plain.as_bool(),
        explained.resolution.as_bool(),
        "{flag} {segments:?}"
    );
    assert_eq!(plain.error_message(), explained.resolution.error_message());
    if plain.error().is_some() {
        assert_eq!(plain.variation(), None, "the caller serves its default");
    }
    plain.as_bool()
}

/// Every way in which a segment can be undecidable, each named `s`.
fn undecidable() -> Vec<(&'static str, Vec<Value>)> {
    let in_segment = |key: &str| vec![uses("in_segment", &[key], false)];
    let chain =
        (0..12).map(|at| segment(&format!("c{at}"), &[in_segment(&format!("c{}", at + 1))]));
    // Each decision needs ten more, without an end before the limits.
    let wide = (0..5).map(|level| {
        let below = (0..10).map(|at| uses("in_segment", &[&format!("w{}-{at}", level + 1)], false));
        (level, below.map(|clause| vec![clause]).collect::<Vec<_>>())
    });
    let wide = wide.flat_map(|(level, rules)| {
        let each = (0..10).map(move |at| format!("w{level}-{at}"));
        each.map(move |key| segment(&key, &rules))
    });
    let leaves = (0..10).map(|at| segment(&format!("w5-{at}"), &[]));
    vec![
        ("missing", vec![]),
        (
            "needs a missing one",
            vec![segment("s", &[in_segment("ghost")])],
        ),
        ("a cycle of one", vec![segment("s", &[in_segment("s")])]),
        (
            "a cycle",
            vec![
                segment("s", &[in_segment("t")]),
                segment("t", &[vec![uses("not_in_segment", &["s"], false)]]),
            ],
        ),
        (
            "too deep",
            [segment("s", &[in_segment("c0")])]
                .into_iter()
                .chain(chain)
                .collect(),
        ),
        (
            "too wide",
            [segment("s", &[in_segment("w0-0")])]
                .into_iter()
                .chain(wide)
                .chain(leaves)
                .collect(),
        ),
    ]
}

#[test]
fn segments_that_cannot_be_decided_open_no_rule() {
    for (case, segments) in undecidable() {
        for operator in ["in_segment", "not_in_segment"] {
            for negate in [false, true] {
                let flag = flag(&[rule(&[uses(operator, &["s"], negate)])]);
                let found = evaluate(&flag, &segments);
                assert_eq!(
                    found,
                    Err(ErrorCode::General),
                    "{case}, {operator}, negate: {negate}"
                );
            }
        }
    }
}

#[test]
fn the_error_names_its_cause() {
    for (case, segments) in undecidable() {
        let flag = flag(&[rule(&[uses("in_segment", &["s"], false)])]);
        let set = set(&[flag], &segments, CompileOptions::default());
        let message = set
            .evaluate("f", &context(&json!({"key": "u1"})), &clock())
            .unwrap()
            .error_message();
        let expected = match case {
            "missing" | "needs a missing one" => {
                "A rule uses a segment that does not exist or cannot be read"
            }
            "a cycle of one" | "a cycle" => "A segment of a rule needs itself",
            _ => {
                "The segments of the rules form a chain of more than 10, or take more than 10000 decisions"
            }
        };
        assert_eq!(message, Some(expected), "{case}");
    }
}

#[test]
fn conditions_that_decide_without_the_segment_still_count() {
    let member = json!({"key": "member", "name": "M", "included": ["u1"]});
    let ghost = || uses("not_in_segment", &["ghost"], false);
    for (rules, expected) in [
        (vec![rule(&[ghost(), is("unset")])], Ok(false)),
        (vec![rule(&[is("unset"), ghost()])], Ok(false)),
        (vec![rule(&[is("set")]), rule(&[ghost()])], Ok(true)),
        (
            vec![rule(&[uses("in_segment", &["ghost", "member"], false)])],
            Ok(true),
        ),
        (
            vec![rule(&[uses("not_in_segment", &["ghost", "member"], false)])],
            Ok(false),
        ),
        (vec![rule(&[is("set"), ghost()])], Err(ErrorCode::General)),
        (
            vec![rule(&[ghost()]), rule(&[is("set")])],
            Err(ErrorCode::General),
        ),
    ] {
        assert_eq!(
            evaluate(&flag(&rules), std::slice::from_ref(&member)),
            expected,
            "{rules:?}"
        );
    }
    let mut disabled = flag(&[rule(&[ghost()])]);
    disabled["enabled"] = json!(false);
    assert_eq!(evaluate(&disabled, &[]), Ok(false));
}

/// The longest chain that is accepted when it is written, and one more.
#[test]
fn the_longest_chain_is_decided() {
    for (len, expected) in [(11, Ok(true)), (12, Err(ErrorCode::General))] {
        let last = json!({"key": format!("c{}", len - 1), "name": "L", "included": ["u1"]});
        let chain = (0..len - 1).map(|at| {
            let next = format!("c{}", at + 1);
            segment(
                &format!("c{at}"),
                &[vec![uses("in_segment", &[&next], false)]],
            )
        });
        let segments: Vec<Value> = chain.chain([last]).collect();
        let flag = flag(&[rule(&[uses("in_segment", &["c0"], false)])]);
        assert_eq!(evaluate(&flag, &segments), expected, "{len}");
    }
}

#[test]
fn a_prerequisite_with_an_error_fails() {
    let mut needs = flag(&[]);
    needs["prerequisites"] = json!([{"flag_key": "other", "variation": "on"}]);
    needs["fallthrough"] = json!("on");
    let mut other = flag(&[rule(&[uses("not_in_segment", &["ghost"], false)])]);
    other["key"] = json!("other");
    let set = set(&[needs, other], &[], CompileOptions::default());
    let context = context(&json!({"key": "u1"}));
    let clock = clock();
    let found = set.evaluate("f", &context, &clock).unwrap();
    assert_eq!(
        (found.as_bool(), found.prerequisite_key()),
        (Ok(false), Some("other"))
    );
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(300) })]

    /// A rule with a missing segment gives the same as it would if the context were a member and if it were none, or an
    /// error.
    #[test]
    fn an_answer_does_not_depend_on_a_missing_segment(
        rules in proptest::collection::vec(
            proptest::collection::vec((0..4_usize, any::<bool>(), any::<bool>()), 1..4), 1..4),
    ) {
        let clause = |(of, inverted, negate): &(usize, bool, bool)| {
            let operator = if *inverted { "not_in_segment" } else { "in_segment" };
            let segments: &[&str] = match of {
                0 => &["ghost"],
                1 => &["in"],
                2 => &["out"],
                _ => &["ghost", "nested"],
            };
            uses(operator, segments, *negate)
        };
        let rules: Vec<Value> = rules.iter().enumerate().map(|(at, clauses)| {
            let clauses: Vec<Value> = clauses.iter().map(clause).collect();
            json!({"id": at.to_string(), "clauses": clauses, "variation": "on"})
        }).collect();
        let known = vec![
            json!({"key": "in", "name": "I", "included": ["u1"]}),
            json!({"key": "out", "name": "O"}),
            segment("nested", &[vec![uses("not_in_segment", &["ghost"], false)]]),
        ];
        let with = |ghost: Value| {
            let mut segments = known.clone();
            segments.push(ghost);
            evaluate(&flag(&rules), &segments).unwrap()
        };
        let both = [
            with(json!({"key": "ghost", "name": "G", "included": ["u1"]})),
            with(json!({"key": "ghost", "name": "G"})),
        ];
        match evaluate(&flag(&rules), &known) {
            Ok(answer) => prop_assert_eq!(both, [answer, answer]),
            Err(error) => prop_assert_eq!(error, ErrorCode::General),
        }
    }
}
