//! The forms of a context, and several kinds.

use serde_json::{Value, json};
use waygate_core::flag::{
    AttributeName, AttributeValue, CompileOptions, Context, ErrorCode, EvaluationContext, FlagSet,
    MergedContext,
};

use crate::support::{clock, context, set};

fn attribute(context: &impl Context, kind: Option<&str>, name: &str) -> Value {
    match context.attribute(kind, &AttributeName::new(name)) {
        None => Value::Null,
        Some(AttributeValue::String(text)) => json!(text),
        Some(AttributeValue::Integer(number)) => json!(number),
        Some(AttributeValue::Json(value)) => value.clone(),
        Some(other) => json!(format!("{other:?}")),
    }
}

#[test]
fn open_feature_and_ofrep() {
    for name in ["targetingKey", "targeting_key"] {
        let context = context(
            &json!({name: "u1", "plan": "pro", "key": "k", "attributes": {"a": 1}, "kind": "device"}),
        );
        assert_eq!((context.key(None), context.kind()), (Some("u1"), "device"));
        assert_eq!(attribute(&context, None, "plan"), "pro");
        assert_eq!(attribute(&context, None, "key"), "k");
        assert_eq!(attribute(&context, None, "attributes"), json!({"a": 1}));
    }
    let anonymous = context(&json!({"plan": "pro"}));
    assert_eq!((anonymous.key(None), anonymous.kind()), (None, "user"));
    assert_eq!(
        anonymous,
        EvaluationContext::anonymous().with("plan", "pro")
    );
    assert_eq!(context(&json!({})).key(None), None);
}

#[test]
fn the_wire_contract() {
    let context = context(&json!({
        "key": "u1", "kind": "org", "email": "e", "ip": null, "country": "DE", "app_version": null,
        "attributes": {"country": "FR", "key": "zz", "plan": null},
    }));
    assert_eq!((context.key(None), context.kind()), (Some("u1"), "org"));
    assert_eq!(attribute(&context, None, "email"), "e");
    assert_eq!(attribute(&context, None, "country"), "FR");
    assert_eq!(attribute(&context, None, "key"), "zz");
    for name in ["ip", "app_version", "plan", "attributes"] {
        assert_eq!(attribute(&context, None, name), Value::Null, "{name}");
    }
}

#[test]
fn every_form_is_written_and_read_back() {
    for value in [
        json!({"key": "u1", "plan": "pro", "attributes": {"key": "zz", "kind": "x", "n": 5}}),
        json!({"targetingKey": "u1", "kind": "device", "attributes": [1], "x": null}),
        json!({"plan": "pro"}),
        json!({"kind": "multi", "user": {"key": "u1", "a": 1}, "org": {"key": "o1"}, "device": {"a": 1}}),
    ] {
        let given = context(&value);
        assert_eq!(context(&given.to_json()), given, "{}", given.to_json());
        assert_eq!(context(&serde_json::to_value(&given).unwrap()), given);
    }
    let plain = context(&json!({"key": "u1", "plan": "pro"})).to_json();
    assert_eq!(
        plain,
        json!({"key": "u1", "kind": "user", "attributes": {"plan": "pro"}})
    );
}

#[test]
fn mistakes_are_named() {
    for (value, expected) in [
        (json!([]), "the context must be an object"),
        (json!({"key": 5}), "`key` must be a string"),
        (
            json!({"targetingKey": {}}),
            "`targetingKey` must be a string",
        ),
        (json!({"key": "u", "kind": 1}), "`kind` must be a string"),
        (
            json!({"kind": "multi"}),
            "a context of kind `multi` has an object for each kind, such as `user`",
        ),
        (
            json!({"kind": "multi", "user": "u1"}),
            "`user` must be an object: a context of kind `multi` has an object for each kind, such as `user`",
        ),
        (
            json!({"kind": "multi", "user": {"key": "u1"}, "plan": "pro"}),
            "`plan` must be an object: a context of kind `multi` has an object for each kind, such as `user`",
        ),
        (
            json!({"kind": "multi", "user": {"key": "u1"}, "targetingKey": 5}),
            "`targetingKey` must be a string",
        ),
    ] {
        let error = EvaluationContext::from_json(&value).unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("invalid evaluation context: {expected}")
        );
    }
}

