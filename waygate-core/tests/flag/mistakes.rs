//! Mistakes in definitions, with their places and messages.

use std::sync::Arc;

use serde_json::{Value, json};
use waygate_core::flag::{CompileOptions, CompiledFlag, Flag, ProblemCode, Problems, Segment};

fn flag() -> Value {
    json!({
        "key": "f", "name": "F", "type": "string",
        "variations": [{"name": "on", "value": "a"}, {"name": "off", "value": "b"}],
        "off_variation": "off", "fallthrough": "on",
        "rules": [{
            "id": "r1", "clauses": [{"attribute": "plan", "operator": "in", "values": ["pro"]}], "variation": "on",
        }],
    })
}

fn with(pointer: &str, value: Value) -> Value {
    let mut flag = flag();
    let (around, name) = pointer.rsplit_once('/').unwrap();
    match flag.pointer_mut(around).unwrap() {
        Value::Object(members) => {
            members.insert(name.to_owned(), value);
        }
        Value::Array(items) => items[name.parse::<usize>().unwrap()] = value,
        other => panic!("{other}"),
    }
    flag
}

fn shown(problems: &Problems) -> Vec<String> {
    problems.iter().map(ToString::to_string).collect()
}

#[test]
fn each_mistake_has_a_place_and_says_what_is_right() {
    assert_eq!(
        Flag::parse(&flag()).unwrap(),
        Flag::stored(&flag()).unwrap()
    );
    let clause = |operator: &str, values: Value| json!([{"attribute": "x", "operator": operator, "values": values}]);
    let cases = [
        (
            "/key",
            json!("a b"),
            "/key: invalid flag key `a b`: use 1 to 128 letters, digits or `. _ -`, such as `new-checkout`",
        ),
        (
            "/key",
            json!(5),
            "/key: expected a string, found the number 5",
        ),
        ("/name", json!(""), "/name: the text is empty"),
        (
            "/name",
            json!("a\u{202e}"),
            "/name: U+202E is not allowed: write one line of plain text",
        ),
        (
            "/type",
            json!("bool"),
            "/type: invalid flag type `bool`: use one of `boolean`, `string`, `integer`, `float`, `json`",
        ),
        (
            "/type",
            json!("interger"),
            "/type: invalid flag type `interger`: did you mean `integer`?",
        ),
        (
            "/tags",
            json!("a"),
            "/tags: expected a list, found a string",
        ),
        (
            "/variations",
            json!([]),
            "/variations: there is no variation",
        ),
        (
            "/variations/0/value",
            json!(null),
            "/variations/0/value: expected a value of the flag's type, found null",
        ),
        (
            "/variations/0/value",
            json!(true),
            "/variations/0/value: true is no string, the type of the flag",
        ),
        (
            "/variations",
            json!([{"name": "on", "value": "a"}, {"name": "off", "value": "b"}, {"name": "on", "value": "c"}]),
            "/variations/2/name: `on` is there twice",
        ),
        (
            "/off_variation",
            json!("offf"),
            "/off_variation: the flag has no variation `offf`; did you mean `off`?",
        ),
        (
            "/fallthrough",
            json!("blue"),
            "/fallthrough: the flag has no variation `blue`; use one of `on`, `off`",
        ),
        (
            "/fallthrough",
            json!(5),
            "/fallthrough: expected the name of a variation, or a list of variations with weights, found the number 5",
        ),
        (
            "/fallthrough",
            json!([]),
            "/fallthrough: the weights sum to 0; they must sum to 100000, which is 100%",
        ),
        (
            "/fallthrough",
            json!([{"variation": "on", "weight": 100_001}]),
            "/fallthrough/0/weight: expected a whole number from 0 to 100000, in thousandths of a percent, found the number 100001",
        ),
        (
            "/fallthrough",
            json!([{"variation": "on", "weight": 99_999}]),
            "/fallthrough: the weights sum to 99999; they must sum to 100000, which is 100%",
        ),
        (
            "/enabled",
            json!("yes"),
            "/enabled: expected true or false, found a string",
        ),
        (
            "/prerequisites",
            json!([{"flag_key": "p"}]),
            "/prerequisites/0/variation: the member `variation` is required",
        ),
        (
            "/prerequisites",
            json!([{"flag_key": "p", "variation": "x"}, {"flag_key": "p", "variation": "y"}]),
            "/prerequisites/1/flag_key: `p` is there twice",
        ),
        (
            "/targets",
            json!({"a/b~": ["u1"]}),
            "/targets/a~1b~0: the flag has no variation `a/b~`; use one of `on`, `off`",
        ),
        (
            "/targets",
            json!({"off": ["u1"], "on": ["u2", "u1"]}),
            "/targets/on/1: `u1` is a target of `off` already",
        ),
        (
            "/targets",
            json!({"off": ["u".repeat(513)]}),
            "/targets/off/0: the key has 513 bytes; use at most 512",
        ),
        (
            "/targets",
            json!([]),
            "/targets: expected an object from variations to lists of keys, found a list",
        ),
        (
            "/rules/0/variation",
            json!("x"),
            "/rules/0/variation: the flag has no variation `x`; use one of `on`, `off`",
        ),
        (
            "/rules/0/rollout",
            json!([]),
            "/rules/0/rollout: use `variation` or `rollout`; the variation would be served to all",
        ),
        (
            "/rules/0/rolout",
            json!([]),
            "/rules/0/rolout: there is no such member; did you mean `rollout`?",
        ),
        ("/rules/0/clauses/0/operator", json!("regex"), "operator"),
        (
            "/rules/0/clauses",
            clause("in", json!([])),
            "/rules/0/clauses/0/values: `in` needs at least one value",
        ),
        (
            "/rules/0/clauses",
            clause("is_set", json!([1])),
            "/rules/0/clauses/0/values: `is_set` compares with no values; leave the list empty",
        ),
        (
            "/rules/0/clauses",
            clause("gt", json!([1, "abc"])),
            "/rules/0/clauses/0/values/1: \"abc\" is no number",
        ),
        (
            "/rules/0/clauses",
            clause("before", json!(["tomorrow"])),
            "/rules/0/clauses/0/values/0: \"tomorrow\" is no point in time: use RFC 3339 such as `2030-01-01T04:00:00Z`, a day, or milliseconds since 1970",
        ),
        (
            "/rules/0/clauses",
            clause("semver_gt", json!(["1.x"])),
            "/rules/0/clauses/0/values/0: `1.x` is no version such as `1.2.3-rc.1`",
        ),
        (
            "/rules/0/clauses",
            clause("in_cidr", json!(["10.0.0.0/33"])),
            "/rules/0/clauses/0/values/0: invalid CIDR `10.0.0.0/33`: the prefix length must be 0 to 32",
        ),
        (
            "/rules/0/clauses",
            clause("matches", json!(["a", "("])),
            "/rules/0/clauses/0/values/1: invalid pattern: unclosed group",
        ),
        (
            "/rules/0/clauses",
            clause("matches", json!(["(?=a)"])),
            "/rules/0/clauses/0/values/0: invalid pattern: look-around, including look-ahead and look-behind, is not supported",
        ),
        (
            "/rules/0/clauses",
            clause("matches", json!(["(\\w{1000}){1000}"])),
            "/rules/0/clauses/0/values/0: the pattern is too large; use smaller repetitions",
        ),
        (
            "/rules/0/clauses",
            clause("matches", json!(["a".repeat(1_001)])),
            "/rules/0/clauses/0/values/0: the pattern has 1001 bytes; use at most 1000",
        ),
        (
            "/rules/0/clauses",
            clause("contains", json!([["a"]])),
            "/rules/0/clauses/0/values/0: [\"a\"] is no string",
        ),
        (
            "/rules/0/clauses",
            clause("in_segment", json!([5])),
            "/rules/0/clauses/0/values/0: expected the key of a segment",
        ),
        (
            "/status",
            json!("archive"),
            "/status: invalid flag status `archive`: did you mean `archived`?",
        ),
        ("/hash", json!("md5"), "hash"),
        (
            "/layer",
            json!({"layer": "l", "from": 5, "to": 5}),
            "/layer/to: the range is empty: `from` is the first bucket, `to` the one after the last",
        ),
        (
            "/expires_at",
            json!("soon"),
            "/expires_at: invalid instant `soon`: expected RFC 3339, such as `2030-01-01T04:00:00Z` or `2030-01-01T04:00:00+02:00`",
        ),
        (
            "/progressive",
            json!({"variation": "on", "baseline": "on", "start": "2030-01-01T00:00:00Z", "stages": []}),
            "/progressive/baseline: the variation and the baseline are the same",
        ),
        (
            "/enabeld",
            json!(true),
            "/enabeld: there is no such member; did you mean `enabled`?",
        ),
    ];
    for (pointer, value, expected) in cases {
        let problems = Flag::parse(&with(pointer, value.clone())).unwrap_err();
        let shown = shown(&problems);
        assert!(
            shown.iter().any(|problem| problem.contains(expected)),
            "{pointer} {value}: {shown:#?}"
        );
        assert!(!problems.to_string().is_empty());
        if !expected.starts_with("/progressive") {
            assert_eq!(shown.len(), 1, "{shown:#?}");
        }
    }
}

