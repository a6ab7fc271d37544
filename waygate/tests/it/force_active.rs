//! Force-active routes, and limits of more than one route.

use std::sync::Arc;

use axum::{Router, routing::get};
use serde_json::{Value, json};
use tokio::sync::Semaphore;
use waygate::{Waygate, model::RouteState, testing::TestApp};

use crate::support::builder;

/// A force-active route, one that is not, and one with requests that wait until the test lets them go on.
async fn routes(waygate: &Waygate) -> (TestApp, Arc<Semaphore>, Arc<Semaphore>) {
    for (key, force_active) in [
        ("GET:/health", true),
        ("GET:/x", false),
        ("GET:/slow", false),
    ] {
        let state = RouteState::default().force_active(force_active);
        waygate.register(key.parse().unwrap(), state).await.unwrap();
    }
    let (inside, open) = (Arc::new(Semaphore::new(0)), Arc::new(Semaphore::new(0)));
    let slow = {
        let (inside, open) = (inside.clone(), open.clone());
        move || async move {
            inside.add_permits(1);
            open.acquire().await.unwrap().forget();
        }
    };
    let router = Router::new()
        .route("/health", get(|| async { "ok" }))
        .route("/x", get(|| async { "x" }))
        .route("/slow", get(slow));
    let guarded = waygate.guard(router).await.unwrap().into_router();
    (TestApp::new(guarded), inside, open)
}

async fn status(app: &TestApp, path: &str) -> u16 {
    app.get(path).await.status().as_u16()
}

async fn limit(waygate: &Waygate, key: &str, fields: Value) {
    waygate
        .system()
        .set_rate_limit(
            key.parse().unwrap(),
            serde_json::from_value(fields).unwrap(),
        )
        .await
        .unwrap();
}

async fn limit_concurrency(waygate: &Waygate, key: &str, fields: Value) {
    waygate
        .system()
        .set_concurrency_limit(
            key.parse().unwrap(),
            serde_json::from_value(fields).unwrap(),
        )
        .await
        .unwrap();
}

#[tokio::test]
async fn shared_rate_limits_skip_them() {
    for scope in ["*", "service:shop"] {
        let waygate = builder().service("shop").build().await.unwrap();
        let (app, ..) = routes(&waygate).await;
        let key = format!("{scope}#default");
        limit(
            &waygate,
            &key,
            json!({"limit": "2/hour", "key_strategy": "global"}),
        )
        .await;
        for _ in 0..5 {
            let answer = app.get("/health").await;
            assert_eq!(answer.status(), 200, "{scope}");
            assert_eq!(answer.header("x-ratelimit-limit"), None, "{scope}");
        }
        assert_eq!(status(&app, "/x").await, 200, "`/health` was not charged");
        assert_eq!(status(&app, "/x").await, 200);
        assert_eq!(status(&app, "/x").await, 429);

        // Its own limit applies.
        let own = json!({"limit": "1/hour", "key_strategy": "global"});
        limit(&waygate, "GET:/health#default", own).await;
        assert_eq!(status(&app, "/health").await, 200);
        assert_eq!(status(&app, "/health").await, 429);
    }
}

#[tokio::test]
async fn shared_concurrency_limits_skip_them() {
    for scope in ["*", "service:shop"] {
        let waygate = builder().service("shop").build().await.unwrap();
        let (app, inside, open) = routes(&waygate).await;
        let key = format!("{scope}#default");
        limit_concurrency(&waygate, &key, json!({"limit": 1})).await;
        let slow = tokio::spawn({
            let app = app.clone();
            async move { status(&app, "/slow").await }
        });
        inside.acquire().await.unwrap().forget();
        assert_eq!(status(&app, "/x").await, 429, "{scope}");
        assert_eq!(status(&app, "/health").await, 200, "{scope}");
        limit_concurrency(
            &waygate,
            &key,
            json!({"limit": 1, "include_force_active": true}),
        )
        .await;
        assert_eq!(status(&app, "/health").await, 429, "{scope}");
        open.add_permits(1);
        assert_eq!(slow.await.unwrap(), 200);
    }
}

#[tokio::test]
async fn a_shared_rate_limit_can_include_them() {
    let waygate = builder().build().await.unwrap();
    let (app, ..) = routes(&waygate).await;
    let fields = json!({"limit": "1/hour", "key_strategy": "global", "include_force_active": true});
    limit(&waygate, "*#default", fields).await;
    let record = waygate.rate_limit(&"*#default".parse().unwrap()).unwrap();
    assert!(record.policy.include_force_active);
    assert!(
        record.meaning.ends_with("; force-active routes as well"),
        "{}",
        record.meaning
    );
    assert_eq!(status(&app, "/health").await, 200);
    assert_eq!(status(&app, "/health").await, 429);
    // The route's own limit does not enable the shared ones.
    let fields = json!({"limit": "1/hour", "key_strategy": "global"});
    limit(&waygate, "*#default", fields).await;
    limit(&waygate, "GET:/health#default", json!({"limit": "9/hour"})).await;
    assert_eq!(status(&app, "/health").await, 200);
}

/// The path `/x` has a route for `GET` and one for all methods; either is force-active.
#[tokio::test]
async fn shared_limits_skip_a_path_that_is_force_active() {
    let forced = RouteState::default().force_active(true);
    for (key, other) in [("/path", "GET:/path"), ("GET:/path", "/path")] {
        for scope in ["*", "service:shop"] {
            for first in [true, false] {
                let name = format!("{key} is forced, {scope}, registered first: {first}");
                let waygate = builder().service("shop").build().await.unwrap();
                let register = async || {
                    let open = (other.parse().unwrap(), RouteState::default());
                    let both = [(key.parse().unwrap(), forced.clone()), open];
                    waygate.register_all(both).await.unwrap();
                };
                if first {
                    register().await;
                }
                let router = Router::new().route("/path", get(|| async { "ok" }));
                let guarded = waygate.guard(router).await.unwrap().into_router();
                let app = TestApp::new(guarded);
                if !first {
                    register().await;
                }
                let shared = format!("{scope}#default");
                let once = json!({"limit": "1/hour", "key_strategy": "global"});
                limit(&waygate, &shared, once.clone()).await;
                for _ in 0..3 {
                    assert_eq!(status(&app, "/path").await, 200, "{name}");
                }
                let both = json!({
                    "limit": "1/hour", "key_strategy": "global", "include_force_active": true
                });
                limit(&waygate, &shared, both).await;
                let scope = match scope {
                    "*" => waygate::limits::LimitScope::Global,
                    _ => waygate::limits::LimitScope::Service("shop".parse().unwrap()),
                };
                waygate.system().reset_rate_limits(scope).await.unwrap();
                assert_eq!(status(&app, "/path").await, 200, "{name}");
                assert_eq!(status(&app, "/path").await, 429, "{name}");
                // Its own limits apply.
                let key = shared.parse().unwrap();
                waygate.system().delete_rate_limit(key).await.unwrap();
                limit(&waygate, &format!("{other}#default"), once).await;
                assert_eq!(status(&app, "/path").await, 200, "{name}");
                assert_eq!(status(&app, "/path").await, 429, "{name}");
            }
        }
    }
}
