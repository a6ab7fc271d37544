//! Section 3: the evaluation context.

use serde_json::{Value, json};
use waygate_core::flag::EvaluationContext;
use waygate_openfeature::{
    EvaluationError, EvaluationOptions, Hook, HookContext, HookHints, ThreadContext,
};

use crate::support::{Fake, with};

struct Adding(EvaluationContext);

impl Hook for Adding {
    fn before(
        &self,
        _: &mut HookContext<'_>,
        _: &HookHints,
    ) -> Result<Option<EvaluationContext>, EvaluationError> {
        Ok(Some(self.0.clone()))
    }
}

#[test]
fn a_context_has_a_key_and_fields_of_all_types() {
    let signed_up = "2030-01-01T00:00:00Z".parse().unwrap();
    let context = EvaluationContext::new("u1")
        .with("bool", true)
        .with("integer", 3)
        .with("float", 1.5)
        .with("string", "a")
        .with("structure", json!({"list": [1, {"a": null}]}))
        .with_time("signed_up", signed_up);
    assert_eq!(context.targeting_key(), Some("u1"));
    assert_eq!(EvaluationContext::anonymous().targeting_key(), None);
    for (name, value) in [
        ("bool", json!(true)),
        ("integer", json!(3)),
        ("float", json!(1.5)),
        ("string", json!("a")),
        ("structure", json!({"list": [1, {"a": null}]})),
        ("signed_up", json!("2030-01-01T00:00:00Z")),
    ] {
        assert_eq!(context.get(name), Some(&value));
    }
    assert_eq!(context.get("other"), None);
    assert_eq!(context.attributes().count(), 6);
}

#[test]
fn a_field_has_one_value() {
    let context = EvaluationContext::anonymous()
        .with("plan", "free")
        .with("plan", "pro");
    let all: Vec<(&str, &Value)> = context.attributes().collect();
    assert_eq!(all, [("plan", &json!("pro"))]);
}

#[test]
fn levels_override_each_other_in_order() {
    let level = |name: &str| {
        EvaluationContext::new(name)
            .with("last", name)
            .with(&format!("only-{name}"), name)
    };
    let (api, provider) = with(Fake::default());
    let client = api.client();
    api.set_transaction_context_propagator(ThreadContext::default());
    let call = level("call");
    let options = EvaluationOptions::default().hook(Adding(level("hook")));
    let plain = EvaluationOptions::default();
    let mut expected = EvaluationContext::anonymous();
    for name in ["api", "transaction", "client", "call", "hook"] {
        match name {
            "api" => api.set_evaluation_context(level(name)),
            "transaction" => api.set_transaction_context(level(name)),
            "client" => client.set_evaluation_context(level(name)),
            _ => {}
        }
        let context = matches!(name, "call" | "hook").then_some(&call);
        let options = if name == "hook" { &options } else { &plain };
        client.with(options).bool("x", false, context);
        let only = format!("only-{name}");
        let key = EvaluationContext::new(name).with("last", name);
        let known = expected.attributes().filter(|(other, _)| *other != "last");
        expected = known.fold(key, |context, (name, value)| {
            context.with(name, value.clone())
        });
        expected = expected.with(&only, name);
        assert_eq!(provider.context(), expected);
    }
    assert_eq!(*api.evaluation_context().unwrap(), level("api"));
    assert_eq!(*client.evaluation_context().unwrap(), level("client"));
    // A context of a caller is never changed.
    assert_eq!(call, level("call"));
}

#[test]
fn a_level_without_a_key_leaves_that_of_others() {
    let (api, provider) = with(Fake::default());
    api.set_evaluation_context(EvaluationContext::new("service"));
    let plan = EvaluationContext::anonymous().with("plan", "pro");
    api.client().bool("x", false, &plan);
    assert_eq!(
        provider.context(),
        EvaluationContext::new("service").with("plan", "pro")
    );
}

#[test]
fn the_same_client_has_the_new_context() {
    let (api, provider) = with(Fake::default());
    let client = api.client();
    let clone = client.clone();
    client.set_evaluation_context(EvaluationContext::new("one"));
    clone.set_evaluation_context(EvaluationContext::new("two"));
    client.bool("x", false, None);
    assert_eq!(provider.context().targeting_key(), Some("two"));
    api.client().bool("x", false, None);
    assert_eq!(provider.context().targeting_key(), None);
}
