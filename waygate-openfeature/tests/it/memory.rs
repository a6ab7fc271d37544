//! The provider in memory (appendix A).

use serde_json::json;
use waygate_core::flag::EvaluationContext;
use waygate_openfeature::{ErrorCode, InMemoryFlag, InMemoryProvider, ProviderEvent, Reason};

use crate::support::{Log, block_on, with_flags};

#[test]
fn flags_can_be_replaced_and_are_announced() {
    let (api, provider) = with_flags();
    let log = Log::default();
    let noted = log.clone();
    api.on(ProviderEvent::ConfigurationChanged, move |event| {
        noted.add(event.flags_changed.join(" "));
    });
    provider.set_flags([("new", InMemoryFlag::new([("on", true)], "on"))]);
    assert_eq!(log.take(), ["bool float integer new object string"]);
    assert!(api.client().bool("new", false, None));
    let details = api.client().bool_details("bool", false, None);
    assert_eq!(details.error_code, Some(ErrorCode::FlagNotFound));
    block_on(api.shutdown()).unwrap();
    provider.set_flags::<&str>([]);
    assert_eq!(log.take(), [""; 0]);
}

#[test]
fn the_reason_says_what_decided() {
    let pro = |context: &waygate_core::flag::MergedContext<'_>| {
        (context.get("plan")? == "pro").then_some("big")
    };
    let sizes = || [("small", 10), ("big", 1_000)];
    let provider = InMemoryProvider::new([
        ("static", InMemoryFlag::new(sizes(), "small")),
        ("chosen", InMemoryFlag::new(sizes(), "small").choose(pro)),
        ("disabled", InMemoryFlag::new(sizes(), "small").disabled()),
        ("none", InMemoryFlag::new(sizes(), None)),
        ("wrong", InMemoryFlag::new(sizes(), "medium")),
    ]);
    let api = waygate_openfeature::isolated::new();
    block_on(api.set_provider_and_wait(std::sync::Arc::new(provider))).unwrap();
    let user = EvaluationContext::anonymous().with("plan", "pro");
    for (key, context, value, variant, reason) in [
        ("static", None, 10, Some("small"), Reason::Static),
        (
            "chosen",
            Some(&user),
            1_000,
            Some("big"),
            Reason::TargetingMatch,
        ),
        ("chosen", None, 10, Some("small"), Reason::Default),
        ("disabled", None, 7, None, Reason::Disabled),
        ("none", None, 7, None, Reason::Default),
        ("wrong", None, 7, None, Reason::Error),
    ] {
        let details = api.client().integer_details(key, 7, context);
        assert_eq!(
            (details.value, details.variant.as_deref()),
            (value, variant),
            "{key}"
        );
        assert_eq!(details.reason, Some(reason), "{key}");
    }
    let details = api.client().integer_details("wrong", 7, None);
    assert_eq!(details.error_code, Some(ErrorCode::ParseError));
    assert_eq!(
        details.error_message.as_deref(),
        Some("the flag has no variant `medium`")
    );
    assert_eq!(
        *api.client().object("none", &json!({"a": 1}), None),
        json!({"a": 1})
    );
}