#[test]
fn all_mistakes_are_reported_together() {
    let problems = Flag::parse(&json!({
        "key": "f", "type": "integer",
        "variations": [{"name": "a", "value": 1.5}, {"name": "b"}, 5],
        "off_variation": "a", "fallthrough": [{"variation": "a", "weight": 5}, {"weight": 10}],
        "rules": [{"clauses": [{"attribute": "x", "operator": "gte", "values": ["x"]}, {"operator": "is", "values": 1}]}],
        "scheduled_changes": [{"action": "explode"}],
    }))
    .unwrap_err();
    let found: Vec<(&str, ProblemCode)> = problems
        .iter()
        .map(|problem| (problem.pointer.as_str(), problem.code))
        .collect();
    assert_eq!(
        found,
        [
            ("/name", ProblemCode::Missing),
            ("/variations/1/value", ProblemCode::Missing),
            ("/variations/2", ProblemCode::WrongType),
            ("/fallthrough/1/variation", ProblemCode::Missing),
            ("/rules/0/clauses/1/attribute", ProblemCode::Missing),
            ("/rules/0/clauses/1/values", ProblemCode::WrongType),
            ("/scheduled_changes/0/execute_at", ProblemCode::Missing),
            ("/scheduled_changes/0/action", ProblemCode::InvalidText),
            ("/variations/0/value", ProblemCode::WrongValueType),
            ("/rules/0/clauses/0/values/0", ProblemCode::InvalidOperand),
        ]
    );
    for wrong in [json!(null), json!([]), json!("f")] {
        let problems = Flag::parse(&wrong).unwrap_err();
        assert!(
            problems
                .to_string()
                .starts_with("expected an object, found"),
            "{problems}"
        );
        assert_eq!(problems.iter().count(), 1, "{problems:?}");
    }
}

