//! Gates apply to an endpoint however it is reached: under other routers, methods and paths than it is bound to.

mod methods;
mod second_mounts;
mod unlisted_mounts;

use axum::{
    Router,
    body::Body,
    extract::{RawQuery, Request},
    http::Method,
    middleware,
    routing::{any, get},
};
use serde_json::json;
use tower::ServiceExt;
use waygate::{
    Waygate,
    limits::LimitScope,
    model::{RouteKey, RouteState, Source},
    testing::TestApp,
};

use crate::support::builder;

const KEYS: [&str; 4] = ["GET:/", "GET:/closed", "POST:/closed", "GET:/items/{id}"];

/// A router with closed routes and an open one.
async fn closed() -> (Waygate, Router) {
    let waygate = builder().build().await.unwrap();
    for key in KEYS {
        let key = key.parse().unwrap();
        waygate.register(key, RouteState::default()).await.unwrap();
    }
    let served = || async { "served" };
    let router = Router::new()
        .route("/", get(served))
        .route("/closed", get(served).post(served))
        .route("/items/{id}", get(served))
        .route("/counted/{id}", get(served))
        .route("/open", get(served));
    let router = waygate.guard(router).await.unwrap().into_router();
    for key in KEYS {
        waygate.system().disable(key, "closed").await.unwrap();
    }
    (waygate, router)
}

async fn ask(app: &TestApp, method: &str, path: &str) -> u16 {
    let method = Method::from_bytes(method.as_bytes()).unwrap();
    app.request(method, path, Body::empty())
        .await
        .status()
        .as_u16()
}

#[tokio::test]
async fn a_guarded_router_is_closed_and_counts_under_every_mount() {
    let (waygate, guarded) = closed().await;
    let system = waygate.system();
    let counted: RouteKey = "GET:/counted/{id}".parse().unwrap();
    let limit = json!({"limit": "1/hour", "key_strategy": "path:id"});
    let limit = serde_json::from_value(limit).unwrap();
    let key = format!("{counted}#default").parse().unwrap();
    system.set_rate_limit(key, limit).await.unwrap();
    let called = {
        let guarded = guarded.clone();
        any(move |request: Request| guarded.clone().oneshot(request))
    };
    let mounts = [
        ("", guarded.clone()),
        ("", Router::new().route("/{*rest}", called.clone())),
        (
            "",
            Router::new().route_service(
                "/{*rest}",
                guarded.clone().map_request(|request: Request| request),
            ),
        ),
        ("", Router::new().fallback_service(guarded.clone())),
        ("", Router::new().merge(guarded.clone())),
        ("/api", Router::new().nest("/api", guarded.clone())),
        ("/api", Router::new().nest_service("/api", guarded.clone())),
        (
            "/a/b",
            Router::new().nest("/a", Router::new().nest("/b", guarded.clone())),
        ),
        (
            "/t/7",
            Router::new().nest_service("/t/{tenant}", guarded.clone()),
        ),
    ];
    for (index, (prefix, router)) in mounts.into_iter().enumerate() {
        let app = TestApp::new(router);
        for (method, path) in [
            ("GET", "/closed"),
            ("HEAD", "/closed"),
            ("POST", "/closed"),
            ("GET", "/items/7"),
        ] {
            let path = format!("{prefix}{path}");
            assert_eq!(
                ask(&app, method, &path).await,
                503,
                "mount {index}: {method} {path}"
            );
        }
        assert_eq!(ask(&app, "GET", &format!("{prefix}/open")).await, 200);
        for (id, status) in [("a", 200), ("b", 200), ("a", 429), ("b", 429)] {
            let path = format!("{prefix}/counted/{id}");
            assert_eq!(
                ask(&app, "GET", &path).await,
                status,
                "mount {index}: {path}"
            );
        }
        let scope = LimitScope::Route(counted.clone());
        system.reset_rate_limits(scope).await.unwrap();
    }
    let nested = TestApp::new(Router::new().nest_service("/api", guarded));
    for path in ["/api", "/api/"] {
        assert_eq!(ask(&nested, "GET", path).await, 503, "{path} is the root");
    }
}

#[tokio::test]
async fn a_prefix_that_forms_another_route_opens_nothing() {
    let waygate = builder().build().await.unwrap();
    let served = || async { "served" };
    let router = Router::new()
        .route("/closed", get(served))
        .route("/p/closed", get(served))
        .route("/open", get(served))
        .route("/p/open", get(served));
    let forced = RouteState::default().force_active(true);
    for key in ["GET:/p/closed", "GET:/open"] {
        let key = key.parse().unwrap();
        waygate.register(key, forced.clone()).await.unwrap();
    }
    let router = waygate.guard(router).await.unwrap().into_router();
    for key in ["GET:/closed", "GET:/p/open"] {
        waygate.system().disable(key, "closed").await.unwrap();
    }
    let app = TestApp::new(Router::new().nest("/p", router.clone()).nest("/q", router));
    for (path, status) in [
        ("/p/closed", 503),
        ("/p/p/closed", 200),
        ("/q/closed", 503),
        ("/q/open", 200),
        // A path of a closed route with the handler of an open one.
        ("/p/open", 503),
        ("/q/p/open", 503),
    ] {
        assert_eq!(ask(&app, "GET", path).await, status, "{path}");
    }
}

