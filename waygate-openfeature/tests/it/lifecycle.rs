//! Sections 1.1.2, 1.7, 2.4, 2.5 and 2.8: initialization, status and shutdown of providers.

use std::{pin::pin, sync::Arc, thread};

use waygate_core::flag::EvaluationContext;
use waygate_openfeature::{
    ErrorCode, EvaluationError, FlagRequest, Hook, HookContext, HookHints, OpenFeature, Provider,
    ProviderError, ProviderEvent, ProviderEventDetails, ProviderMetadata, ProviderStatus,
    Resolution, isolated,
};

use crate::support::{Fake, Latch, Log, block_on, defaults, eventually, is_pending, with};

fn waiting(latch: &Latch) -> Fake {
    let latch = latch.clone();
    Fake {
        initialize: Box::new(move |_| {
            let ready = latch.wait();
            Box::pin(async {
                ready.await;
                Ok(())
            })
        }),
        ..Fake::default()
    }
}

#[test]
fn a_provider_is_initialized_before_it_is_asked() {
    let api = isolated::new();
    let latch = Latch::default();
    let provider = Arc::new(waiting(&latch));
    api.set_provider(provider.clone()).unwrap();
    let client = api.client();
    assert_eq!(client.provider_status(), ProviderStatus::NotReady);
    let details = client.bool_details("x", false, None);
    assert_eq!(details.error_code, Some(ErrorCode::ProviderNotReady));
    assert_eq!(
        details.error_message.as_deref(),
        Some("the provider is not initialized")
    );
    assert_eq!(
        provider
            .evaluations
            .load(std::sync::atomic::Ordering::SeqCst),
        0
    );
    latch.open();
    eventually(|| client.provider_status() == ProviderStatus::Ready);
    assert!(client.bool("x", false, None));
}

#[test]
fn initialize_gets_the_context_and_the_domain() {
    let api = isolated::new();
    let context = EvaluationContext::anonymous().with("region", "eu");
    api.set_evaluation_context(context.clone());
    let (default, search) = (Arc::new(Fake::default()), Arc::new(Fake::default()));
    block_on(api.set_provider_and_wait(default.clone())).unwrap();
    block_on(api.set_provider_for_and_wait("search", search.clone())).unwrap();
    for (provider, domain) in [(default, None), (search, Some("search"))] {
        let setups = provider.setups.lock().unwrap();
        assert_eq!(
            (setups[0].context(), setups[0].domain()),
            (&context, domain)
        );
    }
}

#[test]
fn waiting_ends_with_the_initialization_and_its_handlers() {
    let api = isolated::new();
    let (latch, log) = (Latch::default(), Log::default());
    let noted = log.clone();
    api.on(ProviderEvent::Ready, move |_| noted.add("ready"));
    let provider = Arc::new(waiting(&latch));
    let mut set = pin!(api.set_provider_and_wait(provider));
    assert!(is_pending(set.as_mut()));
    assert_eq!(log.take(), [""; 0]);
    latch.open();
    block_on(set).unwrap();
    assert_eq!(log.take(), ["ready"]);
}

#[test]
fn a_provider_set_for_a_second_domain_is_waited_for_but_not_initialized_again() {
    let api = isolated::new();
    let latch = Latch::default();
    let provider = Arc::new(waiting(&latch));
    api.set_provider(provider.clone()).unwrap();
    let mut set = pin!(api.set_provider_for_and_wait("search", provider.clone()));
    assert!(is_pending(set.as_mut()));
    latch.open();
    block_on(set).unwrap();
    assert_eq!(provider.log.take(), ["initialize fake"]);
}

#[test]
fn a_failed_initialization_is_an_error_and_a_status() {
    for (code, status) in [
        (ErrorCode::General, ProviderStatus::Error),
        (ErrorCode::ProviderFatal, ProviderStatus::Fatal),
    ] {
        let api = isolated::new();
        let client = api.client();
        let error = block_on(api.set_provider_and_wait(Arc::new(Fake::failing(code)))).unwrap_err();
        let ProviderError::Initialization { name, source } = error else {
            panic!("{error}");
        };
        assert_eq!((&*name, source.code()), ("fake", code));
        assert_eq!(source.message(), Some("no connection"));
        assert_eq!(client.provider_status(), status);

        // The same without waiting.
        let api = isolated::new();
        api.set_provider(Arc::new(Fake::failing(code))).unwrap();
        assert_eq!(api.client().provider_status(), status);
    }
}

#[test]
fn a_provider_with_an_error_is_asked_and_a_fatal_one_is_not() {
    let api = isolated::new();
    let client = api.client();
    let asked = block_on(api.set_provider_and_wait(Arc::new(Fake::failing(ErrorCode::General))));
    asked.unwrap_err();
    assert!(client.bool("x", false, None));
    let fatal = Arc::new(Fake::failing(ErrorCode::ProviderFatal));
    block_on(api.set_provider_and_wait(fatal.clone())).unwrap_err();
    let details = client.bool_details("x", false, None);
    assert_eq!(
        (details.value, details.error_code),
        (false, Some(ErrorCode::ProviderFatal))
    );
    assert_eq!(
        fatal.evaluations.load(std::sync::atomic::Ordering::SeqCst),
        0
    );
    // It may recover after all.
    fatal.emit(ProviderEventDetails::new(ProviderEvent::Ready));
    assert!(client.bool("x", false, None));
}

