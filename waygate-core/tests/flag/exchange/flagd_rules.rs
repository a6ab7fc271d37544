//! Expressions against a plain interpreter of JSONLogic.

use proptest::prelude::*;
use serde_json::{Value, json};
use waygate_core::flag::{
    EvaluationContext, HashAlgorithm, bucket,
    exchange::{FlagdOptions, Import, from_flagd},
};

use super::{flagd::options, scenarios::compiled};
use crate::support::clock;

fn document(targeting: &Value) -> Value {
    json!({
        "$evaluators": {"is_a": {"==": [{"var": "a"}, "x"]}, "is_b": {"or": [{"$ref": "is_a"}, {"!": [{"var": "b"}]}]}},
        "flags": {"f": {
            "state": "ENABLED", "variants": {"yes": "yes", "no": "no", "default": "default"}, "defaultVariant": "default",
            "targeting": targeting,
        }},
    })
}

fn variation(import: &Import, context: &Value) -> String {
    assert!(import.refused.is_empty(), "{:?}", import.refused);
    let flags = compiled(import);
    let context = EvaluationContext::from_json(context).unwrap();
    let clock = clock();
    let resolution = flags.evaluate("f", &context, &clock).unwrap();
    resolution.variation().unwrap().to_owned()
}

/// A plain interpreter for the operations that are generated below.
fn interpret(expression: &Value, context: &Value) -> Value {
    let Value::Object(members) = expression else {
        return expression.clone();
    };
    let (operator, operands) = members.iter().next().unwrap();
    let operands: Vec<&Value> = match operands {
        Value::Array(operands) => operands.iter().collect(),
        operand => vec![operand],
    };
    let value = |at: usize| interpret(operands[at], context);
    let holds = |at: usize| truthy(&value(at));
    match operator.as_str() {
        "var" => context
            .get(operands[0].as_str().unwrap())
            .cloned()
            .unwrap_or_default(),
        "$ref" => {
            let evaluators = document(&Value::Null)["$evaluators"].clone();
            interpret(&evaluators[operands[0].as_str().unwrap()], context)
        }
        "and" => json!((0..operands.len()).all(holds)),
        "or" => json!((0..operands.len()).any(holds)),
        "!" => json!(!holds(0)),
        "!!" => json!(holds(0)),
        "==" | "===" => json!(value(0) == value(1)),
        "!=" | "!==" => json!(value(0) != value(1)),
        "<" if operands.len() == 3 => {
            let numbers = [0, 1, 2].map(|at| value(at).as_f64());
            json!(numbers[0] < numbers[1] && numbers[1] < numbers[2] && numbers[1].is_some())
        }
        operator @ ("<" | "<=" | ">" | ">=") => {
            let order = value(0).as_f64().zip(value(1).as_f64());
            json!(order.is_some_and(|(one, other)| match operator {
                "<" => one < other,
                "<=" => one <= other,
                ">" => one > other,
                _ => one >= other,
            }))
        }
        "in" => match (value(0), value(1)) {
            (one, Value::Array(all)) => json!(all.contains(&one)),
            (Value::String(part), Value::String(text)) => json!(text.contains(&part)),
            _ => json!(false),
        },
        "starts_with" | "ends_with" => match (value(0), value(1)) {
            (Value::String(text), Value::String(part)) if operator == "starts_with" => {
                json!(text.starts_with(&part))
            }
            (Value::String(text), Value::String(part)) => json!(text.ends_with(&part)),
            _ => Value::Null,
        },
        "if" => {
            for at in (0..operands.len() - 1).step_by(2) {
                if holds(at) {
                    return value(at + 1);
                }
            }
            match operands.len() % 2 {
                1 => value(operands.len() - 1),
                _ => Value::Null,
            }
        }
        other => panic!("{other}"),
    }
}

fn truthy(value: &Value) -> bool {
    !matches!(value, Value::Null | Value::Bool(false))
        && value.as_f64() != Some(0.0)
        && value.as_str() != Some("")
}