#[tokio::test]
async fn limits_of_all_routes_that_govern_a_request_count() {
    let waygate = builder().build().await.unwrap();
    let served = || async { "served" };
    let router = Router::new()
        .route("/counted", get(served))
        .route("/p/counted", get(served))
        .route("/every", any(served));
    for key in ["GET:/every", "POST:/every"] {
        let key = key.parse().unwrap();
        waygate.register(key, RouteState::default()).await.unwrap();
    }
    let router = waygate.guard(router).await.unwrap().into_router();
    for (key, limit) in [
        ("*#default", "100/hour"),
        ("GET:/counted#default", "3/hour"),
        ("GET:/p/counted#default", "1/hour"),
        ("GET:/every#default", "2/hour"),
        ("POST:/every#default", "1/hour"),
    ] {
        let policy = json!({"limit": limit, "key_strategy": "global"});
        let policy = serde_json::from_value(policy).unwrap();
        let system = waygate.system();
        let set = system.set_rate_limit(key.parse().unwrap(), policy);
        set.await.unwrap();
    }
    let app = TestApp::new(Router::new().nest("/p", router.clone()).nest("/q", router));
    // The handler of `/counted`, under the path of another route.
    for status in [200, 429] {
        assert_eq!(ask(&app, "GET", "/p/counted").await, status);
    }
    for status in [200, 429, 429] {
        assert_eq!(ask(&app, "FOO", "/q/every").await, status);
    }
}

#[tokio::test]
async fn a_layer_that_changes_the_method_opens_nothing() {
    let (waygate, guarded) = closed().await;
    let changed = guarded.layer(middleware::map_request(|mut request: Request| async {
        let method = request.headers().get("x-http-method-override").cloned();
        if let Some(method) = method {
            *request.method_mut() = Method::from_bytes(method.as_bytes()).unwrap();
        }
        request
    }));
    let app = TestApp::new(changed);
    for path in ["/closed", "/items/7"] {
        for method in ["GET", "POST", "PUT", "OPTIONS", "FOO", "get", "CONNECT"] {
            let asked = app.with_header("x-http-method-override", method);
            let asked = asked
                .with_header("origin", "https://example.com")
                .with_header("access-control-request-method", "GET");
            assert_eq!(asked.get(path).await.status(), 503, "{method} {path}");
        }
    }
    // The changed method has another route than the handler's, and both apply.
    waygate.system().enable("GET:/closed", "").await.unwrap();
    let asked = app.with_header("x-http-method-override", "POST");
    assert_eq!(asked.get("/closed").await.status(), 503);
}

mod handlers {
    #[waygate::disabled(reason = "closed", route = "GET /mounts/any")]
    pub(super) async fn any() {}

    #[waygate::disabled(reason = "closed", route = "GET /mounts/both")]
    pub(super) async fn both() {}

    #[waygate::disabled(reason = "closed", route = "GET /mounts/fallback")]
    pub(super) async fn fallback() {}

    #[waygate::disabled(reason = "closed", route = "/mounts/every")]
    pub(super) async fn every() {}

    #[waygate::maintenance(reason = "closed")]
    #[utoipa::path(get, path = "/mounts/list", responses((status = OK)))]
    pub(super) async fn list() {}

    #[waygate::rate_limit("1/minute", key = "global")]
    #[waygate::sunset(sunset = "2030-01-01")]
    #[utoipa::path(get, path = "/mounts/limited", responses((status = OK, body = str)))]
    pub(super) async fn limited(body: String) -> String {
        tokio::task::yield_now().await;
        body
    }

    #[waygate::concurrency_limit(1)]
    #[utoipa::path(get, path = "/mounts/held", responses((status = OK)))]
    pub(super) async fn held() {}

    #[waygate::disabled(reason = "closed", route = "GET /mounts/future")]
    pub(super) fn future(
        early: axum::extract::RawQuery,
    ) -> impl Future<Output = &'static str> + Send {
        if early.0.is_none() {
            return std::future::ready("early");
        }
        std::future::ready("late")
    }

    #[waygate::disabled(reason = "closed", route = "GET /mounts/boxed")]
    pub(super) fn boxed(
        early: axum::extract::RawQuery,
    ) -> std::pin::Pin<Box<dyn Future<Output = &'static str> + Send>> {
        if early.0.is_none() {
            return Box::pin(async { "early" });
        }
        Box::pin(std::future::ready("late"))
    }

    #[waygate::rate_limit("2/hour", key = "global", route = "GET /mounts/twice")]
    pub(super) async fn twice() {}

    #[waygate::force_active]
    #[utoipa::path(get, path = "/mounts/forced", responses((status = OK)))]
    pub(super) async fn forced() {}

    #[waygate::disabled(reason = "closed")]
    pub(super) async fn unbound() {}

    #[waygate::sunset(sunset = "2030-01-01")]
    pub(super) async fn unbound_sunset() {}

    #[waygate::env_only("dev")]
    #[utoipa::path(get, path = "/mounts/dev", responses((status = OK)))]
    pub(super) async fn dev() {}
}

