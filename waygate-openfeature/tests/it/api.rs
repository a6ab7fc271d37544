//! Sections 1.1, 1.6 and 1.8: the API.

use std::sync::Arc;

use waygate_core::flag::EvaluationContext;
use waygate_openfeature::{
    ErrorCode, Hook, ProviderError, ProviderEvent, ProviderStatus, ThreadContext, global, isolated,
};

use crate::support::{Fake, Log, block_on, with};

#[test]
fn the_global_api_is_one_for_the_process() {
    let set = std::thread::spawn(|| {
        block_on(global().set_provider_for_and_wait("global-test", Arc::new(Fake::default())))
    });
    set.join().unwrap().unwrap();
    assert!(global().client_for("global-test").bool("x", false, None));
    assert_eq!(
        global()
            .provider_metadata_for("global-test")
            .unwrap()
            .name(),
        "fake"
    );
}

#[test]
fn a_default_provider_can_be_set_and_described() {
    let api = isolated::new();
    assert_eq!(api.provider_metadata(), None);
    block_on(api.set_provider_and_wait(Arc::new(Fake::named("one")))).unwrap();
    assert_eq!(api.provider_metadata().unwrap().name(), "one");
    block_on(api.set_provider_and_wait(Arc::new(Fake::named("two")))).unwrap();
    assert_eq!(api.provider_metadata().unwrap().name(), "two");
}

#[test]
fn clients_have_the_provider_of_their_domain_or_the_default_one() {
    let (api, _) = with(Fake::named("default"));
    let [search, other, plain] = [Some("search"), Some("other"), None].map(|domain| match domain {
        Some(domain) => api.client_for(domain),
        None => api.client(),
    });
    let bound = Arc::new(Fake::named("search"));
    block_on(api.set_provider_for_and_wait("search", bound.clone())).unwrap();
    assert_eq!(
        api.provider_metadata_for("search").unwrap().name(),
        "search"
    );
    assert_eq!(
        api.provider_metadata_for("other").unwrap().name(),
        "default"
    );
    for (client, asked) in [(&other, 0), (&plain, 0), (&search, 1)] {
        client.bool("x", false, None);
        let evaluations = bound.evaluations.load(std::sync::atomic::Ordering::SeqCst);
        assert_eq!(evaluations, asked, "{client:?}");
    }
    // The binding is overwritten.
    block_on(api.set_provider_for_and_wait("search", Arc::new(Fake::named("new")))).unwrap();
    assert_eq!(api.provider_metadata_for("search").unwrap().name(), "new");
}

#[test]
fn a_client_can_be_created_for_any_domain_at_any_time() {
    let api = isolated::new();
    for domain in ["", "search", "\0", "a/b"] {
        let client = api.client_for(domain);
        assert_eq!(client.metadata().domain(), Some(domain));
        assert!(!client.bool("x", false, None));
    }
    assert_eq!(api.client().metadata().domain(), None);
}

#[test]
fn a_domain_scoped_provider_has_one_domain() {
    let api = isolated::new();
    let scoped = Arc::new(Fake {
        is_domain_scoped: true,
        ..Fake::default()
    });
    block_on(api.set_provider_for_and_wait("one", scoped.clone())).unwrap();
    block_on(api.set_provider_for_and_wait("one", scoped.clone())).unwrap();
    let refused = [
        block_on(api.set_provider_for_and_wait("two", scoped.clone())),
        api.set_provider_for("two", scoped.clone()),
        api.set_provider(scoped.clone()),
    ];
    for refused in refused {
        assert!(matches!(refused, Err(ProviderError::DomainScoped { name }) if name == "fake"));
    }
    assert_eq!(api.provider_metadata_for("two"), None);
    assert_eq!(api.provider_metadata(), None);
    let setups = scoped.setups.lock().unwrap();
    assert_eq!(setups.len(), 1);
    assert_eq!(setups[0].domain(), Some("one"));
}

#[test]
fn shutdown_resets_everything() {
    struct Noting(Log);
    impl Hook for Noting {
        fn error(
            &self,
            _: &mut waygate_openfeature::HookContext<'_>,
            _: &waygate_openfeature::EvaluationError,
            _: &waygate_openfeature::HookHints,
        ) {
            self.0.add("hook");
        }
    }
    let log = Log::default();
    let (api, default) = with(Fake {
        log: log.clone(),
        ..Fake::named("default")
    });
    let search = Fake {
        log: log.clone(),
        ..Fake::named("search")
    };
    block_on(api.set_provider_for_and_wait("search", Arc::new(search))).unwrap();
    api.add_hook(Noting(log.clone()));
    let noted = log.clone();
    api.on(ProviderEvent::Ready, move |_| noted.add("handler"));
    api.set_evaluation_context(EvaluationContext::new("api"));
    api.set_transaction_context_propagator(ThreadContext::default());
    api.set_transaction_context(EvaluationContext::new("transaction"));
    let client = api.client();
    log.take();

    block_on(api.shutdown()).unwrap();
    let mut lines = log.take();
    lines.sort();
    assert_eq!(lines, ["shutdown default", "shutdown search"]);
    assert_eq!(api.provider_metadata(), None);
    assert_eq!(api.evaluation_context(), None);
    assert_eq!(client.provider_status(), ProviderStatus::NotReady);
    let details = client.bool_details("x", true, None);
    assert_eq!(
        (details.value, details.error_code),
        (true, Some(ErrorCode::ProviderNotReady))
    );
    assert_eq!(log.take(), [""; 0]);

    // It can be used again.
    let again = Arc::new(Fake::default());
    block_on(api.set_provider_and_wait(again.clone())).unwrap();
    assert!(client.bool("x", false, None));
    assert_eq!(again.context(), EvaluationContext::anonymous());
    assert_eq!(log.take(), [""; 0]);
    drop(default);
}

#[test]
fn shutdown_reaches_all_providers_even_if_one_panics() {
    let (api, _) = with(Fake {
        shutdown: Box::new(|| panic!("cannot close")),
        ..Fake::named("bad")
    });
    let good = Arc::new(Fake::named("good"));
    block_on(api.set_provider_for_and_wait("search", good.clone())).unwrap();
    let error = block_on(api.shutdown()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the provider `bad` did not shut down: GENERAL: the provider panicked: cannot close"
    );
    assert!(good.log.take().contains(&"shutdown good".to_owned()));
}

#[test]
fn isolated_apis_share_nothing() {
    let (one, provider) = with(Fake::named("one"));
    let other = isolated::new();
    one.set_evaluation_context(EvaluationContext::new("one"));
    let log = Log::default();
    let noted = log.clone();
    other.on(ProviderEvent::ConfigurationChanged, move |_| {
        noted.add("other")
    });
    let changed =
        waygate_openfeature::ProviderEventDetails::new(ProviderEvent::ConfigurationChanged);
    provider.emit(changed);
    assert_eq!(other.provider_metadata(), None);
    assert_eq!(other.evaluation_context(), None);
    assert_eq!(other.client().provider_status(), ProviderStatus::NotReady);
    block_on(other.shutdown()).unwrap();
    assert!(one.client().bool("x", false, None));
    assert_eq!(log.take(), [""; 0]);
    assert_eq!(global().provider_metadata(), None);
}