#[test]
fn a_panic_in_initialize_is_an_error() {
    let providers: [fn() -> Fake; 2] = [
        || Fake {
            initialize: Box::new(|_| panic!("no configuration")),
            ..Fake::default()
        },
        || Fake {
            initialize: Box::new(|_| Box::pin(async { panic!("no configuration") })),
            ..Fake::default()
        },
    ];
    for provider in providers {
        let api = isolated::new();
        let error = block_on(api.set_provider_and_wait(Arc::new(provider()))).unwrap_err();
        assert_eq!(
            error.to_string(),
            "the provider `fake` cannot be initialized: GENERAL: the provider panicked: no configuration"
        );
        assert_eq!(api.client().provider_status(), ProviderStatus::Error);
    }
}

#[test]
fn the_status_follows_the_events_of_the_provider() {
    let (api, provider) = with(Fake::default());
    let client = api.client();
    let event = ProviderEventDetails::new;
    for (event, status) in [
        (event(ProviderEvent::Stale), ProviderStatus::Stale),
        (
            event(ProviderEvent::ConfigurationChanged),
            ProviderStatus::Stale,
        ),
        (event(ProviderEvent::Error), ProviderStatus::Error),
        (event(ProviderEvent::Ready), ProviderStatus::Ready),
        (
            event(ProviderEvent::Error).error_code(ErrorCode::ProviderFatal),
            ProviderStatus::Fatal,
        ),
        (event(ProviderEvent::Ready), ProviderStatus::Ready),
    ] {
        provider.emit(event);
        assert_eq!(client.provider_status(), status);
    }
    assert_eq!(ProviderStatus::Stale.to_string(), "STALE");
    assert_eq!(
        api.client_for("unbound").provider_status(),
        ProviderStatus::Ready
    );
}

#[test]
fn a_provider_that_emits_its_own_events_has_each_once() {
    let api = isolated::new();
    let log = Log::default();
    for event in [ProviderEvent::Ready, ProviderEvent::Error] {
        let noted = log.clone();
        api.on(event, move |event| noted.add(event.event.as_str()));
    }
    let emitting = |event, result: Result<(), EvaluationError>| Fake {
        initialize: Box::new(move |setup| {
            setup.events().emit(ProviderEventDetails::new(event));
            Box::pin(std::future::ready(result.clone()))
        }),
        ..Fake::default()
    };
    let ready = emitting(ProviderEvent::Ready, Ok(()));
    block_on(api.set_provider_and_wait(Arc::new(ready))).unwrap();
    assert_eq!(log.take(), ["PROVIDER_READY"]);
    let error = emitting(ProviderEvent::Error, Err(EvaluationError::general("no")));
    block_on(api.set_provider_and_wait(Arc::new(error))).unwrap_err();
    assert_eq!(log.take(), ["PROVIDER_ERROR"]);
    // It says ready, and fails.
    let both = emitting(ProviderEvent::Ready, Err(EvaluationError::general("no")));
    block_on(api.set_provider_and_wait(Arc::new(both))).unwrap_err();
    assert_eq!(log.take(), ["PROVIDER_READY", "PROVIDER_ERROR"]);
}

