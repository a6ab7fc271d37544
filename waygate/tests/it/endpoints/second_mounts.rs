//! Handlers with attributes, at mounts that their attributes are not bound to.

use std::time::Duration;

use axum::{
    Router,
    body::Body,
    extract::{RawQuery, Request},
    http::Method,
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::{any, get, post},
};
use futures_util::stream::{FuturesUnordered, StreamExt};
use serde_json::json;
use tower::ServiceExt;
use utoipa_axum::{router::OpenApiRouter, routes};
use waygate::{
    Waygate,
    model::{RouteKey, RouteState},
    testing::TestApp,
};

use super::{ask, handlers};
use crate::support::builder;

fn documented() -> OpenApiRouter {
    OpenApiRouter::new()
        .routes(routes!(handlers::list))
        .routes(routes!(handlers::limited))
        .routes(routes!(handlers::held))
        .routes(routes!(handlers::forced))
        .routes(routes!(handlers::dev))
}

async fn guarded(waygate: &Waygate, api: OpenApiRouter) -> TestApp {
    TestApp::new(waygate.guard(api).await.unwrap().into_router())
}

/// An application of these routes and the documented ones.
async fn with(routes: Router) -> (Waygate, TestApp) {
    let waygate = builder().build().await.unwrap();
    let app = guarded(&waygate, documented().merge(routes.into())).await;
    (waygate, app)
}

#[tokio::test]
async fn second_mounts_are_gated_from_the_first_request_on() {
    let routes = Router::new()
        .route("/legacy/list", get(handlers::list))
        .route("/mounts/list", post(handlers::list))
        .route("/legacy/limited", get(handlers::limited))
        .route("/legacy/held", any(handlers::held))
        .route("/legacy/dev", get(handlers::dev));
    let (waygate, app) = with(routes).await;
    for _ in 0..2 {
        assert_eq!(ask(&app, "GET", "/legacy/list").await, 503);
        assert_eq!(ask(&app, "POST", "/mounts/list").await, 503);
        assert_eq!(ask(&app, "GET", "/legacy/dev").await, 403);
        assert_eq!(ask(&app, "QUERY", "/legacy/held").await, 200);
    }
    let first = app.request(Method::GET, "/legacy/limited", Body::from("hello"));
    let first = first.await;
    assert_eq!(first.header("x-ratelimit-remaining"), Some("0"));
    assert_eq!(
        first.header("sunset"),
        Some("Tue, 01 Jan 2030 00:00:00 GMT")
    );
    assert_eq!(first.text(), "hello", "its body is the handler's");
    assert_eq!(ask(&app, "GET", "/legacy/limited").await, 429);
    assert_eq!(
        ask(&app, "GET", "/mounts/limited").await,
        429,
        "one handler"
    );
    // Operators can override either route.
    let system = waygate.system();
    system.enable("GET:/mounts/list", "done").await.unwrap();
    assert_eq!(ask(&app, "GET", "/legacy/list").await, 200);
    system.disable("GET:/legacy/list", "old").await.unwrap();
    assert_eq!(ask(&app, "GET", "/legacy/list").await, 503);
    assert_eq!(ask(&app, "GET", "/mounts/list").await, 200);
}

#[tokio::test]
async fn limits_of_other_routes_do_not_remove_a_gate() {
    let routes = Router::new().route("/legacy/list", get(handlers::list));
    let (waygate, app) = with(routes).await;
    let policy = serde_json::from_value(json!({"limit": 100})).unwrap();
    let limit = waygate.system();
    let limit = limit.set_concurrency_limit("*#default".parse().unwrap(), policy);
    limit.await.unwrap();
    assert_eq!(ask(&app, "GET", "/legacy/list").await, 503);
}

#[tokio::test]
async fn a_request_at_a_second_mount_is_counted_once() {
    let routes = Router::new().route("/legacy/limited", get(handlers::limited));
    let (waygate, app) = with(routes).await;
    let policy = json!({"limit": "1/hour", "key_strategy": "global"});
    let policy = serde_json::from_value(policy).unwrap();
    let limit = waygate.system();
    let limit = limit.set_rate_limit("*#default".parse().unwrap(), policy);
    limit.await.unwrap();
    assert_eq!(ask(&app, "GET", "/legacy/limited").await, 200);
    assert_eq!(ask(&app, "GET", "/legacy/limited").await, 429);
}

