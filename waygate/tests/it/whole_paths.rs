//! Routes declared for all methods of a path, in addition to those of single methods.

use axum::{
    Router,
    body::Body,
    http::{Method, StatusCode},
    routing::get,
};
use serde_json::json;
use utoipa_axum::{router::OpenApiRouter, routes};
use waygate::{
    Blocked, Responses, RouteGuard, Waygate,
    decision::RequestHead,
    force_active,
    limits::{RateLimitFunctions, RateLimitPolicy},
    model::{
        Deprecation, GlobalMaintenance, Lifecycle, Position, Registration, RouteKey, RouteState,
        Source,
    },
    response::RequestParts,
    testing::TestApp,
};

use crate::support::{at, builder};

fn key(text: &str) -> RouteKey {
    text.parse().unwrap()
}

fn disabled() -> RouteState {
    RouteState::default().position(Position::new(
        Lifecycle::Disabled(Default::default()),
        Default::default(),
    ))
}

fn forced() -> RouteState {
    RouteState::default().force_active(true)
}

fn rate(limit: &str) -> RateLimitPolicy {
    serde_json::from_value(json!({"limit": limit, "key_strategy": "global"})).unwrap()
}

#[utoipa::path(get, path = "/whole/documented", responses((status = OK)))]
async fn documented() -> &'static str {
    "open"
}

#[force_active]
#[utoipa::path(get, path = "/whole/health", responses((status = OK)))]
async fn health() -> &'static str {
    "healthy"
}

#[waygate::disabled(reason = "closed", route = "/whole/claimed")]
async fn claimed() {}

#[waygate::rate_limit("9/minute", key = "global", route = "POST /whole/claimed")]
async fn claimed_post() {}

/// Documented and plain routes, one of them with two methods.
fn api() -> OpenApiRouter {
    OpenApiRouter::new()
        .routes(routes!(documented))
        .routes(routes!(health))
        .route("/whole/plain", get(async || "x").post(async || "x"))
}

async fn guarded(waygate: &Waygate) -> TestApp {
    TestApp::new(waygate.guard(api()).await.unwrap().into_router())
}

async fn ask(app: &TestApp, method: Method, path: &str) -> u16 {
    app.request(method, path, Body::empty())
        .await
        .status()
        .as_u16()
}

async fn maintain_everything(waygate: &Waygate) {
    let system = waygate.system();
    let config = GlobalMaintenance::default();
    system.enable_global_maintenance(config).await.unwrap();
}

/// Registers before and after `guard`.
async fn both_orders(
    registration: impl Fn() -> Registration,
    check: impl AsyncFn(&Waygate, &TestApp, &str),
) {
    for first in [true, false] {
        let waygate = builder().build().await.unwrap();
        if first {
            waygate.register_all([registration()]).await.unwrap();
        }
        let app = guarded(&waygate).await;
        if !first {
            waygate.register_all([registration()]).await.unwrap();
        }
        check(&waygate, &app, &format!("registered first: {first}")).await;
    }
}

#[tokio::test]
async fn a_closed_path_is_closed_for_every_method() {
    for path in ["/whole/documented", "/whole/plain"] {
        let closed = || Registration::new(key(path)).state(disabled());
        both_orders(closed, async |waygate, app, order| {
            let app = app.clone();
            for method in [Method::GET, Method::HEAD] {
                assert_eq!(ask(&app, method, path).await, 503, "{path}, {order}");
            }
            if path == "/whole/plain" {
                assert_eq!(ask(&app, Method::POST, path).await, 503, "{order}");
            }
            let (parts, ()) = axum::http::Request::get(path)
                .body(())
                .unwrap()
                .into_parts();
            let decided = waygate.decide(RequestHead::new(&parts).matched(path));
            assert!(decided.is_err(), "{path}, {order}");
            // Operators open and close the whole path.
            waygate.system().enable(path, "").await.unwrap();
            assert_eq!(ask(&app, Method::GET, path).await, 200, "{path}, {order}");
            waygate.system().disable(path, "").await.unwrap();
            assert_eq!(ask(&app, Method::GET, path).await, 503, "{path}, {order}");
            // Unregistering does not open what was closed.
            assert!(waygate.unregister(&key(path)).await);
            assert_eq!(ask(&app, Method::GET, path).await, 503, "{path}, {order}");
            waygate.system().purge(path).await.unwrap();
            assert_eq!(ask(&app, Method::GET, path).await, 200, "{path}, {order}");
        })
        .await;
    }
}