fn conditions() -> impl Strategy<Value = Value> {
    let text = prop::sample::select(vec![json!("x"), json!("xy"), json!("y")]);
    let number = prop::sample::select(vec![json!(1), json!(2.5), json!(7)]);
    let var = || prop::sample::select(vec!["a", "b", "n"]).prop_map(|name| json!({"var": name}));
    let equality = prop::sample::select(vec!["==", "===", "!=", "!=="]);
    let order = prop::sample::select(vec!["<", "<=", ">", ">="]);
    let affix = prop::sample::select(vec!["starts_with", "ends_with"]);
    let texts = prop::collection::vec(text.clone(), 1..3);
    let leaf = prop_oneof![
        var(),
        prop::sample::select(vec!["is_a", "is_b"]).prop_map(|name| json!({"$ref": name})),
        (equality.clone(), text.clone()).prop_map(|(op, text)| json!({op: [{"var": "a"}, text]})),
        (equality, number.clone()).prop_map(|(op, number)| json!({op: [number, {"var": "n"}]})),
        (order, number.clone()).prop_map(|(op, number)| json!({op: [{"var": "n"}, number]})),
        number.prop_map(|number| json!({"<": [0, {"var": "n"}, number]})),
        (affix, text.clone()).prop_map(|(op, text)| json!({op: [{"var": "a"}, text]})),
        text.prop_map(|text| json!({"in": [text, {"var": "a"}]})),
        texts.prop_map(|texts| json!({"in": [{"var": "a"}, texts]})),
        Just(json!({"==": [{"var": "b"}, null]})),
    ];
    leaf.prop_recursive(3, 12, 3, |inner| {
        let some = prop::collection::vec(inner.clone(), 1..3);
        prop_oneof![
            some.clone().prop_map(|nodes| json!({"and": nodes})),
            some.prop_map(|nodes| json!({"or": nodes})),
            inner.clone().prop_map(|node| json!({"!": [node]})),
            (inner.clone(), inner.clone(), inner)
                .prop_map(|(one, two, three)| json!({"if": [one, two, three]})),
        ]
    })
}

fn results() -> impl Strategy<Value = Value> {
    let leaf = prop::sample::select(vec![json!("yes"), json!("no"), Value::Null]);
    leaf.prop_recursive(2, 6, 3, |inner| {
        let pairs = (
            conditions(),
            inner.clone(),
            conditions(),
            inner.clone(),
            inner,
        );
        pairs.prop_map(
            |(one, first, two, second, rest)| json!({"if": [one, first, two, second, rest]}),
        )
    })
}

fn contexts() -> impl Strategy<Value = Value> {
    let a = prop::sample::select(vec![
        Value::Null,
        json!("x"),
        json!("xy"),
        json!("z"),
        json!(""),
    ]);
    let b = prop::sample::select(vec![Value::Null, json!(true), json!(false)]);
    let n = prop::sample::select(vec![json!(0), json!(1), json!(2), json!(2.5), json!(9)]);
    (a, b, n).prop_map(|(a, b, n)| json!({"targetingKey": "u", "a": a, "b": b, "n": n}))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, ..ProptestConfig::default() })]

    #[test]
    fn rules_have_the_results_of_the_expression(
        targeting in results(),
        contexts in prop::collection::vec(contexts(), 8),
    ) {
        let import = from_flagd(&document(&targeting), options());
        if let Some(refusal) = import.refused.first() {
            // Only the size is refused.
            prop_assert!(refusal.message.contains("too many alternatives"), "{}", refusal);
            return Ok(());
        }
        for context in contexts {
            let expected = match interpret(&targeting, &context) {
                Value::Null => "default".to_owned(),
                name => name.as_str().unwrap().to_owned(),
            };
            prop_assert_eq!(variation(&import, &context), expected, "{}", context);
        }
    }
}

/// The bucket of flagd: `murmur3 * total >> 32`, and the first part that ends after it.
fn part<'a>(seed: &str, value: &str, parts: &[(&'a str, u32)]) -> &'a str {
    let total: u32 = parts.iter().map(|(_, weight)| weight).sum();
    assert_eq!(100_000 % total, 0, "otherwise the floors differ");
    let bucket = bucket(HashAlgorithm::FlagdV2, seed, "", value) / (100_000 / total);
    let mut end = 0;
    let mut after = parts.iter().skip_while(|(_, weight)| {
        end += weight;
        bucket >= end
    });
    after.next().unwrap().0
}