#[tokio::test]
async fn each_handler_of_a_service_has_its_own_gates() {
    let inner = Router::new()
        .route("/open", get(|| async { "open" }))
        .route("/list", get(handlers::list))
        .route("/forced", get(handlers::forced))
        .route("/limited", get(handlers::limited));
    let (waygate, app) = with(Router::new().nest_service("/v1", inner)).await;
    for _ in 0..3 {
        assert_eq!(ask(&app, "GET", "/v1/open").await, 200);
        assert_eq!(ask(&app, "GET", "/v1/list").await, 503);
        assert_eq!(ask(&app, "GET", "/v1/forced").await, 200);
    }
    assert_eq!(ask(&app, "GET", "/v1/limited").await, 200);
    assert_eq!(ask(&app, "GET", "/v1/limited").await, 429);
    // A force-active handler opens nothing else.
    let system = waygate.system();
    system.disable("/v1/{*rest}", "").await.unwrap();
    for path in ["/v1/open", "/v1/forced"] {
        assert_eq!(ask(&app, "GET", path).await, 503, "{path}");
    }
}

#[tokio::test]
async fn a_response_of_a_layer_does_not_end_the_search() {
    async fn cached(request: Request, next: Next) -> Response {
        match request.headers().contains_key("x-cached") {
            true => "cached".into_response(),
            false => next.run(request).await,
        }
    }
    let cache = middleware::from_fn(cached);
    let routes = Router::new()
        .route("/legacy/list", get(handlers::list).layer(cache.clone()))
        .route("/legacy/limited", get(handlers::limited).layer(cache));
    let (_waygate, app) = with(routes).await;
    for path in ["/legacy/list", "/legacy/limited"] {
        let cached = app.with_header("x-cached", "").get(path).await;
        assert_eq!(cached.text(), "cached");
    }
    // The head of this request was not kept, but those of later ones are.
    assert_eq!(ask(&app, "GET", "/legacy/list").await, 503);
    assert_eq!(ask(&app, "GET", "/legacy/list").await, 503);
    for status in [200, 429] {
        assert_eq!(ask(&app, "GET", "/legacy/limited").await, status);
    }
}

#[tokio::test]
async fn a_handler_called_by_another_gates_only_that_request() {
    async fn dashboard(RawQuery(query): RawQuery) {
        if query.is_some() {
            handlers::list().await;
        }
    }
    let (_waygate, app) = with(Router::new().route("/dashboard", get(dashboard))).await;
    for _ in 0..3 {
        assert_eq!(ask(&app, "GET", "/dashboard?list").await, 503);
        assert_eq!(ask(&app, "GET", "/dashboard").await, 200);
    }
}

#[tokio::test]
async fn handlers_polled_by_others_are_found() {
    async fn all() -> String {
        let mut all: FuturesUnordered<_> = [1, 2]
            .into_iter()
            .map(|n| async move { handlers::limited(n.to_string()).await })
            .collect();
        let mut answers = Vec::new();
        while let Some(answer) = all.next().await {
            answers.push(answer);
        }
        answers.sort();
        answers.concat()
    }
    let (_waygate, app) = with(Router::new().route("/all", get(all))).await;
    let answer = tokio::time::timeout(Duration::from_secs(30), app.get("/all"));
    assert_eq!(answer.await.unwrap().status(), 429, "each call counts");
}

#[tokio::test]
async fn completed_calls_are_not_refunded() {
    async fn batch() -> String {
        let mut ran = 0;
        for _ in 0..3 {
            handlers::twice().await;
            ran += 1;
        }
        ran.to_string()
    }
    let router = Router::new()
        .route("/mounts/twice", get(handlers::twice))
        .route("/batch", post(batch));
    let waygate = builder().build().await.unwrap();
    let app = TestApp::new(waygate.guard(router).await.unwrap().into_router());
    assert_eq!(
        ask(&app, "POST", "/batch").await,
        429,
        "only two of three calls ran"
    );
    assert_eq!(ask(&app, "GET", "/mounts/twice").await, 429);
}

#[tokio::test]
async fn fallbacks_are_gated() {
    let waygate = builder().build().await.unwrap();
    let app = guarded(&waygate, documented().fallback(handlers::list)).await;
    assert_eq!(ask(&app, "GET", "/nowhere").await, 503);
    // A path that cannot be a route key.
    let unnamed = Router::new()
        .without_v07_checks()
        .route("/mounts/any", get(handlers::any))
        .route("/:ping", get(handlers::any));
    let app = TestApp::new(waygate.guard(unnamed).await.unwrap().into_router());
    assert_eq!(ask(&app, "GET", "/:ping").await, 503);
}

