//! Functions registered with a route: responses, keys and costs.

use std::sync::Arc;

use axum::{
    Router,
    routing::{any, get},
};
use serde_json::json;
use tokio::sync::{Notify, mpsc};
use utoipa_axum::{router::OpenApiRouter, routes};
use waygate::{
    BindError, Blocked, RegisterError, Responses, RouteGuard, Waygate, disabled,
    limits::{
        ConcurrencyLimitFunctions, ConcurrencyPolicy, Key, RateLimitFunctions, RateLimitPolicy,
    },
    model::Registration,
    rate_limit,
    response::RequestParts,
    testing::TestApp,
};

use crate::support::{builder, clock};

fn tenant(request: &RequestParts) -> Option<Key> {
    Some(request.headers.get("x-tenant")?.as_bytes().into())
}

async fn tenant_later(request: &RequestParts) -> Option<Key> {
    tokio::task::yield_now().await;
    tenant(request)
}

fn everyone(_: &RequestParts) -> Option<Key> {
    Some("everyone".into())
}

fn length(request: &RequestParts) -> u32 {
    let length = request.uri.query().unwrap_or_default().len();
    length.try_into().unwrap()
}

fn busy(blocked: &Blocked) -> String {
    format!("busy: {}", blocked.reason().code())
}

async fn sorry(blocked: &Blocked) -> String {
    tokio::task::yield_now().await;
    format!("sorry: {}", blocked.reason().code())
}

#[rate_limit("1/minute", key = tenant, response = busy, route = "GET /functions/limited")]
async fn limited() -> &'static str {
    "limited"
}

#[disabled(response = sorry, route = "GET /functions/off")]
async fn off() -> &'static str {
    "off"
}

fn router() -> Router {
    Router::new()
        .route("/functions/limited", get(limited))
        .route("/functions/off", get(off))
        .route("/plain", get(async || "plain"))
        .route("/any", any(async || "any"))
}

async fn engine() -> Waygate {
    builder().clock(clock()).build().await.unwrap()
}

async fn guarded(waygate: &Waygate) -> TestApp {
    TestApp::new(waygate.guard(router()).await.unwrap().into_router())
}

fn rate(limit: &str) -> RateLimitPolicy {
    RateLimitPolicy::new(limit.parse().unwrap()).unwrap()
}

fn at_a_time(limit: u32) -> ConcurrencyPolicy {
    serde_json::from_value(json!({ "limit": limit })).unwrap()
}

fn route(key: &str) -> Registration {
    Registration::new(key.parse().unwrap())
}

/// The response to a tenant.
async fn answer(app: &TestApp, tenant: &str, path: &str) -> (u16, String) {
    let response = app.with_header("x-tenant", tenant).get(path).await;
    (response.status().as_u16(), response.text())
}

async fn status(app: &TestApp, tenant: &str, path: &str) -> u16 {
    answer(app, tenant, path).await.0
}

fn with_all(key: &str) -> [Registration; 2] {
    let of = |functions: RateLimitFunctions| {
        let functions = functions.response(busy);
        route(key)
            .responses(Responses::new().maintenance(sorry))
            .rate_limit_with(rate("1/minute"), functions)
    };
    [
        of(RateLimitFunctions::new().key(tenant)),
        of(RateLimitFunctions::new().key(tenant_later)),
    ]
}

