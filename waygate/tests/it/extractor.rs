//! `RouteGuard`: its counting, and its responses.

use axum::{
    Router,
    body::Body,
    extract::{Request, State},
    response::IntoResponse,
    routing::{any, get},
};
use http::header::LINK;
use serde_json::{Value, json};
use tower::ServiceExt;
use waygate::{
    RouteGuard, Waygate,
    model::{Deprecation, RouteState},
    testing::TestApp,
};

use crate::support::{at, builder, clock};

async fn engine(keys: &[&str]) -> Waygate {
    let waygate = builder().clock(clock()).build().await.unwrap();
    for key in keys {
        let key = key.parse().unwrap();
        waygate.register(key, RouteState::default()).await.unwrap();
    }
    waygate
}

async fn limit(waygate: &Waygate, key: &str, limit: &str) {
    let fields = json!({"limit": limit, "key_strategy": "global"});
    let policy = serde_json::from_value(fields).unwrap();
    waygate
        .system()
        .set_rate_limit(key.parse().unwrap(), policy)
        .await
        .unwrap();
}

async fn deprecate(waygate: &Waygate, key: &str) {
    let deprecation = Deprecation::new(
        Some(at("2025-01-01T00:00:00Z")),
        Some(at("2032-01-01T00:00:00Z")),
        Some("/v2".parse().unwrap()),
    );
    waygate
        .system()
        .deprecate(key, Some(deprecation.unwrap()))
        .await
        .unwrap();
}

async fn handler(guard: RouteGuard) -> impl IntoResponse {
    ([(LINK, "</self>; rel=\"self\"")], guard, "in")
}

fn router(waygate: &Waygate) -> Router {
    Router::new()
        .route("/x", get(handler))
        .with_state(waygate.clone())
}

fn links(app: &waygate::testing::TestResponse) -> Vec<&str> {
    app.headers()
        .get_all(LINK)
        .iter()
        .map(|value| value.to_str().unwrap())
        .collect()
}

#[tokio::test]
async fn responses_with_the_guard_equal_those_of_the_layer() {
    let waygate = engine(&["GET:/x"]).await;
    limit(&waygate, "GET:/x#default", "2/hour").await;
    deprecate(&waygate, "GET:/x").await;
    let extracted = TestApp::new(router(&waygate));
    let layered = engine(&["GET:/x"]).await;
    limit(&layered, "GET:/x#default", "2/hour").await;
    deprecate(&layered, "GET:/x").await;
    let plain = get(|| async { ([(LINK, "</self>; rel=\"self\"")], "in") });
    let guarded = layered.guard(Router::new().route("/x", plain)).await;
    let layered = TestApp::new(guarded.unwrap().into_router());
    for status in [200, 200, 429] {
        let (one, other) = (extracted.get("/x").await, layered.get("/x").await);
        assert_eq!(one.status(), status);
        assert_eq!(one.headers(), other.headers());
    }
    let refused = extracted.get("/x").await;
    assert_eq!(refused.header("x-ratelimit-limit"), Some("2"));
    assert_eq!(refused.header("x-ratelimit-remaining"), Some("0"));
    assert_eq!(refused.header("deprecation"), None);
}

#[tokio::test]
async fn the_guard_counts_nothing_twice_behind_the_layer() {
    let waygate = engine(&["GET:/x"]).await;
    limit(&waygate, "GET:/x#default", "3/hour").await;
    deprecate(&waygate, "GET:/x").await;
    let guarded = waygate.guard(router(&waygate)).await.unwrap();
    let app = TestApp::new(guarded.into_router());
    for remaining in ["2", "1"] {
        let answer = app.get("/x").await;
        assert_eq!(answer.header("x-ratelimit-remaining"), Some(remaining));
        assert_eq!(links(&answer).len(), 2, "one of ours");
    }
    // With a concurrency limit, the layer suspends the request; the result is the same.
    let policy = serde_json::from_value(json!({"limit": 5})).unwrap();
    let concurrency = waygate.system();
    concurrency
        .set_concurrency_limit("GET:/x#default".parse().unwrap(), policy)
        .await
        .unwrap();
    let answer = app.get("/x").await;
    assert_eq!(answer.header("x-ratelimit-remaining"), Some("0"));
    assert_eq!(links(&answer).len(), 2);
    assert_eq!(app.get("/x").await.status(), 429);
}

#[tokio::test]
async fn two_engines_count_once_each() {
    for inner_guards in [false, true] {
        let (outer, inner) = (engine(&["GET:/x"]).await, engine(&["GET:/x"]).await);
        limit(&outer, "GET:/x#default", "3/hour").await;
        limit(&inner, "GET:/x#default", "3/hour").await;
        let router = router(if inner_guards { &inner } else { &outer });
        let once = inner.guard(router).await.unwrap().into_router();
        let twice = outer.guard(once).await.unwrap().into_router();
        let app = TestApp::new(twice);
        for status in [200, 200, 200, 429] {
            assert_eq!(app.get("/x").await.status(), status);
        }
        for engine in [outer, inner] {
            let record = engine.rate_limit(&"GET:/x#default".parse().unwrap());
            assert_eq!(record.unwrap().counts.allowed, 3);
        }
    }
}

#[tokio::test]
async fn the_guard_counts_for_an_engine_other_than_the_layers() {
    let (outer, own) = (engine(&["GET:/x"]).await, engine(&["GET:/x"]).await);
    limit(&outer, "GET:/x#default", "9/hour").await;
    limit(&own, "GET:/x#default", "1/hour").await;
    let guarded = outer.guard(router(&own)).await.unwrap();
    let app = TestApp::new(guarded.into_router());
    assert_eq!(app.get("/x").await.status(), 200);
    assert_eq!(app.get("/x").await.status(), 429);
}

