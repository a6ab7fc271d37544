//! Bad input: each has its code and a message, and changes nothing.

use std::time::Instant;

use serde_json::{Value, json};
use waygate_core::flag::{
    CompileOptions, ErrorCode, EvaluationContext, Flag, FlagSet, Problem, ProblemCode, Reason,
    Segment, check_flag, check_segment,
    exchange::{FlagDocument, FlagdOptions, from_flagd, plan},
};

use crate::{
    exchange::plans::Stored,
    support::{clock, set},
};

fn flag(members: Value) -> Value {
    let mut flag = json!({
        "key": "f", "name": "f", "type": "boolean", "off_variation": "off",
        "variations": [{"name": "on", "value": true}, {"name": "off", "value": false}],
        "fallthrough": [{"variation": "on", "weight": 50_000}, {"variation": "off", "weight": 50_000}],
    });
    flag.as_object_mut()
        .unwrap()
        .extend(members.as_object().unwrap().clone());
    flag
}

/// Returns the only problem of a definition.
fn problem(definition: &Value) -> Problem {
    let problems = Flag::parse(definition).unwrap_err();
    let problems: Vec<Problem> = problems.into_iter().collect();
    assert_eq!(problems.len(), 1, "{problems:?}");
    problems[0].clone()
}

fn flags(members: Value) -> FlagSet {
    set(&[flag(members)], &[], CompileOptions::default())
}

fn rule(clause: Value) -> Value {
    json!({"rules": [{"id": "1", "clauses": [clause], "variation": "on"}], "fallthrough": "off"})
}

#[test]
fn an_unknown_flag_is_none() {
    let flags = flags(json!({}));
    assert!(
        flags
            .evaluate("g", &EvaluationContext::new("u"), &clock())
            .is_none()
    );
    assert_eq!(ErrorCode::FlagNotFound.as_str(), "FLAG_NOT_FOUND");
}

#[test]
fn a_wrong_type_is_a_mismatch() {
    let flags = flags(json!({}));
    let (clock, context) = (clock(), EvaluationContext::new("u"));
    let resolution = flags.evaluate("f", &context, &clock).unwrap();
    assert!(resolution.as_bool().is_ok());
    assert_eq!(resolution.as_i64(), Err(ErrorCode::TypeMismatch));
    assert_eq!(resolution.as_str(), Err(ErrorCode::TypeMismatch));
    assert_eq!(resolution.as_json(), Err(ErrorCode::TypeMismatch));
}

#[test]
fn a_missing_targeting_key_is_an_error_of_rollouts_alone() {
    let (clock, context) = (clock(), EvaluationContext::anonymous());
    let rollout = flags(json!({}));
    let resolution = rollout.evaluate("f", &context, &clock).unwrap();
    assert_eq!(resolution.error(), Some(ErrorCode::TargetingKeyMissing));
    assert_eq!(
        (resolution.reason(), resolution.variation()),
        (Reason::Error, None)
    );
    assert_eq!(
        resolution.error_message(),
        Some("The rollout needs the key of the context")
    );
    assert_eq!(resolution.as_bool(), Err(ErrorCode::TargetingKeyMissing));
    let fixed = flags(json!({"fallthrough": "on"}));
    assert_eq!(
        fixed.evaluate("f", &context, &clock).unwrap().as_bool(),
        Ok(true)
    );
}

#[test]
fn malformed_contexts_are_refused() {
    for (context, message) in [
        (
            json!([]),
            "invalid evaluation context: the context must be an object",
        ),
        (
            json!({"targetingKey": 5}),
            "invalid evaluation context: `targetingKey` must be a string",
        ),
        (
            json!({"key": {}}),
            "invalid evaluation context: `key` must be a string",
        ),
        (
            json!({"key": "u", "kind": 5}),
            "invalid evaluation context: `kind` must be a string",
        ),
        (
            json!({"kind": "multi", "user": 5}),
            "invalid evaluation context: `user` must be an object: a context of kind `multi` has an object for each \
             kind, such as `user`",
        ),
    ] {
        assert_eq!(
            EvaluationContext::from_json(&context)
                .unwrap_err()
                .to_string(),
            message
        );
    }
    assert_eq!(ErrorCode::InvalidContext.as_str(), "INVALID_CONTEXT");
}