#[tokio::test]
async fn functions_apply_until_unregistered() {
    for register_first in [true, false] {
        for registration in with_all("GET:/plain") {
            let waygate = engine().await;
            let app = if register_first {
                waygate.register_all([registration]).await.unwrap();
                guarded(&waygate).await
            } else {
                let app = guarded(&waygate).await;
                assert_eq!(status(&app, "red", "/plain").await, 200);
                waygate.register_all([registration]).await.unwrap();
                app
            };
            assert_eq!(status(&app, "red", "/plain").await, 200);
            let refused = app.with_header("x-tenant", "red").get("/plain").await;
            assert_eq!(refused.text(), "busy: RATE_LIMIT_EXCEEDED");
            assert_eq!(refused.header("retry-after"), Some("60"));
            assert_eq!(refused.header("x-ratelimit-remaining"), Some("0"));
            assert_eq!(status(&app, "blue", "/plain").await, 200);
            let system = waygate.system();
            system.set_maintenance("GET:/plain", "later").await.unwrap();
            let closed = answer(&app, "red", "/plain").await;
            assert_eq!(closed, (503, "sorry: MAINTENANCE_MODE".to_owned()));

            // The next registration replaces all of them.
            let by_all = RateLimitFunctions::new().key(everyone);
            let next = route("GET:/plain").rate_limit_with(rate("1/hour"), by_all);
            waygate.register_all([next]).await.unwrap();
            assert_eq!(status(&app, "red", "/plain").await, 503);
            system.enable("GET:/plain", "").await.unwrap();
            assert_eq!(status(&app, "red", "/plain").await, 200);
            let (refused, text) = answer(&app, "blue", "/plain").await;
            assert_eq!(refused, 429);
            assert!(text.contains("\"limit\":\"1/hour\""), "{text}");

            assert!(waygate.unregister(&"GET:/plain".parse().unwrap()).await);
            assert_eq!(status(&app, "blue", "/plain").await, 200);
        }
    }
}

#[tokio::test]
async fn a_function_returns_the_cost() {
    let waygate = engine().await;
    let app = guarded(&waygate).await;
    let functions = RateLimitFunctions::new().key(tenant).cost(length);
    let costly = route("GET:/plain").rate_limit_with(rate("10/minute"), functions);
    waygate.register_all([costly]).await.unwrap();
    assert_eq!(status(&app, "red", "/plain?1234567").await, 200);
    assert_eq!(status(&app, "red", "/plain?1234").await, 429);
    assert_eq!(status(&app, "red", "/plain?123").await, 200);
}

#[tokio::test]
async fn a_route_answers_refusals_of_all_its_limits() {
    let waygate = engine().await;
    let app = guarded(&waygate).await;
    let own = RateLimitFunctions::new().response(busy);
    let mut named = rate("1/minute");
    named.name = "own".parse().unwrap();
    let closed = route("GET:/plain")
        .responses(Responses::new().rate_limited(sorry).disabled(sorry))
        .rate_limit(rate("2/minute"))
        .rate_limit_with(named, own);
    waygate.register_all([closed]).await.unwrap();
    assert_eq!(status(&app, "red", "/plain").await, 200);
    let of_limit = (429, "busy: RATE_LIMIT_EXCEEDED".to_owned());
    assert_eq!(answer(&app, "red", "/plain").await, of_limit);
    waygate.unregister(&"GET:/plain".parse().unwrap()).await;
    let limited = route("GET:/plain")
        .responses(Responses::new().rate_limited(sorry).disabled(sorry))
        .rate_limit(rate("1/minute"));
    waygate.register_all([limited]).await.unwrap();
    let of_route = (429, "sorry: RATE_LIMIT_EXCEEDED".to_owned());
    assert_eq!(answer(&app, "red", "/plain").await, of_route);
    let off = waygate.system().disable("GET:/plain", "").await;
    off.unwrap();
    let disabled = (503, "sorry: ROUTE_DISABLED".to_owned());
    assert_eq!(answer(&app, "red", "/plain").await, disabled);
}