#[test]
fn shares_keep_the_buckets_of_flagd() {
    let parts = [("yes", 5), ("no", 15), ("default", 5)];
    let listed: Vec<Value> = parts.iter().map(|part| json!(part)).collect();
    let with = |by: Option<Value>| {
        let operands: Vec<Value> = by.into_iter().chain(listed.clone()).collect();
        let targeting =
            json!({"if": [{"==": [{"var": "a"}, "x"]}, {"fractional": operands}, "no"]});
        from_flagd(&document(&targeting), options())
    };
    let cases = [
        (with(None), "f", true),
        (with(Some(json!({"var": "targetingKey"}))), "", true),
        (with(Some(json!({"var": "id"}))), "", false),
        (
            with(Some(
                json!({"cat": [{"var": "$flagd.flagKey"}, {"var": "id"}]}),
            )),
            "f",
            false,
        ),
        (
            with(Some(json!({"cat": ["s", 1, {"var": "id"}]}))),
            "s1",
            false,
        ),
    ];
    for (import, seed, by_key) in &cases {
        for user in 0..500 {
            let value = format!("user-{user}");
            let context = match by_key {
                true => json!({"targetingKey": value, "a": "x"}),
                false => json!({"targetingKey": "other", "id": value, "a": "x"}),
            };
            assert_eq!(
                variation(import, &context),
                part(seed, &value, &parts),
                "{seed} {value}"
            );
        }
    }
    // Without the attribute, `cat` has the seed alone, and `var` no bucket.
    let context = json!({"targetingKey": "u", "a": "x"});
    assert_eq!(variation(&cases[4].0, &context), part("s1", "", &parts));
    assert_eq!(variation(&cases[2].0, &context), "default");
}

#[test]
fn thirds_are_refused_unless_they_are_rounded() {
    let targeting = json!({"fractional": [["yes"], ["no"], ["default"]]});
    let import = from_flagd(&document(&targeting), options());
    assert!(import.document.flags.is_empty());
    let refusal = &import.refused[0];
    assert_eq!(
        (&*refusal.key, &*refusal.pointer),
        ("f", "/flags/f/targeting")
    );
    assert_eq!(refusal.operator.as_deref(), Some("fractional"));
    assert!(
        refusal.message.contains("the weights sum to 3"),
        "{refusal}"
    );

    let mut rounding = options();
    rounding.round_weights = true;
    let import = from_flagd(&document(&targeting), rounding);
    let fallthrough = serde_json::to_value(&import.document.flags[0].fallthrough).unwrap();
    let weights: Vec<u64> = fallthrough
        .as_array()
        .unwrap()
        .iter()
        .map(|part| part["weight"].as_u64().unwrap())
        .collect();
    assert_eq!(weights, [33_333, 33_334, 33_333]);
    assert_eq!(import.notes[0].pointer, "/flags/f/targeting");
}

#[test]
fn times_become_scheduled_changes() {
    let limit = 1_893_456_000 + 60;
    let targeting = json!({"if": [
        {"<": [{"var": "$flagd.timestamp"}, limit]}, "no",
        {"and": [{">": [{"var": "$flagd.timestamp"}, limit + 10]}, {"==": [{"var": "a"}, "x"]}]}, "yes",
    ]});
    let import = from_flagd(&document(&targeting), options());
    let flag = &import.document.flags[0];
    let times: Vec<String> = flag
        .scheduled_changes
        .iter()
        .map(|change| change.execute_at.to_string())
        .collect();
    assert_eq!(times, ["2030-01-01T00:01:00Z", "2030-01-01T00:01:11Z"]);
    // At each time, the flag is what an import at that time would give.
    let mut then = flag.clone();
    for change in &flag.scheduled_changes {
        then = then.after(change).unwrap();
        let later = from_flagd(&document(&targeting), FlagdOptions::new(change.execute_at));
        let expected = &later.document.flags[0];
        assert_eq!(
            (&then.rules, &then.fallthrough),
            (&expected.rules, &expected.fallthrough)
        );
    }
    assert!(then.scheduled_changes.is_empty() && then.rules.len() == 1);
}