#[tokio::test]
async fn a_route_of_one_method_opens_no_handler() {
    let (waygate, app) = with(Router::new().route("/legacy/every", any(handlers::list))).await;
    let key: RouteKey = "GET:/legacy/every".parse().unwrap();
    let registered = waygate.register(key, RouteState::default());
    registered.await.unwrap();
    for method in ["GET", "POST", "QUERY"] {
        assert_eq!(ask(&app, method, "/legacy/every").await, 503, "{method}");
    }
}

#[tokio::test]
async fn a_route_of_one_method_keeps_the_gates_of_the_path() {
    let waygate = builder().build().await.unwrap();
    let router = Router::new()
        .route("/mounts/every", any(handlers::every))
        .route("/mounts/any", any(handlers::any));
    let app = TestApp::new(waygate.guard(router).await.unwrap().into_router());
    for path in ["/mounts/every", "/mounts/any"] {
        let key: RouteKey = format!("POST:{path}").parse().unwrap();
        assert_eq!(ask(&app, "POST", path).await, 503, "{path}");
        waygate
            .register(key.clone(), RouteState::default())
            .await
            .unwrap();
        // The handler's own route is closed.
        assert_eq!(ask(&app, "POST", path).await, 503, "{path}");
        assert!(waygate.unregister(&key).await);
        assert_eq!(ask(&app, "POST", path).await, 503, "{path}");
    }
}

#[tokio::test]
async fn an_unbound_handler_runs_if_it_closes_nothing() {
    let routes = Router::new()
        .route("/unbound", get(handlers::unbound))
        .route("/sunset", get(handlers::unbound_sunset));
    let (_waygate, app) = with(routes).await;
    assert_eq!(ask(&app, "GET", "/unbound").await, 503);
    assert_eq!(ask(&app, "GET", "/sunset").await, 200);
}

/// Bypassing, in tests or by configuration, opens handlers at any mount.
#[tokio::test]
async fn bypassed_gates_are_open_at_every_mount() {
    use waygate::testing::bypass;
    let routes = || {
        Router::new()
            .route("/unbound", get(handlers::unbound))
            .route("/legacy/list", get(handlers::list))
            .route("/legacy/dev", any(handlers::dev))
            .route("/late", any(late))
    };
    // A handler without attributes answers the first request.
    async fn late(RawQuery(query): RawQuery) {
        if query.is_some() {
            handlers::list().await;
        }
    }
    let (_waygate, app) = with(routes()).await;
    assert_eq!(ask(&app, "GET", "/late").await, 200);
    for path in ["/late?list", "/unbound", "/legacy/list", "/legacy/dev"] {
        assert_eq!(bypass(app.get(path)).await.status(), 200, "{path}");
        assert_ne!(ask(&app, "GET", path).await, 200, "{path}");
    }
    let always = builder().bypass_lifecycle(true).build().await.unwrap();
    let app = guarded(&always, documented().merge(routes().into())).await;
    assert_eq!(ask(&app, "GET", "/late").await, 200);
    for _ in 0..2 {
        for path in ["/late?list", "/unbound", "/legacy/list", "/legacy/dev"] {
            assert_eq!(ask(&app, "GET", path).await, 200, "{path}");
        }
    }
}

#[tokio::test]
async fn a_panic_leaves_no_state_behind() {
    let boom = || async {
        let panics = true;
        assert!(!panics, "a handler that panics");
    };
    let waygate = builder().build().await.unwrap();
    let api = documented().route("/boom", get(boom));
    let router = waygate.guard(api).await.unwrap().into_router();
    let request = || Request::get("/boom").body(Body::empty()).unwrap();
    let panicked = tokio::spawn(router.clone().oneshot(request())).await;
    assert!(panicked.is_err());
    // On the same thread.
    let next = tokio::time::timeout(Duration::from_secs(30), handlers::list());
    next.await.unwrap();
}

#[tokio::test]
async fn a_nested_guarded_router_looks_for_its_own_handlers() {
    let inner = builder().build().await.unwrap();
    let bound: OpenApiRouter = OpenApiRouter::new().routes(routes!(handlers::list));
    let bound = inner.guard(bound).await.unwrap().into_router();
    inner.system().enable("GET:/mounts/list", "").await.unwrap();
    let outer = builder().build().await.unwrap();
    let router = Router::new().nest_service("/inner", bound);
    let app = TestApp::new(outer.guard(router).await.unwrap().into_router());
    assert_eq!(ask(&app, "GET", "/inner/mounts/list").await, 200);
    inner
        .system()
        .disable("GET:/mounts/list", "")
        .await
        .unwrap();
    assert_eq!(ask(&app, "GET", "/inner/mounts/list").await, 503);
}

