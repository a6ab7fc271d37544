//! Limits for one method of an all-methods route.

use std::sync::Arc;

use axum::{Router, body::Body, extract::Request, routing::any};
use http::Method;
use serde_json::json;
use tokio::sync::Semaphore;
use waygate::{
    ChangeError, ResolveError, Waygate,
    limits::{ConcurrencyPolicy, HitQuery, LimitScope},
    model::RouteState,
    testing::TestApp,
};
use waygate_backends::MemoryBackend;

use super::{key, policy, set};
use crate::support::{builder, clock};

async fn things() -> (Waygate, TestApp) {
    things_on(Arc::new(MemoryBackend::new())).await
}

async fn things_on(backend: Arc<MemoryBackend>) -> (Waygate, TestApp) {
    let builder = builder().clock(clock()).backend(backend);
    let waygate = builder.build().await.unwrap();
    let router = Router::new().route("/things", any(|| async { "things" }));
    waygate
        .register("/things".parse().unwrap(), RouteState::default())
        .await
        .unwrap();
    let app = TestApp::new(waygate.guard(router).await.unwrap().into_router());
    (waygate, app)
}

async fn ask(app: &TestApp, method: &str) -> u16 {
    let method = Method::from_bytes(method.as_bytes()).unwrap();
    let request = Request::builder().method(method).uri("/things");
    let request = request
        .header("x-request-id", "r")
        .body(Body::empty())
        .unwrap();
    app.send(request).await.status().as_u16()
}

fn once() -> serde_json::Value {
    json!({"limit": "1/hour", "key_strategy": "global"})
}

#[tokio::test]
async fn only_that_method_is_counted() {
    let (waygate, app) = things().await;
    set(&waygate, "GET:/things#default", once()).await;
    assert_eq!((ask(&app, "GET").await, ask(&app, "GET").await), (200, 429));
    assert_eq!(ask(&app, "HEAD").await, 429, "axum serves HEAD with GET");
    for method in ["POST", "DELETE", "OPTIONS"] {
        for _ in 0..3 {
            assert_eq!(ask(&app, method).await, 200, "{method}");
        }
    }
    let record = waygate.rate_limit(&key("GET:/things#default")).unwrap();
    assert_eq!((record.counts.allowed, record.counts.refused), (1, 2));
    assert!(record.overridden);
    let all = waygate.rate_limits();
    assert_eq!(all.len(), 1, "{all:?}");
    let scope = LimitScope::Route("GET:/things".parse().unwrap());
    assert_eq!(waygate.rate_limits_of(&scope).len(), 1);
    let report = waygate.report().to_string();
    assert!(
        report.contains("GET default: at most 1 in an hour"),
        "{report}"
    );
}

/// Only the handler knows the meaning of an extension method.
#[tokio::test]
async fn every_limit_applies_to_an_unnamed_method() {
    for unnamed in ["FOO", "get", "QUERY"] {
        let (waygate, app) = things().await;
        set(&waygate, "POST:/things#default", once()).await;
        assert_eq!(ask(&app, unnamed).await, 200, "{unnamed}");
        assert_eq!(ask(&app, unnamed).await, 429, "{unnamed}");
        assert_eq!(ask(&app, "POST").await, 429, "one counter for {unnamed}");
        assert_eq!(ask(&app, "PUT").await, 200);
    }
    let (waygate, app) = things().await;
    let limits = ["POST:/things#default", "DELETE:/things#default"];
    for limit in limits {
        let twice = json!({"limit": "2/hour", "key_strategy": "global"});
        set(&waygate, limit, twice).await;
    }
    assert_eq!(ask(&app, "DELETE").await, 200);
    assert_eq!((ask(&app, "FOO").await, ask(&app, "FOO").await), (200, 429));
    let counts = limits.map(|limit| waygate.rate_limit(&key(limit)).unwrap().counts);
    assert_eq!((counts[0].allowed, counts[1].allowed), (1, 2));
    assert_eq!(
        (ask(&app, "POST").await, ask(&app, "POST").await),
        (200, 429)
    );
}

