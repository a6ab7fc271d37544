//! Section 5: events.

use std::sync::Arc;

use waygate_openfeature::{
    ErrorCode, FlagMetadata, ProviderEvent, ProviderEventDetails, ProviderStatus, isolated,
};

use crate::support::{Fake, Log, block_on, with};

const ALL: [ProviderEvent; 4] = [
    ProviderEvent::Ready,
    ProviderEvent::Error,
    ProviderEvent::ConfigurationChanged,
    ProviderEvent::Stale,
];

#[test]
fn events_run_the_handlers_of_the_api_and_of_clients() {
    let (api, provider) = with(Fake::default());
    let log = Log::default();
    let (client, unbound) = (api.client(), api.client_for("unbound"));
    for event in ALL {
        let noted = log.clone();
        api.on(event, move |event| {
            noted.add(format!("api {event:?}", event = event.event))
        });
        for (name, client) in [("client", &client), ("unbound", &unbound)] {
            let noted = log.clone();
            client.on(event, move |event| {
                noted.add(format!("{name} {:?}", event.event))
            });
        }
    }
    // They have heard that the provider is ready.
    assert_eq!(log.take(), ["api Ready", "client Ready", "unbound Ready"]);
    for event in ALL {
        provider.emit(ProviderEventDetails::new(event));
        let lines = ["api", "client", "unbound"].map(|name| format!("{name} {event:?}"));
        assert_eq!(log.take(), lines);
    }
}

#[test]
fn handlers_of_other_providers_do_not_run() {
    let (api, default) = with(Fake::named("default"));
    let search = Arc::new(Fake::named("search"));
    block_on(api.set_provider_for_and_wait("search", search.clone())).unwrap();
    let log = Log::default();
    for domain in ["search", "other"] {
        let noted = log.clone();
        let client = api.client_for(domain);
        client.on(ProviderEvent::Stale, move |_| noted.add(domain));
    }
    default.emit(ProviderEventDetails::new(ProviderEvent::Stale));
    assert_eq!(log.take(), ["other"]);
    search.emit(ProviderEventDetails::new(ProviderEvent::Stale));
    assert_eq!(log.take(), ["search"]);
}

#[test]
fn the_details_are_those_of_the_provider() {
    let (api, provider) = with(Fake::named("fake"));
    let seen = Arc::new(std::sync::Mutex::new(Vec::new()));
    for event in ALL {
        let seen = seen.clone();
        api.client()
            .on(event, move |event| seen.lock().unwrap().push(event.clone()));
    }
    seen.lock().unwrap().clear();
    let metadata: FlagMetadata = [("attempt", 3.into())].into_iter().collect();
    provider.emit(
        ProviderEventDetails::new(ProviderEvent::ConfigurationChanged)
            .flags_changed(["a", "b"])
            .message("two")
            .metadata(metadata.clone()),
    );
    provider
        .emit(ProviderEventDetails::new(ProviderEvent::Error).error_code(ErrorCode::ParseError));
    let seen = seen.lock().unwrap();
    let [changed, error] = &seen[..] else {
        panic!("{seen:?}");
    };
    assert_eq!(
        (&*changed.provider_name, changed.event),
        ("fake", ProviderEvent::ConfigurationChanged)
    );
    assert_eq!(changed.flags_changed, ["a", "b"]);
    assert_eq!(changed.message.as_deref(), Some("two"));
    assert_eq!(changed.metadata, metadata);
    assert_eq!(error.error_code, Some(ErrorCode::ParseError));
    assert_eq!(error.event.to_string(), "PROVIDER_ERROR");
}

#[test]
fn the_error_of_an_initialization_has_its_message_and_code() {
    let api = isolated::new();
    let log = Log::default();
    let noted = log.clone();
    api.on(ProviderEvent::Error, move |event| {
        let message = event.message.as_deref().unwrap();
        noted.add(format!(
            "{} {message} {}",
            event.provider_name,
            event.error_code.unwrap()
        ));
    });
    api.set_provider(Arc::new(Fake::failing(ErrorCode::ProviderFatal)))
        .unwrap();
    assert_eq!(log.take(), ["fake no connection PROVIDER_FATAL"]);
    // Added later, with the same event.
    let noted = log.clone();
    api.client().on(ProviderEvent::Error, move |event| {
        noted.add(event.message.clone().unwrap());
    });
    assert_eq!(log.take(), ["no connection"]);
}

#[test]
fn a_handler_added_late_runs_now_if_the_state_holds() {
    let (api, provider) = with(Fake::default());
    let log = Log::default();
    for (event, status, of_api) in [
        (ProviderEvent::Stale, ProviderStatus::Stale, true),
        (ProviderEvent::Error, ProviderStatus::Error, false),
        (ProviderEvent::Ready, ProviderStatus::Ready, true),
    ] {
        provider.emit(ProviderEventDetails::new(event));
        assert_eq!(api.client().provider_status(), status);
        for other in ALL {
            let noted = log.clone();
            let handler =
                move |event: &waygate_openfeature::EventDetails| noted.add(event.event.as_str());
            let id = match of_api {
                true => api.on(other, handler),
                false => api.client().on(other, handler),
            };
            let expected = (other == event).then(|| event.as_str().to_owned());
            assert_eq!(log.take(), Vec::from_iter(expected));
            assert!(api.remove_handler(id));
        }
    }
}