#[tokio::test]
async fn limits_of_a_path_count_every_method() {
    let path = "/whole/plain";
    let limited = || Registration::new(key(path)).rate_limit(rate("2/hour"));
    both_orders(limited, async |_, app, order| {
        assert_eq!(ask(app, Method::GET, path).await, 200, "{order}");
        assert_eq!(ask(app, Method::POST, path).await, 200, "{order}");
        assert_eq!(ask(app, Method::GET, path).await, 429, "{order}");
        assert_eq!(ask(app, Method::POST, path).await, 429, "{order}");
    })
    .await;
}

/// Two limits with one name: the path's with functions, and that of `GET` without.
#[tokio::test]
async fn functions_of_a_path_stay_with_its_limits() {
    let path = "/whole/plain";
    let tenant = |request: &RequestParts| {
        Some(waygate::limits::Key::from(
            request.headers.get("x-tenant")?.as_bytes(),
        ))
    };
    let sorry = |_: &Blocked| (StatusCode::TOO_MANY_REQUESTS, "sorry");
    let whole = move || {
        let functions = RateLimitFunctions::new().key(tenant).response(sorry);
        Registration::new(key(path)).rate_limit_with(rate("1/hour"), functions)
    };
    both_orders(whole, async |waygate, app, order| {
        let own = Registration::new(key("GET:/whole/plain"))
            .rate_limit(rate("3/hour"))
            .responses(
                Responses::new().rate_limited(|_: &Blocked| (StatusCode::TOO_MANY_REQUESTS, "own")),
            );
        waygate.register_all([own]).await.unwrap();
        let of = |name: &str| app.with_header("x-tenant", name);
        assert_eq!(of("a").get(path).await.status(), 200, "{order}");
        let refused = of("a").get(path).await;
        assert_eq!(refused.status(), 429, "{order}");
        assert_eq!(refused.text(), "sorry", "{order}");
        assert_eq!(of("b").get(path).await.status(), 200, "{order}");
        assert_eq!(of("c").get(path).await.status(), 200, "{order}");
        let refused = of("d").get(path).await;
        assert_eq!(refused.status(), 429, "{order}");
        assert_eq!(refused.text(), "own", "{order}");
    })
    .await;
}

#[tokio::test]
async fn a_route_guard_applies_the_path_too() {
    let waygate = builder().build().await.unwrap();
    let router = Router::new()
        .route("/x", get(async |guard: RouteGuard| (guard, "x")))
        .with_state(waygate.clone());
    let app = TestApp::new(router);
    waygate
        .register_all([
            Registration::new(key("GET:/x")).rate_limit(rate("9/hour")),
            Registration::new(key("/x")).rate_limit(rate("2/hour")),
        ])
        .await
        .unwrap();
    for status in [200, 200, 429] {
        assert_eq!(ask(&app, Method::GET, "/x").await, status);
    }
    waygate.register(key("/x"), disabled()).await.unwrap();
    assert_eq!(ask(&app, Method::GET, "/x").await, 503);

    // Nothing is counted twice behind the layer.
    let waygate = builder().build().await.unwrap();
    let router = Router::new()
        .route("/x", get(async |_: RouteGuard| "x"))
        .with_state(waygate.clone());
    let app = TestApp::new(waygate.guard(router).await.unwrap().into_router());
    let whole = Registration::new(key("/x")).rate_limit(rate("2/hour"));
    waygate.register_all([whole]).await.unwrap();
    for status in [200, 200, 429] {
        assert_eq!(ask(&app, Method::GET, "/x").await, status);
    }
}

#[tokio::test]
async fn attributes_for_a_path_hold_for_every_method() {
    let waygate = builder().build().await.unwrap();
    let router = Router::new().route("/whole/claimed", get(claimed).post(claimed_post));
    let app = TestApp::new(waygate.guard(router).await.unwrap().into_router());
    assert_eq!(ask(&app, Method::GET, "/whole/claimed").await, 503);
    assert_eq!(ask(&app, Method::POST, "/whole/claimed").await, 503);
}