#[tokio::test]
async fn limits_of_methods_with_their_own_routes_apply_too() {
    let (waygate, app) = things().await;
    set(&waygate, "POST:/things#default", once()).await;
    let post = waygate::model::Registration::new("POST:/things".parse().unwrap());
    let twice = json!({"limit": "2/hour", "key_strategy": "global", "name": "declared"});
    waygate
        .register_all([post.rate_limit(policy(twice))])
        .await
        .unwrap();
    assert_eq!((ask(&app, "FOO").await, ask(&app, "FOO").await), (200, 429));
    assert_eq!(ask(&app, "POST").await, 429);
    // Changes by operators apply immediately.
    let operator = waygate.system();
    operator
        .delete_rate_limit(key("POST:/things#default"))
        .await
        .unwrap();
    assert_eq!((ask(&app, "FOO").await, ask(&app, "FOO").await), (200, 429));
    assert_eq!(ask(&app, "GET").await, 200);
    assert!(waygate.unregister(&"POST:/things".parse().unwrap()).await);
    assert_eq!(ask(&app, "FOO").await, 200);
    assert!(waygate.rate_limits().is_empty());
}

#[tokio::test]
async fn the_gates_of_the_route_apply() {
    let (waygate, app) = things().await;
    set(
        &waygate,
        "GET:/things#default",
        json!({"limit": "9/hour", "key_strategy": "global"}),
    )
    .await;
    let disable = waygate::model::RouteCommand::Disable {
        reason: Default::default(),
        until: None,
    };
    waygate.system().apply("/things", disable).await.unwrap();
    for method in ["GET", "POST"] {
        assert_eq!(ask(&app, method).await, 503, "{method}");
    }
    waygate
        .system()
        .apply(
            "/things",
            waygate::model::RouteCommand::Enable {
                reason: Default::default(),
            },
        )
        .await
        .unwrap();
    assert_eq!(ask(&app, "GET").await, 200);
    assert_eq!(
        waygate.routes().len(),
        1,
        "no route of its own is registered"
    );
}

#[tokio::test]
async fn limits_of_the_route_and_global_limits_apply_too() {
    let (waygate, app) = things().await;
    set(
        &waygate,
        "/things#default",
        json!({"limit": "3/hour", "key_strategy": "global"}),
    )
    .await;
    set(&waygate, "GET:/things#default", once()).await;
    assert_eq!((ask(&app, "GET").await, ask(&app, "GET").await), (200, 429));
    assert_eq!(
        (ask(&app, "POST").await, ask(&app, "POST").await),
        (200, 200)
    );
    assert_eq!(ask(&app, "POST").await, 429, "one of the three was a GET");
    set(
        &waygate,
        "*#default",
        json!({"limit": "0/hour", "key_strategy": "global"}),
    )
    .await;
    let refused = waygate
        .rate_limit(&key("*#default"))
        .unwrap()
        .counts
        .refused;
    assert_eq!((ask(&app, "GET").await, ask(&app, "PUT").await), (429, 429));
    assert_eq!(
        waygate
            .rate_limit(&key("*#default"))
            .unwrap()
            .counts
            .refused,
        refused + 2
    );
}

#[tokio::test]
async fn a_method_limit_is_paused_shadowed_reset_and_deleted() {
    let (waygate, app) = things().await;
    let limit = || key("GET:/things#default");
    set(&waygate, "GET:/things#default", once()).await;
    let operator = waygate.system();
    assert_eq!((ask(&app, "GET").await, ask(&app, "GET").await), (200, 429));
    operator.pause_rate_limit(limit()).await.unwrap();
    assert_eq!(ask(&app, "GET").await, 200);
    operator.resume_rate_limit(limit()).await.unwrap();
    assert_eq!(ask(&app, "GET").await, 429);
    operator.shadow_rate_limit(limit()).await.unwrap();
    assert_eq!(ask(&app, "GET").await, 200);
    operator.promote_rate_limit(limit()).await.unwrap();
    assert_eq!(ask(&app, "GET").await, 429);
    let scope = LimitScope::Route("GET:/things".parse().unwrap());
    operator.reset_rate_limits(scope).await.unwrap();
    assert_eq!((ask(&app, "GET").await, ask(&app, "GET").await), (200, 429));
    operator.reset_rate_limits_of_path("/things").await.unwrap();
    assert_eq!((ask(&app, "GET").await, ask(&app, "GET").await), (200, 429));
    operator.reset_rate_limit_key(limit(), &[]).await.unwrap();
    assert_eq!((ask(&app, "GET").await, ask(&app, "GET").await), (200, 429));

    for route in ["/things", "GET:/things"] {
        let query = HitQuery::newest(9).route(route);
        assert_eq!(waygate.rate_limit_hits(&query).len(), 7, "{route}");
    }
    let query = HitQuery::newest(9).route("POST:/things");
    assert!(waygate.rate_limit_hits(&query).is_empty());
    assert_eq!(waygate.near_limit(&limit(), 5).len(), 1);
    assert_eq!(waygate.explain("r").unwrap().refused_by, Some(limit()));

    operator.delete_rate_limit(limit()).await.unwrap();
    for _ in 0..3 {
        assert_eq!(ask(&app, "GET").await, 200);
    }
    assert!(waygate.rate_limits().is_empty());
}