#[tokio::test]
async fn functions_add_to_those_of_attributes() {
    let waygate = engine().await;
    let app = guarded(&waygate).await;
    let mut more = rate("2/hour");
    more.name = "more".parse().unwrap();
    let both = [
        route("GET:/functions/limited")
            .responses(Responses::new().disabled(busy))
            .rate_limit_with(
                more,
                RateLimitFunctions::new().key(everyone).response(sorry),
            ),
        // The functions of the attributes.
        route("GET:/functions/off").responses(Responses::new().disabled(sorry)),
    ];
    waygate.register_all(both).await.unwrap();
    let limited = "/functions/limited";
    let of_attribute = "busy: RATE_LIMIT_EXCEEDED";
    assert_eq!(answer(&app, "red", limited).await.1, "limited");
    assert_eq!(answer(&app, "red", limited).await.1, of_attribute);
    assert_eq!(answer(&app, "blue", limited).await.1, "limited");
    let of_more = answer(&app, "green", limited).await.1;
    assert_eq!(of_more, "sorry: RATE_LIMIT_EXCEEDED");
    let system = waygate.system();
    system.disable("GET:/functions/limited", "").await.unwrap();
    assert_eq!(answer(&app, "red", limited).await.1, "busy: ROUTE_DISABLED");

    // Unregistering removes registered functions, and keeps those of attributes.
    for key in ["GET:/functions/limited", "GET:/functions/off"] {
        assert!(waygate.unregister(&key.parse().unwrap()).await);
    }
    assert_eq!(status(&app, "red", limited).await, 503);
    system.enable("GET:/functions/limited", "").await.unwrap();
    assert_eq!(answer(&app, "red", limited).await.1, of_attribute);
    assert_eq!(answer(&app, "green", limited).await.1, "limited");
    let off = answer(&app, "red", "/functions/off").await.1;
    assert_eq!(off, "sorry: ROUTE_DISABLED");
}

#[tokio::test]
async fn two_functions_for_one_purpose_are_refused() {
    let policy = || rate("1/minute");
    let functions = || RateLimitFunctions::new().key(tenant);
    let cases = [
        (
            route("GET:/functions/limited").rate_limit_with(policy(), functions().response(sorry)),
            "responses of the rate limit `default`",
        ),
        (
            route("GET:/functions/limited")
                .rate_limit_with(policy(), RateLimitFunctions::new().key(everyone)),
            "key functions of the rate limit `default`",
        ),
        (
            route("GET:/functions/off").responses(Responses::new().disabled(busy)),
            "responses for disabled routes",
        ),
    ];
    for (registration, what) in cases {
        let waygate = engine().await;
        let app = guarded(&waygate).await;
        let refused = waygate
            .register_all([registration.clone()])
            .await
            .unwrap_err();
        assert!(
            matches!(refused, RegisterError::Conflict { .. }),
            "{refused}"
        );
        assert!(refused.to_string().contains(what), "{refused}");
        assert_eq!(
            answer(&app, "red", "/functions/off").await.1,
            "sorry: ROUTE_DISABLED"
        );

        let waygate = engine().await;
        waygate.register_all([registration]).await.unwrap();
        let refused = waygate.guard(router()).await.unwrap_err();
        assert!(
            matches!(
                refused.errors(),
                [BindError::Registered(RegisterError::Conflict { .. })]
            ),
            "{refused}"
        );
    }
    let waygate = engine().await;
    guarded(&waygate).await;
    let same =
        route("GET:/functions/limited").rate_limit_with(policy(), functions().response(busy));
    waygate.register_all([same]).await.unwrap();
    assert_eq!(waygate.rate_limits().len(), 1);
}

#[tokio::test]
async fn functions_of_routes_of_another_service_are_refused() {
    let waygate = engine().await;
    let elsewhere = || route("billing:GET:/plain");
    let functions = RateLimitFunctions::new().key(tenant);
    for registration in [
        elsewhere().responses(Responses::new().disabled(busy)),
        elsewhere().rate_limit_with(rate("1/minute"), functions),
    ] {
        let refused = waygate.register_all([registration]).await.unwrap_err();
        assert!(
            matches!(refused, RegisterError::OtherService { .. }),
            "{refused}"
        );
        assert!(waygate.routes().is_empty());
    }
}