#[test]
fn large_definitions_are_refused_in_time() {
    let start = Instant::now();
    let ten_mib = "x".repeat(10 << 20);
    let found = problem(&flag(json!({"description": ten_mib})));
    assert_eq!(
        (&*found.pointer, found.code),
        ("/description", ProblemCode::TooLarge)
    );
    assert_eq!(
        found.message,
        "the text has 10485760 characters; use at most 2000"
    );
    let variations = json!([{"name": "on", "value": ten_mib}, {"name": "off", "value": ""}]);
    let found = problem(&flag(json!({"type": "string", "variations": variations})));
    assert_eq!(
        (&*found.pointer, found.code),
        ("/variations/0/value", ProblemCode::TooLarge)
    );
    // A text of 10 MiB that is all rules.
    let rules: Vec<Value> = (0..100_000)
        .map(|_| json!({"clauses": [], "variation": "on"}))
        .collect();
    let found = problem(&flag(json!({"rules": rules})));
    assert_eq!(
        (&*found.pointer, found.code),
        ("/rules", ProblemCode::TooLarge)
    );
    // Only the first problems are described.
    let mut members = flag(json!({}));
    for number in 0..200_000 {
        members[format!("k{number}")] = json!(1);
    }
    let found = Flag::parse(&members).unwrap_err();
    assert_eq!(found.iter().count(), 100);
    let clause = json!({"attribute": "plan", "operator": "matchs", "values": ["pro"]});
    let rules = json!([{"clauses": vec![clause; 200_000], "variation": "on"}]);
    let found = Flag::parse(&flag(json!({"rules": rules}))).unwrap_err();
    assert_eq!(found.iter().count(), 100);
    // Generous, since the machine may be busy; linear work takes a fraction of it.
    assert!(start.elapsed().as_secs() < 60);
}

#[test]
fn a_hundred_thousand_targets_are_accepted_and_more_have_a_limit() {
    let keys =
        |count: usize| -> Vec<String> { (0..count).map(|at| format!("user-{at}")).collect() };
    let many = flag(json!({"targets": {"on": keys(100_000)}}));
    assert!(Flag::parse(&many).is_ok());
    let flags = set(&[many], &[], CompileOptions::default());
    let context = EvaluationContext::new("user-99999");
    assert_eq!(
        flags.evaluate("f", &context, &clock()).unwrap().as_bool(),
        Ok(true)
    );
    let found = problem(&flag(json!({"targets": {"on": keys(250_001)}})));
    assert_eq!(
        (&*found.pointer, found.code),
        ("/targets", ProblemCode::TooLarge)
    );
    assert_eq!(
        found.message,
        "there are 250001 targets; use at most 250000"
    );
}

#[test]
fn deep_nesting_is_refused_by_the_parser_and_by_the_check() {
    let text = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
    let error = serde_json::from_str::<Value>(&text).unwrap_err();
    assert!(
        error.to_string().starts_with("recursion limit exceeded"),
        "{error}"
    );
    // The deepest that the parser accepts.
    let nested = (0..120).fold(json!([]), |inner, _| json!([inner]));
    let variations = json!([{"name": "on", "value": nested}, {"name": "off", "value": []}]);
    let found = problem(&flag(json!({"type": "json", "variations": variations})));
    assert_eq!(
        (&*found.pointer, found.code),
        ("/variations/0/value", ProblemCode::TooLarge)
    );
    assert_eq!(found.message, "the value has more than 32 levels");
    let expression = (0..120).fold(json!(true), |inner, _| json!({"!": [inner]}));
    let document = json!({"flags": {"f": {
        "state": "ENABLED", "variants": {"on": true}, "defaultVariant": "on",
        "targeting": {"if": [expression, "on"]},
    }}});
    let options = FlagdOptions::new("2030-01-01T00:00:00Z".parse().unwrap());
    let import = from_flagd(&document, options);
    assert!(
        import.refused[0].message.contains("too large"),
        "{:?}",
        import.refused
    );
}

