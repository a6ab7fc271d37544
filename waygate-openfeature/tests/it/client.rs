//! Sections 1.2 to 1.5 and 2.2: evaluation.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use serde_json::json;
use waygate_core::flag::EvaluationContext;
use waygate_openfeature::{
    ErrorCode, EvaluationError, EvaluationOptions, FlagMetadata, Hook, MetadataValue, Reason,
    Resolution, isolated,
};

use crate::support::{Fake, with, with_flags};

#[test]
fn each_type_has_a_function_for_the_value() {
    let (api, _) = with_flags();
    let client = api.client();
    let user = EvaluationContext::new("u1");
    assert!(client.bool("bool", false, &user));
    assert_eq!(client.integer("integer", 1, &user), 10);
    assert_eq!(client.float("float", 0.1, &user), 0.5);
    assert_eq!(&*client.string("string", "bye", &user), "hi");
    assert_eq!(
        *client.object("object", &json!({}), &user),
        json!({"max": 3})
    );
    // Without a context, and with options.
    let options = EvaluationOptions::default();
    assert!(client.with(&options).bool("bool", false, None));
    assert_eq!(client.with(&options).integer("integer", 1, None), 10);
    assert_eq!(client.with(&options).float("float", 0.1, None), 0.5);
    assert_eq!(&*client.with(&options).string("string", "bye", None), "hi");
    assert_eq!(
        *client.with(&options).object("object", &json!({}), None),
        json!({"max": 3})
    );
}

#[test]
fn each_type_has_a_function_for_details() {
    let (api, _) = with_flags();
    let client = api.client();
    let details = client.bool_details("bool", false, None);
    assert_eq!((details.flag_key, details.value), ("bool", true));
    assert_eq!(details.variant.as_deref(), Some("on"));
    assert_eq!(details.reason, Some(Reason::Static));
    assert_eq!((details.error_code, details.error_message), (None, None));
    assert!(details.flag_metadata.is_empty());
    assert_eq!(client.integer_details("integer", 1, None).value, 10);
    assert_eq!(client.float_details("float", 0.1, None).value, 0.5);
    assert_eq!(&*client.string_details("string", "bye", None).value, "hi");
    assert_eq!(
        *client.object_details("object", &json!({}), None).value,
        json!({"max": 3})
    );
}

#[test]
fn the_fields_of_the_provider_reach_the_details() {
    let metadata: FlagMetadata = [
        ("bool", MetadataValue::from(true)),
        ("number", 1.5.into()),
        ("text", "a".into()),
    ]
    .into_iter()
    .collect();
    let given = metadata.clone();
    let (api, _) = with(Fake {
        resolve: Box::new(move |request| {
            assert!(request.wants_details());
            let reason = Reason::Other("HOLIDAY".into());
            Ok(Resolution::new(true)
                .variant("v")
                .reason(reason)
                .metadata(given.clone()))
        }),
        ..Fake::default()
    });
    let details = api.client().bool_details("x", false, None);
    assert_eq!(details.variant.as_deref(), Some("v"));
    assert_eq!(details.reason.unwrap().as_str(), "HOLIDAY");
    assert_eq!(details.flag_metadata, metadata);
    // Details that the provider leaves out are left out.
    let (api, _) = with(Fake::default());
    let details = api.client().bool_details("x", false, None);
    assert_eq!((details.variant, details.reason), (None, None));
    assert!(details.flag_metadata.is_empty());
}

#[test]
fn every_error_of_a_provider_leads_to_the_default_and_its_code() {
    for code in [
        ErrorCode::ProviderNotReady,
        ErrorCode::ProviderFatal,
        ErrorCode::FlagNotFound,
        ErrorCode::ParseError,
        ErrorCode::TypeMismatch,
        ErrorCode::TargetingKeyMissing,
        ErrorCode::InvalidContext,
        ErrorCode::General,
    ] {
        let (api, _) = with(Fake {
            resolve: Box::new(move |_| Err(EvaluationError::new(code).with_message("why"))),
            ..Fake::default()
        });
        let details = api.client().bool_details("x", true, None);
        assert_eq!((details.value, details.error_code), (true, Some(code)));
        assert_eq!(details.reason, Some(Reason::Error));
        assert_eq!(details.error_message.as_deref(), Some("why"));
        assert_eq!(details.variant, None);
        assert!(api.client().bool("x", true, None));
    }
}

