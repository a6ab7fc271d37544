//! The provider of Waygate's flags.

use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use waygate_core::{
    flag::{CompileOptions, CompiledFlag, EvaluationContext, Flag, FlagSet, FlagSource, FlagType},
    port::{Clock, ManualClock},
};
use waygate_openfeature::{
    ErrorCode, FlagProvider, MetadataValue, OpenFeature, Provider, ProviderEvent,
    ProviderEventDetails, Reason, isolated,
};

use crate::support::{Log, block_on};

fn set(flags: &[Value]) -> FlagSet {
    let mut set = FlagSet::new();
    for flag in flags {
        let flag = Flag::stored(flag).unwrap();
        let (flag, problems) = CompiledFlag::compile(Arc::new(flag), CompileOptions::default());
        assert!(problems.is_empty(), "{problems}");
        set.insert_flag(Arc::new(flag));
    }
    set
}

fn flag(key: &str, kind: FlagType, values: [Value; 2], more: &Value) -> Value {
    let mut flag = json!({
        "key": key, "name": key, "type": kind.as_str(),
        "variations": [{"name": "one", "value": values[0]}, {"name": "two", "value": values[1]}],
        "off_variation": "two", "fallthrough": "one",
    });
    let members = flag.as_object_mut().unwrap();
    members.extend(more.as_object().unwrap().clone());
    flag
}

fn clock() -> ManualClock {
    ManualClock::at("2030-01-01T00:00:00Z".parse().unwrap())
}

fn flags() -> FlagSet {
    let bools = || [json!(true), json!(false)];
    let rule = json!({
        "id": "r1", "clauses": [{"attribute": "plan", "operator": "in", "values": ["pro"]}], "variation": "two",
    });
    let split =
        json!([{"variation": "one", "weight": 20_000}, {"variation": "two", "weight": 80_000}]);
    let prerequisite = json!([{"flag_key": "off", "variation": "one"}]);
    set(&[
        flag("bool", FlagType::Boolean, bools(), &json!({})),
        flag(
            "integer",
            FlagType::Integer,
            [json!(10), json!(20)],
            &json!({}),
        ),
        flag(
            "float",
            FlagType::Float,
            [json!(0.5), json!(1.5)],
            &json!({}),
        ),
        flag(
            "string",
            FlagType::String,
            [json!("hi"), json!("bye")],
            &json!({}),
        ),
        flag(
            "json",
            FlagType::Json,
            [json!({"a": 1}), json!([])],
            &json!({}),
        ),
        flag(
            "rule",
            FlagType::Boolean,
            bools(),
            &json!({"rules": [rule]}),
        ),
        flag(
            "split",
            FlagType::Boolean,
            bools(),
            &json!({"fallthrough": split}),
        ),
        flag(
            "off",
            FlagType::Boolean,
            bools(),
            &json!({"enabled": false}),
        ),
        flag(
            "needs",
            FlagType::Boolean,
            bools(),
            &json!({"prerequisites": prerequisite}),
        ),
    ])
}

fn api() -> OpenFeature {
    let api = isolated::new();
    let provider = FlagProvider::new((flags(), clock()));
    block_on(api.set_provider_and_wait(Arc::new(provider))).unwrap();
    api
}

#[test]
fn values_of_each_type() {
    let api = api();
    let client = api.client();
    assert_eq!(api.provider_metadata().unwrap().name(), "waygate");
    assert!(client.bool("bool", false, None));
    assert_eq!(client.integer("integer", 0, None), 10);
    assert_eq!(client.float("float", 0.0, None), 0.5);
    assert_eq!(client.float("integer", 0.0, None), 10.0);
    assert_eq!(&*client.string("string", "", None), "hi");
    assert_eq!(*client.object("json", &json!({}), None), json!({"a": 1}));
    for (key, code) in [
        ("string", ErrorCode::TypeMismatch),
        ("unknown", ErrorCode::FlagNotFound),
    ] {
        let details = client.bool_details(key, true, None);
        assert_eq!((details.value, details.error_code), (true, Some(code)));
    }
}

