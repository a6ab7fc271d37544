//! The engine as a provider of the native OpenFeature SDK.

use std::{sync::Arc, time::Duration};

use axum::{
    Router,
    extract::Request,
    middleware::{Next, from_fn},
    routing::get,
};
use serde_json::json;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use waygate::{
    ChangeError, Waygate,
    flags::{EvaluationContext, Flag, FlagObservation, Segment},
    health::Component,
    openfeature::{
        EngineProvider, EventDetails, MetadataValue, OpenFeature, ProviderEvent, ProviderStatus,
        Reason, TaskContext, TrackingDetails, isolated,
    },
    port::{BackendError, MemoryBackend},
    testing::TestApp,
};

use crate::{
    faults::{DOWN, FINE, FULL, Faulty},
    support::builder,
};

/// An API with the flags of an engine, and its events.
async fn provided(waygate: &Waygate) -> (OpenFeature, UnboundedReceiver<EventDetails>) {
    let (api, (sender, events)) = (isolated::new(), unbounded_channel());
    let provider = Arc::new(EngineProvider::new(waygate));
    api.set_provider_and_wait(provider).await.unwrap();
    for event in [
        ProviderEvent::ConfigurationChanged,
        ProviderEvent::Stale,
        ProviderEvent::Ready,
    ] {
        let sender = sender.clone();
        api.on(event, move |event| drop(sender.send(event.clone())));
    }
    (api, events)
}

fn flag(enabled: bool) -> Flag {
    Flag::parse(&json!({
        "key": "search", "name": "New search", "type": "boolean", "enabled": enabled,
        "variations": [{"name": "on", "value": true}, {"name": "off", "value": false}],
        "off_variation": "off",
        "rules": [{"clauses": [{"attribute": "plan", "operator": "in", "values": ["pro"]}], "variation": "on"}],
        "fallthrough": "off",
    }))
    .unwrap()
}

#[tokio::test]
async fn changes_of_any_process_are_evaluated_and_announced() {
    let store = MemoryBackend::new();
    let [here, there] = [(); 2].map(|()| builder().backend(store.clone()).build());
    let (here, there) = (here.await.unwrap(), there.await.unwrap());
    let (api, mut events) = provided(&here).await;
    let client = api.client();
    let pro = EvaluationContext::new("u1").with("plan", "pro");
    assert_eq!(next(&mut events).await.event, ProviderEvent::Ready);

    for waygate in [&here, &there] {
        waygate.system().set_flag(flag(true)).await.unwrap();
        let changed = next(&mut events).await;
        assert_eq!(changed.event, ProviderEvent::ConfigurationChanged);
        assert_eq!(changed.flags_changed, ["search"]);
        let details = client.bool_details("search", false, &pro);
        assert_eq!(
            (details.value, details.reason),
            (true, Some(Reason::TargetingMatch))
        );
        let environment = details.flag_metadata.get("flagSetId").cloned();
        assert_eq!(environment, Some(MetadataValue::from("production")));

        waygate.system().set_flag(flag(false)).await.unwrap();
        assert_eq!(next(&mut events).await.flags_changed, ["search"]);
        assert!(!client.bool("search", true, &pro));
    }
    // A segment may be in any flag.
    let segment = Segment::parse(&json!({"key": "beta", "name": "Beta"})).unwrap();
    here.system().create_segment(segment).await.unwrap();
    assert!(next(&mut events).await.flags_changed.is_empty());
}

#[tokio::test(start_paused = true)]
async fn the_status_is_stale_while_the_store_is_down() {
    let store = Arc::new(Faulty::default());
    let waygate = builder().backend(store.clone()).build().await.unwrap();
    waygate.system().set_flag(flag(true)).await.unwrap();
    let (api, mut events) = provided(&waygate).await;
    let client = api.client();
    assert_eq!(next(&mut events).await.event, ProviderEvent::Ready);
    for _ in 0..2 {
        store.set(DOWN);
        let stale = next(&mut events).await;
        assert_eq!(
            (stale.event, client.provider_status()),
            (ProviderEvent::Stale, ProviderStatus::Stale)
        );
        let message = stale.message.unwrap();
        assert!(
            message.starts_with("store: ") && message.contains("connection refused"),
            "{message}"
        );
        // The last known flags apply.
        assert!(client.bool(
            "search",
            false,
            &EvaluationContext::new("u1").with("plan", "pro")
        ));
        // A provider that is set now is ready with them, and says so.
        let (other, _) = provided(&waygate).await;
        assert_eq!(other.client().provider_status(), ProviderStatus::Stale);

        store.set(FINE);
        assert_eq!(next(&mut events).await.event, ProviderEvent::Ready);
        assert_eq!(client.provider_status(), ProviderStatus::Ready);
    }
}

/// Waits for the next event. Handlers run in a thread of their own, so the limit is in real time also while that of the
/// runtime is paused.
async fn next(events: &mut UnboundedReceiver<EventDetails>) -> EventDetails {
    let (waiting, done) = std::sync::mpsc::channel::<()>();
    let (late, deadline) = tokio::sync::oneshot::channel::<()>();
    std::thread::spawn(move || {
        let _ = done.recv_timeout(Duration::from_secs(30));
        drop(late);
    });
    let event = tokio::select! {
        event = events.recv() => event.expect("the API has a handler"),
        _ = deadline => panic!("no event within 30 seconds"),
    };
    drop(waiting);
    event
}