#[tokio::test]
async fn any_number_of_routes_can_have_functions() {
    let waygate = engine().await;
    let app = guarded(&waygate).await;
    let others = (0..100).map(|number| route(&format!("GET:/others/{number}")));
    waygate.register_all(others).await.unwrap();
    assert_eq!(status(&app, "red", "/any").await, 200);
    let [registration, _] = with_all("GET:/any");
    waygate.register_all([registration]).await.unwrap();
    assert_eq!(status(&app, "red", "/any").await, 200);
    assert_eq!(
        answer(&app, "red", "/any").await.1,
        "busy: RATE_LIMIT_EXCEEDED"
    );
    assert_eq!(status(&app, "blue", "/any").await, 200);
}

#[rate_limit("1/minute", key = tenant, response = busy)]
#[utoipa::path(get, path = "/functions/documented", responses((status = OK)))]
async fn documented() -> &'static str {
    "documented"
}

#[tokio::test]
async fn functions_of_attributes_apply_in_every_router_that_serves_the_route() {
    let waygate = engine().await;
    let app = OpenApiRouter::new().routes(routes!(documented));
    let app = TestApp::new(waygate.guard(app).await.unwrap().into_router());
    // The handler has no attributes, but the limit exists.
    let path = "/functions/documented";
    let other = Router::new().route(path, get(async || "other"));
    let other = TestApp::new(waygate.guard(other).await.unwrap().into_router());
    let refused = "busy: RATE_LIMIT_EXCEEDED";
    assert_eq!(answer(&other, "red", path).await.1, "other");
    assert_eq!(answer(&other, "red", path).await.1, refused);
    assert_eq!(answer(&app, "red", path).await.1, refused);
    assert_eq!(answer(&app, "blue", path).await.1, "documented");
}

#[tokio::test]
async fn route_guard_calls_the_functions() {
    for registration in with_all("GET:/x") {
        let waygate = engine().await;
        let router = Router::new().route("/x", get(async |guard: RouteGuard| (guard, "x")));
        let app = TestApp::new(router.with_state(waygate.clone()));
        waygate.register_all([registration]).await.unwrap();
        assert_eq!(status(&app, "red", "/x").await, 200);
        let refused = app.with_header("x-tenant", "red").get("/x").await;
        assert_eq!(refused.text(), "busy: RATE_LIMIT_EXCEEDED");
        assert_eq!(refused.header("retry-after"), Some("60"));
        assert_eq!(refused.header("x-ratelimit-remaining"), Some("0"));
        assert_eq!(answer(&app, "blue", "/x").await.1, "x");
        let system = waygate.system();
        system.set_maintenance("GET:/x", "later").await.unwrap();
        assert_eq!(answer(&app, "red", "/x").await.1, "sorry: MAINTENANCE_MODE");
    }
}

#[tokio::test]
async fn route_guard_holds_a_concurrency_permit() {
    let waygate = engine().await;
    let (entered, mut has_entered) = mpsc::unbounded_channel();
    let finish = Arc::new(Notify::new());
    let may_finish = finish.clone();
    let handler = move |guard: RouteGuard| async move {
        entered.send(()).unwrap();
        may_finish.notified().await;
        (guard, "x")
    };
    let router = Router::new().route("/x", get(handler));
    let app = TestApp::new(router.with_state(waygate.clone()));
    let functions = ConcurrencyLimitFunctions::new()
        .key(everyone)
        .response(busy);
    let one = route("GET:/x").concurrency_limit_with(at_a_time(1), functions);
    waygate.register_all([one]).await.unwrap();
    let in_use = || {
        let [limit] = &*waygate.concurrency_limits() else {
            panic!("one limit");
        };
        (limit.in_use, limit.refused, limit.skipped)
    };
    for _ in 0..2 {
        let served = status(&app, "red", "/x");
        let refused = async {
            has_entered.recv().await.unwrap();
            assert_eq!(in_use().0, 1);
            let refused = answer(&app, "blue", "/x").await;
            finish.notify_one();
            refused
        };
        let (served, refused) = tokio::join!(served, refused);
        assert_eq!(served, 200);
        assert_eq!(refused.1, "busy: CONCURRENCY_LIMIT_EXCEEDED");
    }
    assert_eq!(in_use(), (0, 2, 0));
}