#[test]
fn a_value_of_another_type_is_a_mismatch() {
    let (api, _) = with_flags();
    let client = api.client();
    let mismatch = Some(ErrorCode::TypeMismatch);
    assert_eq!(
        client.bool_details("string", true, None).error_code,
        mismatch
    );
    assert_eq!(
        client.integer_details("string", 7, None).error_code,
        mismatch
    );
    assert_eq!(client.float_details("bool", 7.0, None).error_code, mismatch);
    assert_eq!(
        client.string_details("integer", "d", None).error_code,
        mismatch
    );
    assert_eq!(
        client.object_details("bool", &json!({}), None).error_code,
        mismatch
    );
    assert_eq!(client.integer("string", 7, None), 7);
    // Numbers convert without loss, or not at all.
    assert_eq!(client.float("integer", 0.0, None), 10.0);
    assert_eq!(
        client.integer_details("float", 7, None).error_code,
        mismatch
    );
}

#[test]
fn a_panic_of_the_provider_is_a_general_error() {
    let (api, provider) = with(Fake {
        resolve: Box::new(|_| panic!("index out of bounds")),
        ..Fake::default()
    });
    let details = api.client().bool_details("x", true, None);
    assert_eq!(
        (details.value, details.error_code),
        (true, Some(ErrorCode::General))
    );
    let message = "the provider panicked: index out of bounds";
    assert_eq!(details.error_message.as_deref(), Some(message));
    assert_eq!(provider.evaluations.load(Ordering::SeqCst), 1);
}

#[test]
fn without_a_provider_the_default_is_returned() {
    let client = isolated::new().client_for("search");
    assert_eq!(client.float("x", 1.5, None), 1.5);
    assert_eq!(&*client.string("x", "d", None), "d");
    assert_eq!(*client.object("x", &json!([1]), None), json!([1]));
    let details = client.integer_details("x", 3, None);
    assert_eq!(
        (details.value, details.error_code),
        (3, Some(ErrorCode::ProviderNotReady))
    );
    assert_eq!(
        details.error_message.as_deref(),
        Some("no provider is set for this client")
    );
}

#[test]
fn evaluations_run_in_parallel_with_changes() {
    let (api, provider) = with_flags();
    let client = api.client();
    let rounds = 2_000;
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                for _ in 0..rounds {
                    let details = client.bool_details("bool", false, None);
                    assert_eq!(details.error_code, None, "{details:?}");
                    assert!(details.value);
                }
            });
        }
        for round in 0..rounds / 10 {
            api.set_evaluation_context(EvaluationContext::new(format!("{round}")));
            client.set_evaluation_context(EvaluationContext::new(format!("{round}")));
            api.set_provider_for(format!("d{}", round % 3), provider.clone())
                .unwrap();
        }
    });
}

#[test]
fn an_evaluation_without_hooks_allocates_nothing() {
    let (api, _) = with_flags();
    api.set_evaluation_context(EvaluationContext::anonymous().with("region", "eu"));
    let client = api.client_for("search");
    client.set_evaluation_context(EvaluationContext::anonymous().with("service", "shop"));
    let user = EvaluationContext::new("u1").with("plan", "pro");
    let default = json!({});
    let evaluate = || {
        assert!(client.bool("bool", false, &user));
        assert_eq!(client.integer("integer", 1, &user), 10);
        assert_eq!(client.float("float", 0.1, &user), 0.5);
        assert_eq!(&*client.string("string", "bye", &user), "hi");
        assert!(client.object("object", &default, &user).is_object());
        let missing = client.bool_details("missing", true, &user);
        assert_eq!(missing.error_code, Some(ErrorCode::FlagNotFound));
    };
    // The first use of a thread prepares arc-swap.
    evaluate();
    let counted = allocation_counter::measure(evaluate);
    assert_eq!(counted.count_total, 0, "{counted:?}");
}

#[test]
fn what_is_not_used_need_not_be_made() {
    let made = Arc::new(AtomicUsize::new(0));
    let counted = made.clone();
    let (api, _) = with(Fake {
        resolve: Box::new(move |request| {
            let wanted = usize::from(request.wants_details());
            counted.fetch_add(wanted, Ordering::SeqCst);
            Ok(Resolution::new(true))
        }),
        ..Fake::default()
    });
    let client = api.client();
    client.bool("x", false, None);
    assert_eq!(made.load(Ordering::SeqCst), 0);
    client.bool_details("x", false, None);
    assert_eq!(made.load(Ordering::SeqCst), 1);
    struct Plain;
    impl Hook for Plain {}
    client.add_hook(Plain);
    client.bool("x", false, None);
    assert_eq!(made.load(Ordering::SeqCst), 2);
}

#[test]
fn flag_metadata_cannot_be_changed() {
    let metadata: FlagMetadata = [("a", 1.into()), ("a", 2.into())].into_iter().collect();
    let copy = metadata.clone();
    assert_eq!(copy.get("a"), Some(&MetadataValue::Integer(2)));
    assert_eq!(metadata.iter().count(), 1);
    assert_eq!(metadata.get("b"), None);
}
