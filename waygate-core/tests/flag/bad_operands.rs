//! Operands that their operator cannot use: the clause never matches, whatever its negation, and is reported.

use std::sync::Arc;

use proptest::{prelude::*, sample::select};
use serde_json::{Value, json};
use waygate_core::flag::{CompileOptions, CompiledFlag, Flag, Operator, ProblemCode};

use crate::{
    generate::context as any_context,
    support::{clock, context, set},
};

/// The kinds of operands that operators read.
fn bad(operator: Operator) -> Vec<Value> {
    let shapes = [
        json!(null),
        json!([]),
        json!(["a"]),
        json!({}),
        json!({"a": 1}),
    ];
    let more = match operator {
        // Every value is equal to itself.
        Operator::Is | Operator::IsNot | Operator::In | Operator::NotIn => return Vec::new(),
        Operator::IsSet | Operator::IsNotSet => return Vec::new(),
        Operator::Contains
        | Operator::NotContains
        | Operator::StartsWith
        | Operator::NotStartsWith
        | Operator::EndsWith
        | Operator::NotEndsWith => vec![],
        Operator::Matches | Operator::NotMatches => vec![
            json!("("),
            json!("[a"),
            json!("a{1000}{1000}{1000}"),
            json!("(?=a)b"),
            json!(r"(a)\1"),
            json!("a".repeat(1_001)),
        ],
        Operator::Gt
        | Operator::Gte
        | Operator::Lt
        | Operator::Lte
        | Operator::Eq
        | Operator::Ne => {
            vec![json!("five"), json!(""), json!(true)]
        }
        Operator::Before | Operator::After => {
            vec![json!("soon"), json!(""), json!(true), json!("2025-13-01")]
        }
        Operator::SemverEq
        | Operator::SemverLt
        | Operator::SemverGt
        | Operator::SemverLte
        | Operator::SemverGte => vec![json!("one"), json!(""), json!("1.2.3.4.5"), json!(true)],
        Operator::InCidr | Operator::NotInCidr => {
            vec![
                json!("10.0.0.0/33"),
                json!("example.com"),
                json!(""),
                json!(10),
            ]
        }
        Operator::InSegment | Operator::NotInSegment => vec![json!(5), json!(""), json!("no key")],
        other => panic!("{other} has no bad operands here"),
    };
    shapes.into_iter().chain(more).collect()
}

/// An operand that the operator can use.
fn good(operator: Operator) -> Value {
    match operator {
        Operator::Before | Operator::After => json!("2025-06-01"),
        Operator::InCidr | Operator::NotInCidr => json!("10.0.0.0/8"),
        Operator::InSegment | Operator::NotInSegment => json!("all"),
        _ => json!("5"),
    }
}

fn flag(clause: Value) -> Value {
    json!({
        "key": "f", "name": "F", "type": "boolean",
        "variations": [{"name": "on", "value": true}, {"name": "off", "value": false}],
        "off_variation": "off", "fallthrough": "off", "rules": [{"clauses": [clause], "variation": "on"}],
    })
}

/// Evaluates a clause that must not match, with and without an explanation, and as the rule of a segment.
fn never(clause: &Value, attributes: &Value) {
    let clock = clock();
    let context = context(attributes);
    let nested = json!({"key": "nested", "name": "N", "rules": [{"clauses": [clause]}]});
    let in_nested = json!({"attribute": "key", "operator": "in_segment", "values": ["nested"]});
    let all = json!({"key": "all", "name": "A", "rules": [{"clauses": []}]});
    for clause in [clause, &in_nested] {
        let set = set(
            &[flag(clause.clone())],
            &[nested.clone(), all.clone()],
            CompileOptions::default(),
        );
        let found = set.evaluate("f", &context, &clock).unwrap();
        assert_eq!(found.as_bool(), Ok(false), "{clause} {attributes}");
        let explained = set.explain("f", &context, &clock).unwrap();
        assert_eq!(
            explained.resolution.as_bool(),
            Ok(false),
            "{clause} {attributes}"
        );
    }
}

fn reported(clause: &Value) -> Vec<(String, ProblemCode)> {
    let flag = Flag::stored(&flag(clause.clone())).unwrap();
    let (_, problems) = CompiledFlag::compile(Arc::new(flag), CompileOptions::default());
    problems
        .iter()
        .map(|problem| (problem.pointer.clone(), problem.code))
        .collect()
}

#[test]
fn a_clause_with_a_bad_operand_never_matches() {
    let mut cases = 0;
    for operator in Operator::ALL.iter().copied() {
        for bad in bad(operator) {
            for (values, at) in [(json!([bad]), 0), (json!([good(operator), bad]), 1)] {
                for (negate, fold) in [(false, false), (true, false), (false, true), (true, true)] {
                    let clause = json!({
                        "attribute": "x", "operator": operator, "values": values, "negate": negate, "ignore_case": fold,
                    });
                    for x in [
                        json!("5"),
                        json!("acme"),
                        json!(null),
                        json!("2024-01-01"),
                        json!(["10.1.1.1"]),
                    ] {
                        never(&clause, &json!({"key": "u1", "attributes": {"x": x}}));
                    }
                    let pointer = format!("/rules/0/clauses/0/values/{at}");
                    assert_eq!(
                        reported(&clause),
                        [(pointer, ProblemCode::InvalidOperand)],
                        "{clause}"
                    );
                    cases += 1;
                }
            }
        }
    }
    assert!(cases > 1_000, "{cases}");
}

#[test]
fn a_clause_without_operands_never_matches() {
    for operator in Operator::ALL.iter().copied() {
        if matches!(operator, Operator::IsSet | Operator::IsNotSet) {
            continue;
        }
        for negate in [false, true] {
            let clause =
                json!({"attribute": "x", "operator": operator, "values": [], "negate": negate});
            for attributes in [json!({}), json!({"x": "a"})] {
                never(&clause, &json!({"key": "u1", "attributes": attributes}));
            }
            let pointer = "/rules/0/clauses/0/values".to_owned();
            assert_eq!(
                reported(&clause),
                [(pointer, ProblemCode::InvalidOperand)],
                "{clause}"
            );
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(1_000) })]

    #[test]
    fn no_context_matches_a_clause_with_a_bad_operand(
        operator in select(Operator::ALL.to_vec()),
        which in any::<proptest::sample::Index>(),
        with_good in any::<bool>(),
        negate in any::<bool>(),
        context in any_context(),
    ) {
        let bad = bad(operator);
        prop_assume!(!bad.is_empty());
        let mut values = vec![bad[which.index(bad.len())].clone()];
        values.extend(with_good.then(|| good(operator)));
        let clause = json!({"attribute": "a", "operator": operator, "values": values, "negate": negate});
        never(&clause, &context);
    }
}