#[test]
fn a_provider_without_initialize_is_ready_when_it_is_set() {
    let api = isolated::new();
    let log = Log::default();
    let noted = log.clone();
    api.on(ProviderEvent::Ready, move |event| {
        noted.add(&*event.provider_name)
    });
    struct Plain;
    impl Provider for Plain {
        fn metadata(&self) -> ProviderMetadata {
            ProviderMetadata::new("plain")
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
    api.set_provider(Arc::new(Plain)).unwrap();
    assert_eq!(api.client().provider_status(), ProviderStatus::Ready);
    assert_eq!(log.take(), ["plain"]);
    // Neither tracking nor shutdown must be there.
    api.client().track("x", None, &Default::default());
    block_on(api.shutdown()).unwrap();
}

#[test]
fn the_previous_provider_is_shut_down_when_nothing_uses_it() {
    let log = Log::default();
    let fake = |name| {
        Arc::new(Fake {
            log: log.clone(),
            ..Fake::named(name)
        })
    };
    let api = isolated::new();
    let shared = fake("shared");
    block_on(api.set_provider_and_wait(shared.clone())).unwrap();
    block_on(api.set_provider_for_and_wait("search", shared)).unwrap();
    block_on(api.set_provider_and_wait(fake("second"))).unwrap();
    assert_eq!(log.take(), ["initialize shared", "initialize second"]);
    block_on(api.set_provider_for_and_wait("search", fake("third"))).unwrap();
    assert_eq!(log.take(), ["initialize third", "shutdown shared"]);
    api.set_provider(fake("fourth")).unwrap();
    assert_eq!(log.take(), ["initialize fourth", "shutdown second"]);
}

#[test]
fn shutdown_waits_for_evaluations_in_flight() {
    let (entered, leave) = (Latch::default(), Latch::default());
    let log = Log::default();
    let provider = {
        let (entered, leave, log) = (entered.clone(), leave.clone(), log.clone());
        Fake {
            log: log.clone(),
            resolve: Box::new(move |_| {
                entered.open();
                leave.block();
                log.add("answer");
                Ok(Resolution::new(true))
            }),
            ..Fake::named("old")
        }
    };
    let (api, _) = with(provider);
    let client = api.client();
    let evaluation = thread::spawn(move || client.bool("x", false, None));
    entered.block();
    let next = Fake {
        log: log.clone(),
        ..Fake::named("next")
    };
    let mut set = pin!(api.set_provider_and_wait(Arc::new(next)));
    assert!(is_pending(set.as_mut()));
    assert_eq!(api.provider_metadata().unwrap().name(), "next");
    leave.open();
    assert!(evaluation.join().unwrap());
    block_on(set).unwrap();
    assert_eq!(
        log.take(),
        [
            "initialize old",
            "initialize next",
            "answer",
            "shutdown old"
        ]
    );
}

#[test]
fn a_hook_that_replaces_the_provider_does_not_wait_for_itself() {
    struct Replacing(OpenFeature);
    impl Hook for Replacing {
        fn before(
            &self,
            _: &mut HookContext<'_>,
            _: &HookHints,
        ) -> Result<Option<EvaluationContext>, EvaluationError> {
            let next = Arc::new(Fake::named("next"));
            block_on(self.0.set_provider_and_wait(next)).expect("it is set");
            Ok(None)
        }
    }
    let (api, _) = with(Fake::default());
    let client = api.client();
    client.add_hook(Replacing(api.clone()));
    // The provider of this evaluation is gone.
    let details = client.bool_details("x", false, None);
    assert_eq!(details.error_code, Some(ErrorCode::ProviderNotReady));
    assert_eq!(api.provider_metadata().unwrap().name(), "next");
}

#[test]
fn events_of_a_provider_that_was_replaced_are_ignored() {
    let (api, old) = with(Fake::named("old"));
    let log = Log::default();
    let noted = log.clone();
    api.on(ProviderEvent::Stale, move |event| {
        noted.add(&*event.provider_name)
    });
    block_on(api.set_provider_and_wait(Arc::new(Fake::named("new")))).unwrap();
    old.emit(ProviderEventDetails::new(ProviderEvent::Stale));
    assert_eq!(log.take(), [""; 0]);
    assert_eq!(api.client().provider_status(), ProviderStatus::Ready);
}

#[test]
fn a_provider_can_be_set_again_after_its_shutdown() {
    let (api, provider) = with(Fake::default());
    block_on(api.shutdown()).unwrap();
    block_on(api.shutdown()).unwrap();
    block_on(api.set_provider_and_wait(provider.clone())).unwrap();
    assert!(api.client().bool("x", false, None));
    assert_eq!(
        provider.log.take(),
        ["initialize fake", "shutdown fake", "initialize fake"]
    );
}

#[cfg(feature = "tokio")]
#[tokio::test]
async fn a_provider_may_need_the_runtime() {
    let provider = Fake {
        initialize: Box::new(|_| {
            Box::pin(async {
                tokio::task::yield_now().await;
                let timer = tokio::time::sleep(std::time::Duration::from_millis(1));
                timer.await;
                Ok(())
            })
        }),
        ..Fake::default()
    };
    let api = isolated::new();
    let ready = Arc::new(tokio::sync::Notify::new());
    let noted = ready.clone();
    api.on(ProviderEvent::Ready, move |_| noted.notify_one());
    api.set_provider(Arc::new(provider)).unwrap();
    assert_eq!(api.client().provider_status(), ProviderStatus::NotReady);
    ready.notified().await;
    assert_eq!(api.client().provider_status(), ProviderStatus::Ready);
}

#[test]
fn a_provider_that_cannot_describe_itself_is_not_set() {
    struct Nameless;
    impl Provider for Nameless {
        fn metadata(&self) -> ProviderMetadata {
            panic!("no name")
        }

        fn resolve_bool(
            &self,
            _: &FlagRequest<'_>,
            default: bool,
        ) -> Result<Resolution<bool>, EvaluationError> {
            Ok(Resolution::new(default))
        }

        defaults!();
    }
    let (api, _) = with(Fake::default());
    let error = api.set_provider(Arc::new(Nameless)).unwrap_err();
    assert!(matches!(error, ProviderError::Invalid(_)), "{error}");
    assert_eq!(api.provider_metadata().unwrap().name(), "fake");
}