#[test]
fn a_handler_that_panics_does_not_stop_others() {
    let (api, provider) = with(Fake::default());
    let log = Log::default();
    api.on(ProviderEvent::Stale, |_| panic!("a bug"));
    let noted = log.clone();
    api.on(ProviderEvent::Stale, move |_| noted.add("second"));
    provider.emit(ProviderEventDetails::new(ProviderEvent::Stale));
    assert_eq!(log.take(), ["second"]);
}

#[test]
fn handlers_stay_when_the_provider_is_replaced() {
    let api = isolated::new();
    let log = Log::default();
    let noted = log.clone();
    let client = api.client_for("search");
    client.on(ProviderEvent::Ready, move |event| {
        noted.add(&*event.provider_name)
    });
    drop(client);
    for name in ["one", "two"] {
        block_on(api.set_provider_for_and_wait("search", Arc::new(Fake::named(name)))).unwrap();
        assert_eq!(log.take(), [name]);
    }
}

#[test]
fn a_ready_provider_that_is_set_for_another_domain_is_announced_there() {
    let (api, provider) = with(Fake::named("shared"));
    block_on(api.set_provider_for_and_wait("search", Arc::new(Fake::named("own")))).unwrap();
    let log = Log::default();
    for domain in ["search", "other"] {
        let noted = log.clone();
        let client = api.client_for(domain);
        client.on(ProviderEvent::Ready, move |event| {
            noted.add(format!("{domain}: {}", event.provider_name));
        });
    }
    log.take();
    api.set_provider_for("search", provider).unwrap();
    assert_eq!(log.take(), ["search: shared"]);
}

#[test]
fn handlers_can_be_removed() {
    let (api, provider) = with(Fake::default());
    let log = Log::default();
    let client = api.client();
    let noted = log.clone();
    let of_api = api.on(ProviderEvent::Stale, move |_| noted.add("api"));
    let noted = log.clone();
    let of_client = client.on(ProviderEvent::Stale, move |_| noted.add("client"));
    assert!(client.remove_handler(of_client));
    assert!(!client.remove_handler(of_client));
    assert!(!isolated::new().remove_handler(of_api));
    provider.emit(ProviderEventDetails::new(ProviderEvent::Stale));
    assert_eq!(log.take(), ["api"]);
    assert!(api.remove_handler(of_api));
    provider.emit(ProviderEventDetails::new(ProviderEvent::Stale));
    assert_eq!(log.take(), [""; 0]);
}

#[test]
fn handlers_see_the_status_of_the_event() {
    let api = isolated::new();
    let log = Log::default();
    for event in [
        ProviderEvent::Ready,
        ProviderEvent::Error,
        ProviderEvent::Stale,
    ] {
        let (noted, client) = (log.clone(), api.client());
        api.on(event, move |_| noted.add(client.provider_status().as_str()));
    }
    let provider = Arc::new(Fake::default());
    block_on(api.set_provider_and_wait(provider.clone())).unwrap();
    provider.emit(ProviderEventDetails::new(ProviderEvent::Stale));
    let fatal = ProviderEventDetails::new(ProviderEvent::Error);
    provider.emit(fatal.error_code(ErrorCode::ProviderFatal));
    assert_eq!(log.take(), ["READY", "STALE", "FATAL"]);
}

#[test]
fn a_handler_may_change_the_api() {
    let (api, provider) = with(Fake::named("one"));
    let (changed, log) = (api.clone(), Log::default());
    let noted = log.clone();
    api.on(ProviderEvent::Error, move |_| {
        changed
            .set_provider(Arc::new(Fake::named("fallback")))
            .unwrap();
        let noted = noted.clone();
        changed.on(ProviderEvent::Ready, move |event| {
            noted.add(&*event.provider_name)
        });
    });
    provider.emit(ProviderEventDetails::new(ProviderEvent::Error));
    assert_eq!(log.take(), ["fallback"]);
    assert!(api.client().bool("x", false, None));
}

#[test]
fn what_is_removed_may_use_the_api_when_it_is_dropped() {
    struct Using(waygate_openfeature::OpenFeature, Log);
    impl Drop for Using {
        fn drop(&mut self) {
            self.0.add_hooks([] as [Using; 0]);
            self.1.add("dropped");
        }
    }
    impl waygate_openfeature::Hook for Using {}
    let (api, log) = (isolated::new(), Log::default());
    let using = || Using(api.clone(), log.clone());
    let captured = using();
    let handler = api.on(ProviderEvent::Stale, move |_| drop(captured.0.client()));
    assert!(api.remove_handler(handler));
    assert_eq!(log.take(), ["dropped"]);
    let captured = using();
    api.on(ProviderEvent::Stale, move |_| drop(captured.0.client()));
    api.add_hook(using());
    block_on(api.shutdown()).unwrap();
    assert_eq!(log.take(), ["dropped", "dropped"]);
}
