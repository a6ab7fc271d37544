//! `#[rate_limit]` on handlers: what it declares is what requests meet.

use axum::{body::Body, extract::Request, response::IntoResponse};
use serde_json::json;
use utoipa_axum::{router::OpenApiRouter, routes};
use waygate::{
    Blocked, Waygate, force_active,
    limits::{Key, LimitScope},
    rate_limit,
    response::RequestParts,
    testing::TestApp,
};

use crate::support::{clock, with_all_headers};

#[rate_limit("2/minute", key = "global", name = "per-minute")]
#[rate_limit("3/hour", key = "global")]
#[utoipa::path(get, path = "/search", responses((status = OK)))]
async fn search() -> &'static str {
    "found"
}

fn tenant(request: &RequestParts) -> Option<Key> {
    Some(request.headers.get("x-tenant")?.as_bytes().into())
}

fn length(request: &RequestParts) -> u32 {
    request.uri.query().map_or(1, |query| query.len() as u32)
}

/// The answer is counted by tenant, and costs as many units as the query has letters.
#[rate_limit("10/minute", key = tenant, cost = length, on_missing_key = "block")]
#[utoipa::path(get, path = "/sync", responses((status = OK)))]
async fn sync_key() {}

async fn later(request: &RequestParts) -> Option<Key> {
    tokio::task::yield_now().await;
    tenant(request)
}

fn sorry(blocked: &Blocked) -> impl IntoResponse + use<> {
    (blocked.status(), "not so fast")
}

#[rate_limit("1/minute", key = later, response = sorry)]
#[utoipa::path(get, path = "/async", responses((status = OK)))]
async fn async_key() {}

#[rate_limit("1/minute", key = "global")]
#[force_active]
#[utoipa::path(get, path = "/health", responses((status = OK)))]
async fn health() {}

async fn app() -> (Waygate, TestApp) {
    let waygate = with_all_headers().clock(clock()).build().await.unwrap();
    let api = OpenApiRouter::new()
        .routes(routes!(search))
        .routes(routes!(sync_key))
        .routes(routes!(async_key))
        .routes(routes!(health));
    let guarded = waygate
        .guard(OpenApiRouter::new().nest("/v1", api))
        .await
        .unwrap();
    (waygate, TestApp::new(guarded.into_router()))
}

async fn status(app: &TestApp, path: &str, tenant: Option<&str>) -> u16 {
    let mut request = Request::get(path);
    if let Some(tenant) = tenant {
        request = request.header("x-tenant", tenant);
    }
    app.send(request.body(Body::empty()).unwrap())
        .await
        .status()
        .as_u16()
}

#[tokio::test]
async fn several_limits_hold_together() {
    let (waygate, app) = app().await;
    let answer = app.get("/v1/search").await;
    assert_eq!(
        answer.header("ratelimit-policy"),
        Some("\"per-minute\";q=2;w=60, \"default-2\";q=3;w=3600")
    );
    assert_eq!(answer.header("ratelimit"), Some("\"per-minute\";r=1;t=60"));
    let scope = LimitScope::Route("GET:/v1/search".parse().unwrap());
    let records = waygate.rate_limits_of(&scope);
    let meanings: Vec<_> = records.iter().map(|record| &*record.meaning).collect();
    assert_eq!(
        meanings,
        [
            "at most 2 in a minute from the first on, for all callers together",
            "at most 3 in an hour from the first on, for all callers together",
        ]
    );
    assert!(records.iter().all(|record| !record.overridden));
    let report = waygate.report().to_string();
    let shown: Vec<_> = report
        .lines()
        .filter(|line| line.starts_with("        "))
        .collect();
    assert!(
        shown.contains(
            &"        per-minute: at most 2 in a minute from the first on, for all callers together"
        ),
        "{report}"
    );
    let costed = "; a function returns the cost of each request";
    assert_eq!(report.matches(costed).count(), 1, "{report}");
}

#[tokio::test]
async fn functions_tell_keys_and_costs() {
    let (_, app) = app().await;
    assert_eq!(status(&app, "/v1/sync?abcdef", Some("a")).await, 200);
    assert_eq!(status(&app, "/v1/sync?abcdef", Some("a")).await, 429);
    assert_eq!(status(&app, "/v1/sync?abcd", Some("a")).await, 200);
    assert_eq!(status(&app, "/v1/sync?abcdef", Some("b")).await, 200);
    assert_eq!(
        status(&app, "/v1/sync", None).await,
        400,
        "no key, and `block`"
    );

    assert_eq!(status(&app, "/v1/async", Some("a")).await, 200);
    assert_eq!(status(&app, "/v1/async", Some("a")).await, 429);
    assert_eq!(status(&app, "/v1/async", Some("b")).await, 200);
    assert_eq!(
        status(&app, "/v1/async", None).await,
        200,
        "no key: not counted"
    );
}

#[tokio::test]
async fn an_attribute_answers_its_own_refusals() {
    let (_, app) = app().await;
    let request = || {
        Request::get("/v1/async")
            .header("x-tenant", "a")
            .body(Body::empty())
            .unwrap()
    };
    app.send(request()).await;
    let refused = app.send(request()).await;
    assert_eq!(refused.status(), 429);
    assert!(refused.header("retry-after").is_some());
    assert_eq!(refused.text(), "not so fast");
}

#[tokio::test]
async fn a_force_active_route_can_be_limited() {
    let (waygate, app) = app().await;
    let maintenance = waygate.system();
    maintenance
        .enable_global_maintenance(Default::default())
        .await
        .unwrap();
    assert_eq!(app.get("/v1/health").await.status(), 200);
    assert_eq!(app.get("/v1/health").await.status(), 429);
}

#[tokio::test]
async fn an_operator_overrides_a_declaration_and_returns_to_it() {
    let (waygate, app) = app().await;
    let (operator, key) = (waygate.system(), "GET:/v1/health#default".parse().unwrap());
    let policy =
        serde_json::from_value(json!({"limit": "3/minute", "key_strategy": "global"})).unwrap();
    let record = operator
        .set_rate_limit(waygate::limits::LimitKey::clone(&key), policy)
        .await
        .unwrap();
    assert!(record.overridden && !record.drifted);
    assert_eq!(
        app.get("/v1/health").await.header("x-ratelimit-remaining"),
        Some("2")
    );
    let record = operator.delete_rate_limit(key).await.unwrap().unwrap();
    assert!(!record.overridden);
    assert_eq!(record.policy.limit.as_str(), "1/minute");
    assert_eq!(app.get("/v1/health").await.status(), 429);
}