#[tokio::test]
async fn a_pending_call_is_not_admitted_by_the_next_poll() {
    use std::pin::pin;
    async fn select() -> &'static str {
        let (send, mut receive) = tokio::sync::mpsc::channel(4);
        send.send(()).await.unwrap();
        let mut closed = pin!(handlers::list());
        loop {
            tokio::select! {
                biased;
                () = &mut closed => return "closed",
                Some(()) = receive.recv() => {}
            }
        }
    }
    let (_waygate, app) = with(Router::new().route("/select", get(select))).await;
    for _ in 0..2 {
        assert_eq!(ask(&app, "GET", "/select").await, 503);
    }
}

#[tokio::test]
async fn another_handler_of_a_known_route_is_found() {
    let waygate = builder().build().await.unwrap();
    let router = Router::new()
        .route("/mounts/every", get(handlers::every).post(handlers::any))
        .route("/mounts/any", get(handlers::any))
        .route("/mounts/both", get(handlers::both).fallback(handlers::any));
    let app = TestApp::new(waygate.guard(router).await.unwrap().into_router());
    let system = waygate.system();
    for open in ["/mounts/every", "GET:/mounts/both"] {
        system.enable(open, "").await.unwrap();
    }
    assert_eq!(ask(&app, "GET", "/mounts/every").await, 200);
    assert_eq!(ask(&app, "GET", "/mounts/both").await, 200);
    for _ in 0..2 {
        assert_eq!(ask(&app, "POST", "/mounts/every").await, 503);
        assert_eq!(ask(&app, "PUT", "/mounts/both").await, 503);
    }
    system.enable("GET:/mounts/any", "").await.unwrap();
    assert_eq!(ask(&app, "POST", "/mounts/every").await, 200);
}

#[tokio::test]
async fn handlers_are_bound_across_the_whole_engine() {
    let waygate = builder().build().await.unwrap();
    let first: OpenApiRouter = OpenApiRouter::new().routes(routes!(handlers::list));
    let _first = guarded(&waygate, first).await;
    let second = Router::new().route("/second", get(handlers::list));
    let second = waygate.guard(second).await.unwrap();
    let second = TestApp::new(second.into_router());
    assert_eq!(ask(&second, "GET", "/second").await, 503);
    let system = waygate.system();
    system.enable("GET:/mounts/list", "").await.unwrap();
    assert_eq!(ask(&second, "GET", "/second").await, 200);
}

#[tokio::test]
async fn refusals_at_a_second_mount_are_not_charged() {
    let routes = Router::new().route("/legacy/limited", get(handlers::limited));
    let (waygate, app) = with(routes.route("/open", get(async || "open"))).await;
    let policy = json!({"limit": "4/hour", "key_strategy": "global"});
    let policy = serde_json::from_value(policy).unwrap();
    let limit = waygate.system();
    let limit = limit.set_rate_limit("*#default".parse().unwrap(), policy);
    limit.await.unwrap();
    for status in [200, 429, 429, 429, 429, 429] {
        assert_eq!(ask(&app, "GET", "/legacy/limited").await, status);
    }
    for status in [200, 200, 200, 429] {
        assert_eq!(ask(&app, "GET", "/open").await, status);
    }
}

mod halves {
    use std::{
        pin::Pin,
        sync::atomic::{AtomicU32, Ordering},
    };

    pub(super) static RAN: AtomicU32 = AtomicU32::new(0);

    #[waygate::disabled(reason = "closed", route = "POST /halves/future")]
    pub(super) fn future(mut body: String) -> impl Future<Output = String> + Send {
        RAN.fetch_add(1, Ordering::Relaxed);
        body.push('!');
        async { body }
    }

    #[waygate::disabled(reason = "closed", route = "POST /halves/boxed")]
    pub(super) fn boxed(mut body: String) -> Pin<Box<dyn Future<Output = String> + Send>> {
        RAN.fetch_add(1, Ordering::Relaxed);
        body.push('!');
        Box::pin(async { body })
    }
}