#[tokio::test]
async fn another_route_called_in_process_is_counted() {
    async fn outer(State(waygate): State<Waygate>) -> String {
        let inner = router(&waygate);
        let request = Request::get("/x").body(Body::empty()).unwrap();
        let answer = inner.oneshot(request).await.unwrap();
        answer.status().as_u16().to_string()
    }
    let waygate = engine(&["GET:/x", "GET:/outer"]).await;
    limit(&waygate, "GET:/x#default", "1/hour").await;
    limit(&waygate, "GET:/outer#default", "9/hour").await;
    let router = Router::new()
        .route("/outer", get(outer))
        .with_state(waygate.clone());
    let app = TestApp::new(waygate.guard(router).await.unwrap().into_router());
    assert_eq!(app.get("/outer").await.text(), "200");
    assert_eq!(app.get("/outer").await.text(), "429");
}

#[tokio::test]
async fn closed_routes_are_closed_inside_a_guarded_router() {
    let waygate = engine(&["GET:/x"]).await;
    limit(&waygate, "GET:/x#default", "9/hour").await;
    let app = TestApp::new(waygate.guard(router(&waygate)).await.unwrap().into_router());
    waygate.system().disable("/x", "").await.unwrap();
    let answer = app.get("/x").await;
    assert_eq!(
        answer.json::<Value>()["error"]["code"],
        json!("ROUTE_DISABLED")
    );
}

#[tokio::test]
async fn limits_of_both_routes_count() {
    async fn outer(State(waygate): State<Waygate>) -> String {
        let inner = router(&waygate);
        let request = Request::get("/x").body(Body::empty()).unwrap();
        let answer = inner.oneshot(request).await.unwrap();
        answer.status().as_u16().to_string()
    }
    for limited in ["/x#default", "GET:/x#default"] {
        let waygate = engine(&["GET:/x", "/x", "GET:/outer"]).await;
        limit(&waygate, limited, "1/hour").await;
        limit(&waygate, "GET:/outer#default", "9/hour").await;
        let router = Router::new()
            .route("/outer", get(outer))
            .with_state(waygate.clone());
        let app = TestApp::new(waygate.guard(router).await.unwrap().into_router());
        assert_eq!(app.get("/outer").await.text(), "200", "{limited}");
        assert_eq!(app.get("/outer").await.text(), "429", "{limited}");
    }
}

/// axum appends the path of the inner router to that of the outer one.
#[tokio::test]
async fn below_another_route_it_decides_by_registered_routes() {
    let waygate = engine(&["GET:/x", "GET:/", "/a/{id}", "GET:/open"]).await;
    let inner = Router::new()
        .route("/", get(handler))
        .route("/x", get(handler))
        .route("/a/{id}", any(handler))
        .route("/open", get(handler))
        .with_state(waygate.clone());
    let called = {
        let inner = inner.clone();
        any(move |request: Request| inner.clone().oneshot(request))
    };
    let below = |prefix: &str| {
        let request = |prefix: String| {
            move |mut request: Request| {
                let path = request.uri().path().strip_prefix(&prefix).unwrap();
                let path = path.parse().unwrap();
                *request.uri_mut() = path;
                request
            }
        };
        let service = inner.clone().map_request(request(prefix.to_owned()));
        Router::new().route_service(&format!("{prefix}/{{*rest}}"), service)
    };
    let mounts = [
        ("", inner.clone()),
        (
            "",
            Router::new()
                .route("/", called.clone())
                .route("/{*rest}", called),
        ),
        ("/t", Router::new().nest("/t", inner.clone())),
        ("/t", Router::new().nest_service("/t", inner.clone())),
        ("/t", below("/t")),
        ("/t/u", Router::new().nest("/t", below("/u"))),
        ("/t/u", Router::new().nest_service("/t", below("/u"))),
    ];
    let system = waygate.system();
    for (index, (prefix, router)) in mounts.into_iter().enumerate() {
        let app = TestApp::new(router);
        for (key, path) in [("GET:/x", "/x"), ("GET:/", "/"), ("/a/{id}", "/a/7")] {
            let url = format!("{prefix}{path}");
            if app.get(&url).await.status() == 404 {
                continue;
            }
            assert_eq!(app.get(&url).await.status(), 200, "mount {index}: {url}");
            system.disable(key, "").await.unwrap();
            assert_eq!(app.get(&url).await.status(), 503, "mount {index}: {url}");
            system.enable(key, "").await.unwrap();
        }
        assert_eq!(app.get(&format!("{prefix}/open")).await.status(), 200);
    }
    limit(&waygate, "GET:/x#default", "1/hour").await;
    let app = TestApp::new(below("/t"));
    assert_eq!(app.get("/t/x").await.status(), 200);
    assert_eq!(app.get("/t/x").await.status(), 429);
}

/// A route registered under its whole path does not inherit from shorter ones.
#[tokio::test]
async fn a_longer_path_inherits_nothing_from_a_shorter_one() {
    let waygate = engine(&["GET:/x", "GET:/v1/x"]).await;
    let router = Router::new()
        .route("/v1/x", get(handler))
        .with_state(waygate.clone());
    waygate.system().disable("GET:/x", "").await.unwrap();
    assert_eq!(TestApp::new(router).get("/v1/x").await.status(), 200);
}