#[tokio::test]
async fn deprecation_of_a_path_is_announced_for_every_method() {
    let sunset = Some(at("2030-01-01T00:00:00Z"));
    let state = RouteState::default().deprecation(Deprecation::new(None, sunset, None).unwrap());
    let old = move || Registration::new(key("/whole/plain")).state(state.clone());
    both_orders(old, async |waygate, app, order| {
        let answer = app.get("/whole/plain").await;
        assert!(answer.header("sunset").is_some(), "{order}");
        let own = Registration::new(key("GET:/whole/plain")).rate_limit(rate("1/hour"));
        waygate.register_all([own]).await.unwrap();
        let answer = app.get("/whole/plain").await;
        assert!(answer.header("sunset").is_some(), "{order}");
        assert_eq!(ask(app, Method::GET, "/whole/plain").await, 429, "{order}");
    })
    .await;
}

#[tokio::test]
async fn force_active_yields_only_to_closures_of_the_program() {
    let path = "/whole/health";
    let open = || Registration::new(key(path)).rate_limit(rate("4/hour"));
    both_orders(open, async |waygate, app, order| {
        waygate.system().disable(path, "").await.unwrap();
        assert_eq!(ask(app, Method::GET, path).await, 200, "{order}");
        maintain_everything(waygate).await;
        assert_eq!(ask(app, Method::GET, path).await, 200, "{order}");
        for status in [200, 200, 429] {
            assert_eq!(ask(app, Method::GET, path).await, status, "limits: {order}");
        }
    })
    .await;
    let closed = || Registration::new(key(path)).state(disabled());
    both_orders(closed, async |_, app, order| {
        assert_eq!(ask(app, Method::GET, path).await, 503, "{order}");
    })
    .await;
}

#[tokio::test]
async fn a_force_active_path_is_open_for_every_method() {
    let path = "/whole/plain";
    both_orders(
        || Registration::new(key(path)).state(forced()),
        async |waygate, app, order| {
            maintain_everything(waygate).await;
            assert_eq!(ask(app, Method::GET, path).await, 200, "{order}");
            assert_eq!(ask(app, Method::GET, "/whole/documented").await, 503);
            let closed = waygate.system().disable("GET:/whole/plain", "").await;
            assert!(closed.is_err(), "{order}: closed what is always served");
        },
    )
    .await;
}

#[tokio::test]
async fn discovered_all_methods_routes_govern_no_single_method() {
    let waygate = builder().build().await.unwrap();
    let router = Router::new().route("/x", axum::routing::any(async || "any"));
    drop(waygate.guard(router).await.unwrap());
    let router = Router::new().route("/x", get(async || "get"));
    let own = Registration::new(key("GET:/x"));
    waygate.register_all([own]).await.unwrap();
    let app = TestApp::new(waygate.guard(router).await.unwrap().into_router());
    assert_eq!(ask(&app, Method::GET, "/x").await, 200);
}

#[tokio::test]
async fn served_routes_stay_listed_when_unregistered() {
    for (registered, served) in [
        ("GET:/whole/plain", "GET:/whole/plain"),
        ("/whole/plain", "GET:/whole/plain"),
        ("/whole/plain", "POST:/whole/plain"),
        ("GET:/whole/documented", "GET:/whole/documented"),
        ("/whole/documented", "GET:/whole/documented"),
        ("/whole/any", "/whole/any"),
        ("GET:/whole/any", "/whole/any"),
    ] {
        for first in [true, false] {
            let order = format!("{registered}, registered first: {first}");
            let waygate = builder().build().await.unwrap();
            let register = async || {
                let open = RouteState::default();
                waygate.register(key(registered), open).await.unwrap();
            };
            if first {
                register().await;
            }
            let api = api().route("/whole/any", axum::routing::any(async || "any"));
            let app = TestApp::new(waygate.guard(api).await.unwrap().into_router());
            if !first {
                register().await;
            }
            assert!(waygate.unregister(&key(registered)).await, "{order}");
            let route = waygate.route(served).expect(&order);
            assert!(
                matches!(route.source, Some(Source::Router | Source::Document)),
                "{order}: {route:?}"
            );
            waygate.system().disable(served, "").await.expect(&order);
            let (method, path) = match served.split_once(':') {
                Some((method, path)) => (method.parse().unwrap(), path),
                None => (Method::GET, served),
            };
            assert_eq!(ask(&app, method, path).await, 503, "{order}");
            assert!(!waygate.unregister(&key(registered)).await, "{order}");
        }
    }
}