#[test]
fn cycles_are_refused() {
    let needs = |key: &str, other: &str| {
        flag(json!({"key": key, "prerequisites": [{"flag_key": other, "variation": "on"}]}))
    };
    let own = Flag::parse(&needs("f", "f")).unwrap();
    let nothing = Stored::new([], []);
    let problems = check_flag(&own, &nothing).unwrap_err();
    let found = problems.iter().next().unwrap();
    assert_eq!(
        (&*found.pointer, found.code),
        ("/prerequisites", ProblemCode::Cycle)
    );
    assert_eq!(found.message, "the prerequisites form a cycle: f → f");

    let segment = json!({"key": "s", "name": "s", "rules": [
        {"id": "1", "clauses": [{"attribute": "-", "operator": "in_segment", "values": ["s"]}]},
    ]});
    let segment = Segment::parse(&segment).unwrap();
    let problems = check_segment(&segment, &nothing).unwrap_err();
    let found = problems.iter().next().unwrap();
    assert_eq!(
        (&*found.pointer, found.code),
        ("/rules", ProblemCode::Cycle)
    );

    let both = [needs("a", "b"), needs("b", "a")].map(|flag| Flag::parse(&flag).unwrap());
    let problems = plan(FlagDocument::new(both.to_vec(), Vec::new()), &nothing).unwrap_err();
    assert!(
        problems
            .iter()
            .all(|found| found.code == ProblemCode::Cycle)
    );
}

#[test]
fn weights_sum_to_all_buckets() {
    let parts =
        json!([{"variation": "on", "weight": 30_000}, {"variation": "off", "weight": 60_000}]);
    let found = problem(&flag(json!({"fallthrough": parts})));
    assert_eq!(
        (&*found.pointer, found.code),
        ("/fallthrough", ProblemCode::WeightSum)
    );
    assert_eq!(
        found.message,
        "the weights sum to 90000; they must sum to 100000, which is 100%"
    );
}

#[test]
fn patterns_cannot_explode() {
    let matches = |pattern: &str| {
        flag(rule(
            json!({"attribute": "a", "operator": "matches", "values": [pattern]}),
        ))
    };
    let found = problem(&matches("(a{1000}){1000}"));
    let place = "/rules/0/clauses/0/values/0";
    assert_eq!(
        (&*found.pointer, found.code),
        (place, ProblemCode::InvalidOperand)
    );
    assert_eq!(
        found.message,
        "the pattern is too large; use smaller repetitions"
    );
    // This one stalls engines that go back.
    let flags = set(&[matches("^(a+)+$")], &[], CompileOptions::default());
    let context = EvaluationContext::new("u").with("a", format!("{}!", "a".repeat(100_000)));
    let start = Instant::now();
    assert_eq!(
        flags.evaluate("f", &context, &clock()).unwrap().as_bool(),
        Ok(false)
    );
    assert!(start.elapsed().as_secs() < 10);
}

#[test]
fn an_attribute_of_another_type_does_not_match() {
    let values = [
        json!(true),
        json!(null),
        json!([]),
        json!({"a": 1}),
        json!("text"),
        json!([["x"], {}]),
    ];
    for operator in ["gt", "lte", "semver_gt", "before", "in_cidr", "starts_with"] {
        let operand = match operator {
            "gt" | "lte" => json!(5),
            "semver_gt" => json!("1.0.0"),
            "before" => json!("2030-01-01T00:00:00Z"),
            "in_cidr" => json!("10.0.0.0/8"),
            _ => json!("prefix"),
        };
        let flags = flags(rule(
            json!({"attribute": "a", "operator": operator, "values": [operand]}),
        ));
        for value in &values {
            let context = EvaluationContext::new("u").with("a", value.clone());
            let clock = clock();
            let resolution = flags.evaluate("f", &context, &clock).unwrap();
            assert_eq!(
                (resolution.as_bool(), resolution.reason()),
                (Ok(false), Reason::Default),
                "{operator} {value}"
            );
        }
    }
}