#[test]
fn conditions_of_evaluators_are_segments() {
    let import = from_flagd(
        &document(&json!({"if": [{"!": [{"$ref": "is_b"}]}, "yes"]})),
        options(),
    );
    let clause = &import.document.flags[0].rules[0].clauses[0];
    assert_eq!(clause.operator.as_str(), "not_in_segment");
    let keys: Vec<&str> = import
        .document
        .segments
        .iter()
        .map(|it| it.key.as_str())
        .collect();
    assert_eq!(keys, ["is_b", "is_a"]);
}

#[test]
fn what_has_no_equivalent_is_refused_with_its_place() {
    let refused = |targeting: Value| {
        let import = from_flagd(&document(&targeting), options());
        assert!(import.document.flags.is_empty(), "{targeting}");
        let refusal = import.refused[0].clone();
        (
            refusal.pointer,
            refusal.operator.unwrap_or_default(),
            refusal.message,
        )
    };
    let condition = |condition: Value| refused(json!({"if": [condition, "yes"]}));
    for (found, pointer, operator, part) in [
        (
            condition(json!({"+": [1, 2]})),
            "/if/0",
            "+",
            "no such operator",
        ),
        (
            condition(json!({"==": [{"var": "a"}, {"var": "b"}]})),
            "/if/0",
            "==",
            "with constants",
        ),
        (
            condition(json!({"var": ["a", 1]})),
            "/if/0",
            "var",
            "a default for a missing attribute",
        ),
        (
            condition(json!({"$ref": "is_aa"})),
            "/if/0",
            "$ref",
            "did you mean `is_a`?",
        ),
        (
            condition(json!({"<": [{"var": "a"}, "b"]})),
            "/if/0",
            "<",
            "an order of strings",
        ),
        (
            condition(json!({"in": [{"var": "a"}, "text"]})),
            "/if/0",
            "in",
            "in a list of constants",
        ),
        (
            condition(json!({"sem_ver": [{"var": "a"}, "=>", "1.0.0"]})),
            "/if/0",
            "sem_ver",
            "no operator of versions",
        ),
        (
            condition(json!({"a": 1, "b": 2})),
            "/if/0",
            "",
            "an object with one member",
        ),
        (
            condition(json!({"starts_with": [{"var": "a"}]})),
            "/if/0",
            "starts_with",
            "expected 2 operands, found 1",
        ),
        (
            condition(json!({"!": [{"fractional": [[true, 1], [false, 1]]}]})),
            "/if/0/!/0",
            "fractional",
            "as a condition",
        ),
        (
            refused(json!({"if": [true, "yess"]})),
            "/if/1",
            "",
            "did you mean `yes`?",
        ),
        (
            refused(json!({"var": "a"})),
            "",
            "var",
            "the value of an attribute",
        ),
        (
            refused(json!({"fractional": [["yes", 1.5]]})),
            "/fractional/0/1",
            "",
            "a whole number",
        ),
        (
            refused(json!({"cat": ["y", "es"]})),
            "",
            "cat",
            "no variant as the result",
        ),
    ] {
        assert_eq!(
            (&*found.0, &*found.1),
            (&*format!("/flags/f/targeting{pointer}"), operator)
        );
        assert!(found.2.contains(part), "{found:?}");
    }
}

#[test]
fn large_expressions_are_refused_in_time() {
    // 2^40 nodes, if evaluators were copied.
    let mut evaluators = serde_json::Map::new();
    evaluators.insert("e0".to_owned(), json!({"var": "a"}));
    for at in 1..40 {
        let before = format!("e{}", at - 1);
        evaluators.insert(
            format!("e{at}"),
            json!({"or": [{"$ref": before}, {"!": [{"$ref": before}]}]}),
        );
    }
    evaluators.insert("circle".to_owned(), json!({"!": [{"$ref": "circle"}]}));
    let flag = |name: &str| {
        json!({"state": "ENABLED", "variants": {"on": true}, "defaultVariant": "on",
            "targeting": {"if": [{"$ref": name}, "on"]}})
    };
    let document = json!({"$evaluators": evaluators, "flags": {"large": flag("e39"), "circle": flag("circle")}});
    let import = from_flagd(&document, options());
    let messages: Vec<&str> = import.refused.iter().map(|it| &*it.message).collect();
    assert!(messages[0].contains("needs itself"), "{messages:?}");
    assert!(messages[1].contains("too large"), "{messages:?}");
}