#[test]
fn stored_definitions_are_read_as_the_contract_does() {
    for loose in [
        with("/variations", json!([])),
        with("/off_variation", json!("ghost")),
        with("/fallthrough", json!([{"variation": "on", "weight": 1}])),
        with("/variations/0/value", json!(5)),
        with("/variations/0/value", json!(null)),
        with("/rules/0/clauses/0/values", json!([])),
        with("/unknown", json!(1)),
        with("/maintainer", json!(null)),
        with("/tags", json!(null)),
    ] {
        let flag = Flag::stored(&loose).unwrap();
        let again: Flag = serde_json::from_value(serde_json::to_value(&flag).unwrap()).unwrap();
        assert_eq!(again, flag);
    }
    for broken in [
        with("/key", json!("a b")),
        with("/type", json!("x")),
        with("/enabled", json!(1)),
        json!([]),
    ] {
        assert!(Flag::stored(&broken).is_err());
    }
}

#[test]
fn sizes_are_limited() {
    let many = |count: usize| Value::from_iter((0..count).map(|number| format!("u{number}")));
    let nested = (0..40).fold(json!([]), |inner, _| json!([inner]));
    let json_flag = |value: Value| {
        let mut flag = flag();
        flag["type"] = json!("json");
        flag["variations"] = json!([{"name": "on", "value": value}, {"name": "off", "value": []}]);
        flag
    };
    let rules = Value::from_iter(
        (0..501).map(|number| json!({"id": format!("{number}"), "variation": "on"})),
    );
    let cases = [
        (with("/targets", json!({"on": many(250_001)})), "/targets"),
        (with("/rules", rules), "/rules"),
        (
            with("/rules/0/clauses/0/values", many(10_001)),
            "/rules/0/clauses/0/values",
        ),
        (
            with("/rules/0/clauses/0/values/0", json!("a".repeat(4_097))),
            "/rules/0/clauses/0/values/0",
        ),
        (
            with("/variations/0/value", json!("a".repeat(65_536))),
            "/variations/0/value",
        ),
        (json_flag(nested), "/variations/0/value"),
        (
            with("/description", json!("a".repeat(2_001))),
            "/description",
        ),
        (with("/tags", many(51)), "/tags"),
        (
            with(
                "/rules/0/clauses",
                json!([{"attribute": "x", "operator": "matches", "values": many(101)}]),
            ),
            "/rules",
        ),
    ];
    for (flag, pointer) in cases {
        let problems = Flag::parse(&flag).unwrap_err();
        let found: Vec<_> = problems
            .iter()
            .map(|problem| (&*problem.pointer, problem.code))
            .collect();
        assert_eq!(found, [(pointer, ProblemCode::TooLarge)]);
    }
    assert!(Flag::parse(&with("/targets", json!({"on": many(100_000)}))).is_ok());
}

