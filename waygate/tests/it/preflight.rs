//! CORS preflights pass only where no handler of the application would see them.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use axum::{
    Router,
    body::Body,
    extract::Request,
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::{any, get, options},
};
use http::Method;
use serde_json::json;
use waygate::{
    Waygate,
    model::{GlobalMaintenance, RouteState},
    testing::TestApp,
};

use crate::support::builder;

/// Answers preflights, like a CORS layer.
async fn cors(request: Request, next: Next) -> Response {
    match *request.method() {
        Method::OPTIONS => [("access-control-allow-origin", "*")].into_response(),
        _ => next.run(request).await,
    }
}

fn preflight(path: &str) -> Request {
    Request::options(path)
        .header("origin", "https://example.com")
        .header("access-control-request-method", "GET")
        .body(Body::empty())
        .unwrap()
}

async fn answer(app: &TestApp, path: &str) -> u16 {
    app.send(preflight(path)).await.status().as_u16()
}

/// Routes with and without handlers for `OPTIONS`, and a counter of the calls.
async fn router(waygate: &Waygate) -> (Router, Arc<AtomicUsize>) {
    let runs = Arc::new(AtomicUsize::new(0));
    let handler = {
        let runs = runs.clone();
        move || async move {
            runs.fetch_add(1, Ordering::Relaxed);
            "ran"
        }
    };
    for key in [
        "GET:/get",
        "GET:/any",
        "GET:/fallback",
        "GET:/items/{id}",
        "/all",
        "GET:/open",
        "OPTIONS:/options",
    ] {
        waygate
            .register(key.parse().unwrap(), RouteState::default())
            .await
            .unwrap();
    }
    let router = Router::new()
        .route("/get", get(handler.clone()))
        .route("/items/{id}", get(handler.clone()).delete(handler.clone()))
        .route("/all", get(handler.clone()))
        .route("/open", get(handler.clone()))
        .route("/any", any(handler.clone()))
        .route("/fallback", get(handler.clone()).fallback(handler.clone()))
        .route("/options", options(handler.clone()))
        .route("/unknown", options(handler.clone()))
        .route_service("/service", any(handler.clone()))
        .fallback(handler);
    (router, runs)
}

fn exempt(paths: &[&str]) -> GlobalMaintenance {
    GlobalMaintenance::default().exempt_paths(paths.iter().map(|path| path.parse().unwrap()))
}

const HANDLED: [&str; 6] = [
    "/any",
    "/fallback",
    "/options",
    "/unknown",
    "/service",
    "/nowhere",
];
const UNHANDLED: [&str; 4] = ["/get", "/items/7", "/all", "/open"];

#[tokio::test]
async fn preflights_reach_no_handler_during_global_maintenance() {
    let waygate = builder().build().await.unwrap();
    let (router, runs) = router(&waygate).await;
    let app = TestApp::new(waygate.guard(router).await.unwrap().into_router());
    for path in HANDLED {
        assert_eq!(answer(&app, path).await, 200, "{path} before");
    }
    assert_eq!(runs.swap(0, Ordering::Relaxed), HANDLED.len());
    let system = waygate.system();
    system
        .enable_global_maintenance(exempt(&["GET:/open"]))
        .await
        .unwrap();
    for path in HANDLED {
        assert_eq!(answer(&app, path).await, 503, "{path}");
    }
    for path in UNHANDLED {
        assert_eq!(answer(&app, path).await, 405, "{path} has no handler");
    }
    assert_eq!(runs.load(Ordering::Relaxed), 0);
    // Without the headers of a preflight, it is a normal request.
    let plain = app.request(Method::OPTIONS, "/get", "").await;
    assert_eq!(plain.status(), 503);
    system
        .enable_global_maintenance(exempt(&["/any", "OPTIONS:/nowhere"]))
        .await
        .unwrap();
    assert_eq!(answer(&app, "/any").await, 200, "exempt");
    assert_eq!(answer(&app, "/nowhere").await, 200, "exempt");
    assert_eq!(answer(&app, "/fallback").await, 503);
}

