//! Section 6: tracking.

use std::sync::Arc;

use serde_json::json;
use waygate_core::flag::{EvaluationContext, MergedContext};
use waygate_openfeature::{
    EvaluationError, FlagRequest, Provider, ProviderMetadata, Resolution, ThreadContext,
    TrackingDetails, isolated,
};

use crate::support::{Fake, defaults, with};

#[test]
fn an_action_reaches_the_provider_with_the_context_of_all_levels() {
    let (api, provider) = with(Fake::default());
    let client = api.client();
    let level = |name: &str| {
        EvaluationContext::new(name)
            .with("last", name)
            .with(&format!("only-{name}"), name)
    };
    api.set_evaluation_context(level("api"));
    api.set_transaction_context_propagator(ThreadContext::default());
    api.set_transaction_context(level("transaction"));
    client.set_evaluation_context(level("client"));
    let details = TrackingDetails::default()
        .value(99.5)
        .with("currency", "EUR")
        .with("items", json!([{"id": 1}]))
        .with("first", true);
    client.track("checkout", &level("call"), &details);

    let tracked = provider.tracked.lock().unwrap();
    let [(event, context, given)] = &tracked[..] else {
        panic!("one action");
    };
    assert_eq!((&**event, given), ("checkout", &details));
    let expected = level("call")
        .with("only-api", "api")
        .with("only-transaction", "transaction")
        .with("only-client", "client");
    assert_eq!(*context, expected);
}

#[test]
fn details_have_a_number_and_fields() {
    let details = TrackingDetails::default();
    assert_eq!((details.numeric_value(), details.iter().count()), (None, 0));
    let details = details.value(1.0).with("a", json!({"b": 1})).with("a", 2);
    assert_eq!(details.numeric_value(), Some(1.0));
    assert_eq!(details.get("a"), Some(&json!(2)));
}

#[test]
fn tracking_without_a_provider_does_nothing() {
    isolated::new()
        .client()
        .track("checkout", None, &TrackingDetails::default());
}

#[test]
fn a_panic_of_tracking_is_contained() {
    struct Broken;
    impl Provider for Broken {
        fn metadata(&self) -> ProviderMetadata {
            ProviderMetadata::new("broken")
        }

        fn track(&self, _: &str, _: &MergedContext<'_>, _: &TrackingDetails) {
            panic!("no queue")
        }

        fn resolve_bool(
            &self,
            _: &FlagRequest<'_>,
            default: bool,
        ) -> Result<Resolution<bool>, EvaluationError> {
            Ok(Resolution::new(!default))
        }

        defaults!();
    }
    let api = isolated::new();
    api.set_provider(Arc::new(Broken)).unwrap();
    let client = api.client();
    client.track("checkout", None, &TrackingDetails::default());
    assert!(client.bool("x", false, None));
}