const METHODS: [&str; 9] = [
    "GET", "HEAD", "POST", "DELETE", "OPTIONS", "TRACE", "CONNECT", "QUERY", "get",
];

#[tokio::test]
async fn undeclared_methods_are_gated() {
    let waygate = builder().build().await.unwrap();
    let router = Router::new()
        .route("/mounts/any", any(handlers::any))
        .route("/mounts/both", get(handlers::both).post(handlers::both))
        .route(
            "/mounts/fallback",
            get(handlers::fallback).fallback(handlers::fallback),
        )
        .route(
            "/mounts/future",
            get(handlers::future).post(handlers::future),
        )
        .route("/mounts/boxed", get(handlers::boxed).post(handlers::boxed))
        .route("/mounts/every", any(handlers::every));
    let guarded = waygate.guard(router).await.unwrap();
    let report = guarded.report().to_string();
    let app = TestApp::new(guarded.into_router());
    for path in ["/mounts/any", "/mounts/fallback", "/mounts/every"] {
        for method in METHODS {
            assert_eq!(ask(&app, method, path).await, 503, "{method} {path}");
        }
    }
    assert_eq!(
        ask(&app, "POST", "/mounts/both").await,
        503,
        "the same handler"
    );
    assert_eq!(ask(&app, "PUT", "/mounts/both").await, 405);
    for path in [
        "/mounts/future",
        "/mounts/future?late",
        "/mounts/boxed",
        "/mounts/boxed?late",
    ] {
        assert_eq!(ask(&app, "POST", path).await, 503, "{path}");
    }
    assert!(report.contains("POST:/mounts/both"), "{report}");
    assert!(
        report.contains("other methods of `/mounts/any`, `/mounts/fallback` have a handler"),
        "{report}"
    );
}

#[tokio::test]
async fn handlers_stay_plain_functions() {
    handlers::list().await;
    assert_eq!(handlers::limited("plain".to_owned()).await, "plain");
    assert_eq!(handlers::future(RawQuery(None)).await, "early");
}

#[tokio::test]
async fn undocumented_routes_are_controlled() {
    let waygate = builder().build().await.unwrap();
    let served = || async { "served" };
    let files = Router::new().fallback(served);
    let router = Router::new()
        .route("/plain", get(served).delete(served))
        .route("/all", any(served))
        .route("/service", any(served))
        .route("/deep/{id}/{*rest}", get(served))
        .route("/{*rest}", get(served))
        .nest("/in", Router::new().route("/", get(served)))
        .nest_service("/files", files);
    let app = TestApp::new(waygate.guard(router).await.unwrap().into_router());
    let keys = [
        "/all",
        "GET:/deep/{id}/{*rest}",
        "/files/{*rest}",
        "GET:/in",
        "GET:/plain",
        "DELETE:/plain",
        "/service",
        "GET:/{*rest}",
    ];
    let routes = waygate.routes();
    let listed: Vec<&str> = routes.iter().map(|route| route.key.as_str()).collect();
    assert_eq!(listed, keys);
    assert!(
        routes
            .iter()
            .all(|route| route.source == Some(Source::Router))
    );
    let asked = [
        ("GET", "/all"),
        ("GET", "/deep/1/a/b"),
        ("GET", "/files"),
        ("GET", "/files/"),
        ("PUT", "/files/a/b"),
        ("GET", "/in"),
        ("HEAD", "/plain"),
        ("DELETE", "/plain"),
        ("QUERY", "/service"),
        ("GET", "/elsewhere/a"),
    ];
    for (method, path) in asked {
        assert_eq!(ask(&app, method, path).await, 200, "{method} {path}");
    }
    let policy = json!({"limit": "3/hour", "key_strategy": "global"});
    let policy = serde_json::from_value(policy).unwrap();
    assert!(!waygate.report().to_string().contains("note:"));
    let limit = waygate.system();
    let limit = limit.set_rate_limit("*#default".parse().unwrap(), policy);
    limit.await.unwrap();
    for (index, (method, path)) in asked.into_iter().enumerate() {
        let status = if index < 3 { 200 } else { 429 };
        assert_eq!(ask(&app, method, path).await, status, "{method} {path}");
    }
    assert_eq!(ask(&app, "POST", "/plain").await, 405);
    let report = waygate.report().to_string();
    assert!(report.contains("note: global and service limits do not count unmatched requests"));
    for key in keys {
        waygate.system().disable(key, "").await.unwrap();
    }
    for (method, path) in asked {
        assert_eq!(ask(&app, method, path).await, 503, "{method} {path}");
    }
    assert_eq!(ask(&app, "POST", "/plain").await, 405);
}