#[test]
fn a_targeting_key_beside_several_kinds_is_that_of_the_user() {
    let with = |name: &str, key: Value, user: Value| {
        let mut value = json!({"kind": "multi", "org": {"key": "o1", "plan": "pro"}, name: key});
        if !user.is_null() {
            value["user"] = user;
        }
        context(&value)
    };
    for name in ["targetingKey", "targeting_key"] {
        for (key, user, expected) in [
            (json!("u1"), json!({"key": "u2"}), Some("u2")),
            (json!("u1"), json!({"age": 5}), Some("u1")),
            (json!("u1"), Value::Null, Some("u1")),
            (Value::Null, json!({"key": "u2"}), Some("u2")),
            (Value::Null, json!({"age": 5}), None),
        ] {
            let context = with(name, key, user);
            assert_eq!((context.key(None), context.kind()), (expected, "user"));
            assert_eq!(context.key(Some("org")), Some("o1"));
            assert_eq!(attribute(&context, Some("org"), "plan"), "pro");
            assert_eq!(attribute(&context, None, name), Value::Null);
        }
        let without = with(name, Value::Null, Value::Null);
        assert_eq!((without.key(None), without.kind()), (Some("o1"), "org"));
    }
    let alone = context(&json!({"kind": "multi", "targetingKey": "u1"}));
    assert_eq!(alone, EvaluationContext::new("u1"));
}

#[test]
fn many_kinds_are_found() {
    let kind = |number: u32| format!("k{number}");
    let mut context = EvaluationContext::new("u1");
    for number in (0..200).rev() {
        let key = format!("key-{number}");
        context = context.and(EvaluationContext::new(key).of_kind(&kind(number)));
    }
    // The first of one kind counts.
    context = context.and(EvaluationContext::new("other").of_kind("k7"));
    for number in 0..200 {
        let expected = format!("key-{number}");
        assert_eq!(context.key(Some(&kind(number))), Some(&*expected));
    }
    for missing in ["k200", "", "z", "k"] {
        assert_eq!(context.key(Some(missing)), None, "{missing}");
    }
    assert_eq!(context.key(Some("user")), Some("u1"));
    assert_eq!(context.to_json()["k7"]["key"], "key-7");
}

#[test]
fn many_attributes_are_found() {
    let mut context = EvaluationContext::new("u1");
    for number in 0..200 {
        context = context
            .with(&format!("a{number}"), number)
            .with(&format!("a{number}"), number + 1);
    }
    for number in 0..200 {
        assert_eq!(
            attribute(&context, None, &format!("a{number}")),
            json!(number + 1)
        );
    }
    assert_eq!(attribute(&context, None, "a200"), Value::Null);
    assert_eq!(attribute(&context, Some("device"), "a1"), Value::Null);
}

fn flags() -> FlagSet {
    let flag = |key: &str, more: Value| {
        let mut flag = json!({
            "key": key, "name": "F", "type": "boolean",
            "variations": [{"name": "on", "value": true}, {"name": "off", "value": false}],
            "off_variation": "off", "fallthrough": "off",
        });
        for (name, value) in more.as_object().unwrap() {
            flag[name] = value.clone();
        }
        flag
    };
    let clause = |more: Value| {
        let mut clause = json!({"attribute": "plan", "operator": "is", "values": ["pro"]});
        for (name, value) in more.as_object().unwrap() {
            clause[name] = value.clone();
        }
        json!([{"clauses": [clause], "variation": "on"}])
    };
    let half =
        json!([{"variation": "on", "weight": 50_000}, {"variation": "off", "weight": 50_000}]);
    let flags = [
        flag(
            "org-plan",
            json!({"rules": clause(json!({"context_kind": "org"}))}),
        ),
        flag(
            "org-target",
            json!({"context_targets": [{"context_kind": "org", "variation": "on", "values": ["o1"]}]}),
        ),
        flag(
            "org-segment",
            json!({"rules": clause(json!({"operator": "in_segment", "values": ["orgs"]}))}),
        ),
        flag(
            "org-half",
            json!({"context_kind": "org", "fallthrough": half}),
        ),
        flag(
            "seat-half",
            json!({"bucket_by": "seat", "fallthrough": half}),
        ),
    ];
    let segments = [json!({"key": "orgs", "name": "S", "context_kind": "org", "included": ["o1"]})];
    set(&flags, &segments, CompileOptions::default())
}