#[test]
fn details_say_what_decided() {
    let api = api();
    let client = api.client();
    let user = EvaluationContext::new("u1").with("plan", "pro");
    let facts = |key: &str| {
        let details = client.bool_details(key, true, &user);
        let facts = details.flag_metadata.iter();
        let facts: Vec<String> = facts
            .map(|(name, value)| format!("{name}={value:?}"))
            .collect();
        (details.variant, details.reason.unwrap(), facts.join(" "))
    };
    let two = Some("two".into());
    assert_eq!(
        facts("bool"),
        (Some("one".into()), Reason::Static, String::new())
    );
    let rule = r#"ruleId=String("r1") ruleIndex=Integer(0)"#;
    assert_eq!(
        facts("rule"),
        (two.clone(), Reason::TargetingMatch, rule.to_owned())
    );
    assert_eq!(facts("off"), (two.clone(), Reason::Disabled, String::new()));
    let needs = r#"prerequisiteKey=String("off")"#;
    assert_eq!(facts("needs"), (two, Reason::Disabled, needs.to_owned()));
    let (_, reason, bucket) = facts("split");
    assert_eq!(reason, Reason::Split);
    assert!(bucket.starts_with("bucket=Integer("), "{bucket}");
    // No rule matched.
    assert_eq!(
        client.bool_details("rule", true, None).reason,
        Some(Reason::Default)
    );
}

#[test]
fn a_rollout_without_a_key_is_an_error_with_the_default() {
    let api = api();
    let details = api.client().bool_details("split", true, None);
    assert_eq!(
        (details.value, details.error_code),
        (true, Some(ErrorCode::TargetingKeyMissing))
    );
    let message = "The rollout needs the key of the context";
    assert_eq!(details.error_message.as_deref(), Some(message));
}

#[test]
fn attributes_of_all_levels_reach_the_rules() {
    let api = api();
    api.set_evaluation_context(EvaluationContext::anonymous().with("plan", "pro"));
    assert!(
        !api.client()
            .bool("rule", true, &EvaluationContext::new("u1"))
    );
    let free = EvaluationContext::new("u1").with("plan", "free");
    assert!(api.client().bool("rule", false, &free));
}

#[test]
fn an_evaluation_for_a_value_allocates_nothing() {
    let api = api();
    api.set_evaluation_context(EvaluationContext::anonymous().with("plan", "pro"));
    let client = api.client();
    let user = EvaluationContext::new("u1").with("country", "DE");
    let default = json!({});
    let evaluate = || {
        assert!(client.bool("bool", false, &user));
        assert!(!client.bool("rule", true, &user));
        client.bool("split", true, &user);
        assert_eq!(client.integer("integer", 0, &user), 10);
        assert_eq!(client.float("float", 0.0, &user), 0.5);
        assert_eq!(&*client.string("string", "", &user), "hi");
        assert!(client.object("json", &default, &user).is_object());
    };
    evaluate();
    let counted = allocation_counter::measure(evaluate);
    assert_eq!(counted.count_total, 0, "{counted:?}");
}

#[test]
fn the_set_of_flags_has_a_name() {
    let api = isolated::new();
    let provider = FlagProvider::new((flags(), clock())).flag_set_id("production");
    block_on(api.set_provider_and_wait(Arc::new(provider))).unwrap();
    let details = api.client().bool_details("bool", false, None);
    let name = MetadataValue::from("production");
    assert_eq!(details.flag_metadata.get("flagSetId"), Some(&name));
}

#[test]
fn a_change_of_the_source_is_seen_and_announced() {
    #[derive(Debug)]
    struct Source(Mutex<FlagSet>, ManualClock);
    impl FlagSource for Source {
        fn with_flags<R>(&self, read: impl FnOnce(&FlagSet, &dyn Clock) -> R) -> R {
            read(&self.0.lock().unwrap(), &self.1)
        }
    }
    let source = Arc::new(Source(Mutex::new(flags()), clock()));
    let provider = Arc::new(FlagProvider::new(source.clone()));
    provider.emit(ProviderEventDetails::new(ProviderEvent::Stale));
    let api = isolated::new();
    block_on(api.set_provider_and_wait(provider.clone())).unwrap();
    let log = Log::default();
    let noted = log.clone();
    api.on(ProviderEvent::ConfigurationChanged, move |event| {
        noted.add(event.flags_changed.join(" "));
    });
    source.0.lock().unwrap().remove_flag("bool");
    let changed = ProviderEventDetails::new(ProviderEvent::ConfigurationChanged);
    provider.emit(changed.clone().flags_changed(["bool"]));
    assert_eq!(log.take(), ["bool"]);
    assert!(!api.client().bool("bool", false, None));
    block_on(api.shutdown()).unwrap();
    provider.emit(changed);
    assert_eq!(log.take(), [""; 0]);
}

#[test]
fn shutdown_can_be_repeated() {
    let provider = Arc::new(FlagProvider::new((flags(), clock())));
    for _ in 0..2 {
        let api = isolated::new();
        block_on(api.set_provider_and_wait(provider.clone())).unwrap();
        block_on(api.shutdown()).unwrap();
        block_on(provider.shutdown());
        block_on(provider.shutdown());
    }
}