/// A function that returns a future also runs code before it returns.
#[tokio::test]
async fn no_code_of_a_closed_handler_runs_before_its_future() {
    let waygate = builder().build().await.unwrap();
    let router = Router::new()
        .route("/halves/future", post(halves::future))
        .route("/halves/boxed", post(halves::boxed))
        .route("/halves/legacy-future", post(halves::future))
        .route("/halves/legacy-boxed", post(halves::boxed));
    let app = TestApp::new(waygate.guard(router).await.unwrap().into_router());
    let ran = || halves::RAN.load(std::sync::atomic::Ordering::Relaxed);
    for _ in 0..2 {
        for path in ["future", "boxed", "legacy-future", "legacy-boxed"] {
            let path = format!("/halves/{path}");
            assert_eq!(ask(&app, "POST", &path).await, 503, "{path}");
        }
    }
    assert_eq!(ran(), 0);
    let system = waygate.system();
    for key in ["POST:/halves/future", "POST:/halves/boxed"] {
        system.enable(key, "").await.unwrap();
    }
    for path in ["/halves/legacy-future", "/halves/legacy-boxed"] {
        let answer = app.request(Method::POST, path, Body::from("hello")).await;
        assert_eq!(answer.text(), "hello!", "{path}");
    }
    assert_eq!(ran(), 2);
}

/// A guarded router within another one of the same engine, mounted in every way.
async fn twice_guarded(waygate: &Waygate) -> Vec<(&'static str, TestApp)> {
    let inner = async || {
        let inner = Router::new().route("/in", get(async || "in"));
        waygate.guard(inner).await.unwrap().into_router()
    };
    let called = {
        let inner = inner().await;
        any(move |request: Request| inner.clone().oneshot(request))
    };
    let mut apps = Vec::new();
    for (path, outer) in [
        ("/out/in", Router::new().nest("/out", inner().await)),
        ("/out/in", Router::new().nest_service("/out", inner().await)),
        ("/in", inner().await),
        ("/in", Router::new().route("/{*rest}", called)),
        ("/in", Router::new().fallback_service(inner().await)),
    ] {
        let outer = waygate.guard(outer).await.unwrap();
        apps.push((path, TestApp::new(outer.into_router())));
    }
    apps
}

async fn limit_all(waygate: &Waygate, key: &str, limit: &str) {
    let policy = json!({"limit": limit, "key_strategy": "global"});
    let policy = serde_json::from_value(policy).unwrap();
    let system = waygate.system();
    let set = system.set_rate_limit(key.parse().unwrap(), policy);
    set.await.unwrap();
}

#[tokio::test]
async fn nested_guarded_routers_count_once() {
    let waygate = builder().build().await.unwrap();
    let apps = twice_guarded(&waygate).await;
    for (index, (path, app)) in apps.into_iter().enumerate() {
        limit_all(&waygate, "*#default", "2/hour").await;
        for status in [200, 200, 429] {
            assert_eq!(ask(&app, "GET", path).await, status, "mount {index}");
        }
        let global = waygate::limits::LimitScope::Global;
        waygate.system().reset_rate_limits(global).await.unwrap();
    }
}

#[tokio::test]
async fn nested_guarded_routers_acquire_one_permit() {
    let waygate = builder().build().await.unwrap();
    let policy = serde_json::from_value(json!({"limit": 1})).unwrap();
    let system = waygate.system();
    let set = system.set_concurrency_limit("*#default".parse().unwrap(), policy);
    set.await.unwrap();
    let apps = twice_guarded(&waygate).await;
    for (index, (path, app)) in apps.into_iter().enumerate() {
        for _ in 0..2 {
            assert_eq!(ask(&app, "GET", path).await, 200, "mount {index}");
        }
    }
}

#[tokio::test]
async fn routes_of_a_router_guarded_twice_count_once() {
    let waygate = builder().build().await.unwrap();
    let (whole, own): (RouteKey, RouteKey) = ("/in".parse().unwrap(), "GET:/in".parse().unwrap());
    for key in [&whole, &own] {
        let key = key.clone();
        waygate.register(key, RouteState::default()).await.unwrap();
    }
    let apps = twice_guarded(&waygate).await;
    for limited in ["/in#default", "GET:/in#default"] {
        limit_all(&waygate, limited, "2/hour").await;
        for (index, (path, app)) in apps.iter().enumerate() {
            for status in [200, 200, 429] {
                assert_eq!(
                    ask(app, "GET", path).await,
                    status,
                    "{limited}, mount {index}"
                );
            }
            for key in [&whole, &own] {
                let scope = waygate::limits::LimitScope::Route(key.clone());
                waygate.system().reset_rate_limits(scope).await.unwrap();
            }
        }
        let key = limited.parse().unwrap();
        waygate.system().delete_rate_limit(key).await.unwrap();
    }
}