#[test]
fn segments_have_the_same_rules() {
    let problems = Segment::parse(&json!({
        "key": "s", "name": "S", "included": ["u1", "u2"], "excluded": ["u2"],
        "rules": [{"id": "r", "clauses": [{"attribute": "x", "operator": "lt", "values": ["x"]}]}, {"id": "r", "weight": -1}],
    }))
    .unwrap_err();
    assert_eq!(
        shown(&problems),
        [
            "/rules/1/weight: expected a whole number from 0 to 100000, in thousandths of a percent, found the number -1",
            "/included/1: `u2` is excluded as well",
            "/rules/1/id: `r` is there twice",
            "/rules/0/clauses/0/values/0: \"x\" is no number",
        ]
    );
    assert!(
        Segment::stored(&json!({"key": "s", "name": "S", "included": ["u"], "excluded": ["u"]}))
            .is_ok()
    );
}

/// A long definition with many mistakes is refused in a moment.
#[test]
fn many_mistakes_take_no_time() {
    let parts = |name: &str| {
        Value::from_iter(
            (0..50_000).map(|number| json!({"variation": format!("{name}{number}"), "weight": 1})),
        )
    };
    let mut flag = flag();
    flag["fallthrough"] = parts("on");
    flag["rules"][0] = json!({"rollout": parts("off")});
    let places = |flag: &Value| {
        let problems = Flag::parse(flag).unwrap_err();
        problems
            .iter()
            .map(|problem| problem.pointer.clone())
            .collect::<Vec<_>>()
    };
    assert_eq!(places(&flag), ["/fallthrough", "/rules/0/rollout"]);
    let rules = (0..500).map(|number| json!({"id": format!("{number}"), "variation": "onn"}));
    let mut many = self::flag();
    many["rules"] = Value::from_iter(rules);
    assert_eq!(places(&many).len(), 100);
    flag["variations"] = Value::from_iter(
        (0..50_000).map(|number| json!({"name": format!("v{number}"), "value": 5})),
    );
    assert!(places(&flag).iter().any(|place| place == "/variations"));
}

#[test]
fn operands_that_never_match_are_reported_when_a_stored_flag_is_compiled() {
    let mut flag = flag();
    flag["rules"] = json!([
        {"id": "r1", "clauses": [{"attribute": "x", "operator": "gt", "values": ["abc", 1]}], "variation": "on"},
        {"id": "r2", "clauses": [{"attribute": "x", "operator": "matches", "values": ["("]}], "variation": "on"},
    ]);
    let flag = Flag::stored(&flag).unwrap();
    let (_, problems) = CompiledFlag::compile(Arc::new(flag), CompileOptions::default());
    assert_eq!(
        shown(&problems),
        [
            "/rules/0/clauses/0/values/0: \"abc\" is no number",
            "/rules/1/clauses/0/values/0: invalid pattern: unclosed group"
        ]
    );
}

/// Names of other things are refused in the same way.
#[test]
fn texts_of_invisible_characters_are_refused() {
    const MESSAGE: &str = "the text has only invisible characters";
    let refused = |problems: Result<(), Problems>, pointer: &str, text: &str| {
        let problems = shown(&problems.unwrap_err());
        assert!(
            problems.contains(&format!("{pointer}: {MESSAGE}")),
            "{pointer} {text:?}: {problems:?}"
        );
    };
    for text in [" ", "\u{200b}", "\u{a0}\u{feff}", "\u{2800}\u{3164}"] {
        for (pointer, value) in [
            ("/name", json!(text)),
            ("/description", json!(text)),
            ("/tags", json!([text])),
            ("/maintainer", json!(text)),
            ("/variations/0/name", json!(text)),
            ("/variations/0/description", json!(text)),
            ("/rules/0/id", json!(text)),
            ("/rules/0/description", json!(text)),
            ("/layer", json!({"layer": text, "from": 0, "to": 1})),
            ("/holdout", json!({"name": text, "weight": 1})),
        ] {
            let place = match pointer {
                "/tags" => "/tags/0",
                "/layer" => "/layer/layer",
                "/holdout" => "/holdout/name",
                pointer => pointer,
            };
            refused(Flag::parse(&with(pointer, value)).map(drop), place, text);
        }
        for (name, value) in [
            ("name", json!(text)),
            ("description", json!(text)),
            ("tags", json!(["x", text])),
            (
                "rules",
                json!([{"id": "r", "description": text, "clauses": []}]),
            ),
        ] {
            let mut segment = json!({"key": "beta", "name": "Beta"});
            segment[name] = value;
            let place = match name {
                "tags" => "/tags/1",
                "rules" => "/rules/0/description",
                "name" => "/name",
                _ => "/description",
            };
            refused(Segment::parse(&segment).map(drop), place, text);
        }
    }
    assert!(Flag::parse(&with("/description", json!(""))).is_ok());
    assert!(Flag::parse(&with("/description", json!("one\n\n\ttwo"))).is_ok());
    // A seed is an input of the hash, and no text for readers.
    assert!(Flag::parse(&with("/seed", json!(" "))).is_ok());
}