#[test]
fn rules_targets_segments_and_rollouts_can_be_about_another_kind() {
    let set = flags();
    let clock = clock();
    let both = |org: &str, plan: &str| {
        context(&json!({
            "kind": "multi", "user": {"key": "u1", "plan": "pro"}, "org": {"key": org, "plan": plan},
        }))
    };
    let is_on = |key: &str, context: &EvaluationContext| {
        set.evaluate(key, context, &clock).unwrap().as_bool()
    };
    assert_eq!(both("o1", "pro").key(None), Some("u1"));
    assert_eq!(is_on("org-plan", &both("o1", "pro")), Ok(true));
    assert_eq!(is_on("org-plan", &both("o1", "free")), Ok(false));
    for key in ["org-target", "org-segment"] {
        assert_eq!(is_on(key, &both("o1", "free")), Ok(true), "{key}");
        assert_eq!(is_on(key, &both("o2", "free")), Ok(false), "{key}");
        assert_eq!(
            is_on(key, &EvaluationContext::new("o1")),
            Ok(false),
            "{key}"
        );
    }
    // All users of an organization get the same.
    let built =
        |user: &str| EvaluationContext::new(user).and(EvaluationContext::new("o1").of_kind("org"));
    let results: Vec<_> = (0..50)
        .map(|user| is_on("org-half", &built(&format!("u{user}"))))
        .collect();
    assert!(results.iter().all(|result| *result == results[0]));
    assert_eq!(
        is_on("org-half", &EvaluationContext::new("u1")),
        Err(ErrorCode::TargetingKeyMissing)
    );
}

#[test]
fn a_rollout_without_its_attribute_is_an_error() {
    let set = flags();
    let clock = clock();
    let result = |context: EvaluationContext| {
        let resolution = set.evaluate("seat-half", &context, &clock).unwrap();
        assert_eq!(
            resolution.error().is_some(),
            resolution.variation().is_none()
        );
        resolution.as_bool()
    };
    let context = EvaluationContext::anonymous();
    assert_eq!(result(context.clone()), Err(ErrorCode::InvalidContext));
    for wrong in [json!(1.5), json!(true), json!([1]), json!(null)] {
        assert_eq!(
            result(context.clone().with("seat", wrong)),
            Err(ErrorCode::InvalidContext)
        );
    }
    let number = result(context.clone().with("seat", 7));
    assert!(number.is_ok());
    assert_eq!(number, result(context.clone().with("seat", "7")));
    assert_eq!(number, result(context.with("seat", 7.0)));
}

#[test]
fn levels_are_merged_as_if_they_were_one_context() {
    let process = EvaluationContext::anonymous()
        .with("region", "eu")
        .with("plan", "free")
        .and(
            EvaluationContext::new("o1")
                .of_kind("organization")
                .with("seats", 5),
        );
    let user = EvaluationContext::new("u1")
        .with("plan", "pro")
        .with("beta", Value::Null);
    let call = EvaluationContext::anonymous().with("plan", "team").and(
        EvaluationContext::new("o2")
            .of_kind("organization")
            .with("name", "O"),
    );
    let levels = [Some(&process), None, Some(&user), Some(&call)];
    let merged = MergedContext::of(&levels);
    let copy = merged.to_context();
    assert_eq!(copy.targeting_key(), Some("u1"));
    let organization = EvaluationContext::new("o2").of_kind("organization");
    let expected = EvaluationContext::new("u1")
        .with("region", "eu")
        .with("plan", "team")
        .with("beta", Value::Null)
        .and(organization.with("seats", 5).with("name", "O"));
    assert_eq!(copy, expected);

    let mut names: Vec<&str> = merged.attributes().map(|(name, _)| name).collect();
    names.sort_unstable();
    assert_eq!(names, ["beta", "plan", "region"]);
    for kind in [None, Some("user"), Some("organization"), Some("device")] {
        assert_eq!(merged.key(kind), copy.key(kind), "{kind:?}");
        for name in ["region", "plan", "beta", "seats", "name", "other"] {
            assert_eq!(merged.get(name), copy.get(name));
            let name = AttributeName::new(name);
            assert_eq!(merged.attribute(kind, &name), copy.attribute(kind, &name));
        }
    }
}

#[test]
fn the_highest_level_with_a_key_names_the_kind() {
    let device = EvaluationContext::new("d1").of_kind("device");
    let service = EvaluationContext::anonymous().of_kind("service");
    let nothing = EvaluationContext::anonymous();
    let levels = [Some(&device), Some(&service), Some(&nothing)];
    let merged = MergedContext::of(&levels);
    assert_eq!(
        (merged.kind(), merged.key(Some("device"))),
        ("device", Some("d1"))
    );
    assert_eq!(merged.key(Some("service")), None);
    let levels = [Some(&service), Some(&nothing)];
    assert_eq!(MergedContext::of(&levels).kind(), "service");
    assert_eq!(MergedContext::of(&[]).kind(), "user");
}