/// The cause of the store's health, once it contains `expected`.
async fn store_cause(waygate: &Waygate, expected: Option<&str>) {
    for _ in 0..60 {
        let health = waygate.health();
        let cause = health.get(&Component::Store).map(|store| &store.cause);
        match (cause, expected) {
            (Some(cause), Some(expected)) if cause.contains(expected) => return,
            (None, None) => return,
            _ => tokio::time::sleep(Duration::from_secs(1)).await,
        }
    }
    panic!("the store is not {expected:?}: {:?}", waygate.health());
}

#[tokio::test(start_paused = true)]
async fn a_store_that_only_refuses_writes_leaves_the_status_ready() {
    let store = Arc::new(Faulty::default());
    let waygate = builder().backend(store.clone()).build().await.unwrap();
    waygate.system().set_flag(flag(true)).await.unwrap();
    let (api, mut events) = provided(&waygate).await;
    let status = || api.client().provider_status();
    assert_eq!(next(&mut events).await.event, ProviderEvent::Ready);

    store.set(FULL);
    let refused = waygate.system().set_flag(flag(false)).await.unwrap_err();
    assert!(
        matches!(refused, ChangeError::Backend(BackendError::NotWritable(_))),
        "{refused}"
    );
    store_cause(&waygate, Some("no space left")).await;
    let (other, _) = provided(&waygate).await;
    assert_eq!(other.client().provider_status(), ProviderStatus::Ready);
    // Several checks of the health, and polls that find the store readable but not writable.
    tokio::time::sleep(Duration::from_secs(20)).await;
    store_cause(&waygate, Some("no space left")).await;

    // The first event is that of the reads, and they recover while writes are refused.
    store.set(DOWN);
    let stale = next(&mut events).await;
    assert_eq!(
        (stale.event, status()),
        (ProviderEvent::Stale, ProviderStatus::Stale)
    );
    assert!(stale.message.unwrap().contains("connection refused"));
    store_cause(&waygate, Some("connection refused")).await;
    store.set(FULL);
    let ready = next(&mut events).await;
    assert_eq!(
        (ready.event, status()),
        (ProviderEvent::Ready, ProviderStatus::Ready)
    );
    store_cause(&waygate, Some("no space left")).await;

    store.set(FINE);
    store_cause(&waygate, None).await;
    waygate.system().set_flag(flag(false)).await.unwrap();
    let changed = next(&mut events).await;
    assert_eq!(changed.event, ProviderEvent::ConfigurationChanged);
}

#[tokio::test]
async fn a_provider_ends_with_its_api_and_with_the_engine() {
    let waygate = builder().build().await.unwrap();
    let (api, mut events) = provided(&waygate).await;
    assert_eq!(next(&mut events).await.event, ProviderEvent::Ready);
    waygate.shutdown().await;
    let stale = next(&mut events).await;
    assert_eq!(stale.message.as_deref(), Some("the engine has ended"));
    assert_eq!(api.client().provider_status(), ProviderStatus::Stale);

    api.shutdown().await.unwrap();
    // The handlers are gone, and with them the sender of each.
    assert!(events.recv().await.is_none());
    assert_eq!(api.client().provider_status(), ProviderStatus::NotReady);
}

#[tokio::test]
async fn evaluations_and_actions_are_counted() {
    let observation = FlagObservation::new().exposures(Duration::from_secs(60));
    let waygate = builder().observe_flags(observation).build().await.unwrap();
    waygate.system().set_flag(flag(true)).await.unwrap();
    let (api, _) = provided(&waygate).await;
    let client = api.client();
    let pro = EvaluationContext::new("u1").with("plan", "pro");
    assert!(client.bool("search", false, &pro));
    assert_eq!(&*client.string("search", "none", None), "none");
    client.track("order", &pro, &TrackingDetails::default().value(12.5));
    let usage = waygate.flags().usage("search").unwrap();
    let on = usage
        .variations
        .iter()
        .find(|variation| variation.name == "on");
    let on = on.unwrap();
    assert_eq!((on.evaluations, on.conversions[0].sum), (1, 12.5));
    assert_eq!(usage.defaults, 1, "a boolean is no text");
}

#[tokio::test]
async fn each_request_has_a_context_of_its_own() {
    let waygate = builder().build().await.unwrap();
    waygate.system().set_flag(flag(true)).await.unwrap();
    let (api, _) = provided(&waygate).await;
    api.set_transaction_context_propagator(TaskContext::default());
    let client = api.client();
    let handler = move || async move {
        tokio::task::yield_now().await;
        client.bool("search", false, None).to_string()
    };
    let with_context = |request: Request, next: Next| {
        let plan = request
            .headers()
            .get("x-plan")
            .and_then(|plan| plan.to_str().ok());
        let user = EvaluationContext::new("u1").with("plan", plan.unwrap_or_default());
        TaskContext::scope(user, next.run(request))
    };
    let router = Router::new()
        .route("/", get(handler))
        .layer(from_fn(with_context));
    let app = TestApp::new(router);
    let requests = (0..40).map(|at| {
        let plan = if at % 2 == 0 { "pro" } else { "free" };
        let app = app.with_header("x-plan", plan);
        async move { (plan, app.get("/").await.text()) }
    });
    for (plan, answer) in futures_util::future::join_all(requests).await {
        assert_eq!(answer, (plan == "pro").to_string());
    }
}