#[tokio::test]
async fn a_method_can_have_a_concurrency_limit() {
    let (waygate, open) = (
        builder().clock(clock()).build().await.unwrap(),
        Arc::new(Semaphore::new(0)),
    );
    let doors = open.clone();
    let handler = async move || drop(doors.acquire().await.unwrap());
    let router = Router::new().route("/things", any(handler));
    waygate
        .register("/things".parse().unwrap(), RouteState::default())
        .await
        .unwrap();
    let app = Arc::new(TestApp::new(
        waygate.guard(router).await.unwrap().into_router(),
    ));

    let limit = key("POST:/things#default");
    let fields: ConcurrencyPolicy = serde_json::from_value(json!({"limit": 1})).unwrap();
    let operator = waygate.system();
    let record = operator
        .set_concurrency_limit(limit.clone(), fields)
        .await
        .unwrap();
    assert_eq!(record.key, limit);
    let served = |method: &'static str| {
        let app = app.clone();
        tokio::spawn(async move { ask(&app, method).await })
    };
    let first = served("POST");
    while waygate.concurrency_limit(&limit).unwrap().in_use < 1 {
        tokio::task::yield_now().await;
    }
    assert_eq!(ask(&app, "POST").await, 429);
    assert_eq!(
        ask(&app, "FOO").await,
        429,
        "extension methods have no limit of their own"
    );
    let others = [served("GET"), served("GET")];
    open.add_permits(9);
    assert_eq!(first.await.unwrap(), 200);
    for other in others {
        assert_eq!(other.await.unwrap(), 200);
    }
    assert_eq!(waygate.concurrency_limits().len(), 1);
    operator.delete_concurrency_limit(limit).await.unwrap();
    assert!(waygate.concurrency_limits().is_empty());
}

#[tokio::test]
async fn a_route_for_the_method_takes_the_limit_over() {
    let (waygate, app) = things().await;
    set(&waygate, "GET:/things#default", once()).await;
    assert_eq!((ask(&app, "GET").await, ask(&app, "GET").await), (200, 429));
    waygate
        .register("GET:/things".parse().unwrap(), RouteState::default())
        .await
        .unwrap();
    assert_eq!(ask(&app, "GET").await, 429);
    assert_eq!(waygate.rate_limits().len(), 1);
}

#[tokio::test]
async fn methods_that_the_route_does_not_serve_are_unknown() {
    let waygate = builder().clock(clock()).build().await.unwrap();
    waygate
        .register("GET:/search".parse().unwrap(), RouteState::default())
        .await
        .unwrap();
    for at in [
        "POST:/search#default",
        "GET:/nothing#default",
        "billing:GET:/search#default",
    ] {
        let refused = waygate
            .system()
            .set_rate_limit(key(at), policy(once()))
            .await;
        let is_unknown = matches!(
            refused,
            Err(ChangeError::Resolve(ResolveError::NotRegistered { .. }))
        );
        assert!(is_unknown, "{at}: {refused:?}");
    }
}

#[tokio::test]
async fn a_method_limit_reaches_other_processes() {
    let backend = Arc::new(MemoryBackend::new());
    let (one, _) = things_on(backend.clone()).await;
    let (two, app) = things_on(backend).await;
    let mut events = two.subscribe();
    set(&one, "GET:/things#default", once()).await;
    let event = events.next().await.unwrap();
    let limit = event.changed().unwrap().rate_limit().unwrap();
    assert_eq!(limit.key, key("GET:/things#default"));
    assert_eq!((ask(&app, "GET").await, ask(&app, "GET").await), (200, 429));
    assert_eq!(ask(&app, "POST").await, 200);
}