#[tokio::test]
async fn a_cors_layer_inside_answers_during_global_maintenance() {
    let waygate = builder().build().await.unwrap();
    let (router, runs) = router(&waygate).await;
    let router = router.layer(middleware::from_fn(cors));
    let guarded = waygate.guard(router).await.unwrap().into_router();
    let nested = Router::new().nest("/v1", guarded.clone());
    let config = GlobalMaintenance::default();
    waygate
        .system()
        .enable_global_maintenance(config)
        .await
        .unwrap();
    for (app, prefix) in [(guarded, ""), (nested, "/v1")] {
        let app = TestApp::new(app);
        for path in UNHANDLED {
            let allowed = app.send(preflight(&format!("{prefix}{path}"))).await;
            let origin = allowed.header("access-control-allow-origin");
            assert_eq!(origin, Some("*"), "{prefix}{path}");
        }
    }
    assert_eq!(runs.load(Ordering::Relaxed), 0);
}

#[tokio::test]
async fn preflights_ignore_an_equal_path_below_a_prefix() {
    let waygate = builder().build().await.unwrap();
    for key in ["GET:/p/x", "GET:/x"] {
        let key = key.parse().unwrap();
        waygate.register(key, RouteState::default()).await.unwrap();
    }
    let router = Router::new()
        .route("/p/x", get(|| async { "inner" }))
        .route("/x", any(|| async { "ran" }));
    let guarded = waygate.guard(router).await.unwrap().into_router();
    let app = TestApp::new(Router::new().nest("/p", guarded));
    let config = GlobalMaintenance::default();
    waygate
        .system()
        .enable_global_maintenance(config)
        .await
        .unwrap();
    assert_eq!(answer(&app, "/p/p/x").await, 405);
    assert_eq!(answer(&app, "/p/x").await, 503, "the route is `any`");
}

#[tokio::test]
async fn gates_and_limits_apply_to_preflights_of_routes_with_options() {
    for (key, route) in [
        ("OPTIONS:/x", options(|| async { "ran" })),
        ("/x", any(|| async { "ran" })),
    ] {
        let waygate = builder().build().await.unwrap();
        waygate
            .register(key.parse().unwrap(), RouteState::default())
            .await
            .unwrap();
        let router = Router::new().route("/x", route);
        let app = TestApp::new(waygate.guard(router).await.unwrap().into_router());
        let system = waygate.system();
        let policy = json!({"limit": "2/hour", "key_strategy": "global"});
        system
            .set_rate_limit(
                format!("{key}#default").parse().unwrap(),
                serde_json::from_value(policy).unwrap(),
            )
            .await
            .unwrap();
        assert_eq!(answer(&app, "/x").await, 200, "{key}");
        assert_eq!(answer(&app, "/x").await, 200, "{key}");
        assert_eq!(answer(&app, "/x").await, 429, "{key}");
        system.disable(key, "").await.unwrap();
        assert_eq!(answer(&app, "/x").await, 503, "{key}");
    }
}

#[tokio::test]
async fn preflights_pass_routes_without_a_handler_for_options() {
    let waygate = builder().build().await.unwrap();
    let (router, _) = router(&waygate).await;
    let app = TestApp::new(waygate.guard(router).await.unwrap().into_router());
    let system = waygate.system();
    let policy = json!({"limit": "1/hour", "key_strategy": "global"});
    system
        .set_rate_limit(
            "/all#default".parse().unwrap(),
            serde_json::from_value(policy).unwrap(),
        )
        .await
        .unwrap();
    for _ in 0..3 {
        assert_eq!(answer(&app, "/all").await, 405);
    }
    assert_eq!(
        app.get("/all").await.status(),
        200,
        "this is the first request that counts"
    );
    system.disable("/all", "").await.unwrap();
    assert_eq!(answer(&app, "/all").await, 405);
    assert_eq!(app.get("/all").await.status(), 503);
}
