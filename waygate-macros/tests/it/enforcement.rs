//! End-to-end tests of the attributes, with handlers behind a guarded router.

use axum::{
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::get,
};
use utoipa_axum::{router::OpenApiRouter, routes};
use waygate::{
    Blocked, Waygate, allowed_ips, disabled, env_only, force_active, maintenance,
    testing::{ManualClock, TestApp},
};

async fn page(blocked: &Blocked) -> Response {
    tokio::task::yield_now().await;
    let path = blocked.request().uri.path().to_owned();
    (StatusCode::GONE, path).into_response()
}

fn sorry(blocked: &Blocked) -> impl IntoResponse + use<> {
    format!("sorry: {}", blocked.reason().message())
}

#[axum::debug_handler]
#[maintenance(
    reason = "migration",
    start = "2030-01-01T02:00:00Z",
    end = "2030-01-01T04:00:00Z",
    response = page
)]
#[utoipa::path(get, path = "/payments")]
async fn payments() -> &'static str {
    "payments"
}

#[utoipa::path(get, path = "/refunds")]
#[env_only("dev", response = sorry)]
#[allowed_ips("10.0.0.0/8")]
async fn refunds() -> &'static str {
    "refunds"
}

#[force_active(route = "GET /guarded/health")]
async fn health() -> &'static str {
    "ok"
}

struct Users;
struct Orders;

impl Users {
    #[disabled(reason = "moved", route = "GET /guarded/users/{id}")]
    async fn list() {}
}

impl Orders {
    #[waygate::deprecated(use_instead = "/v2/orders", route = "GET /guarded/orders")]
    async fn list() {}
}

async fn app(environment: &str, now: &str) -> TestApp {
    let v1 = OpenApiRouter::new()
        .routes(routes!(payments))
        .routes(routes!(refunds));
    let api = OpenApiRouter::new()
        .nest("/v1", v1)
        .route("/guarded/health", get(health))
        .route("/guarded/users/{id}", get(Users::list))
        .route("/guarded/orders", get(Orders::list));
    let waygate = Waygate::builder()
        .environment(environment)
        .clock(ManualClock::at(now.parse().unwrap()))
        .allow_unmounted("it::")
        .build()
        .await
        .unwrap();
    TestApp::new(waygate.guard(api).await.unwrap().into_router())
}

#[tokio::test]
async fn handlers_are_gated_at_their_nested_paths() {
    let before = app("production", "2030-01-01T01:00:00Z").await;
    assert_eq!(before.get("/v1/payments").await.text(), "payments");
    assert_eq!(before.get("/guarded/health").await.text(), "ok");

    let during = app("production", "2030-01-01T03:00:00Z").await;
    let blocked = during.get("/v1/payments").await;
    assert_eq!(
        (blocked.status(), blocked.text()),
        (StatusCode::GONE, "/v1/payments".into())
    );
}

#[tokio::test]
async fn stacked_attributes_apply_together() {
    let production = app("production", "2030-01-01T01:00:00Z").await;
    assert!(
        production
            .get("/v1/refunds")
            .await
            .text()
            .starts_with("sorry: ")
    );

    let dev = app("dev", "2030-01-01T01:00:00Z").await;
    let inside = dev.from_peer(([10, 1, 2, 3], 80)).get("/v1/refunds").await;
    assert_eq!(inside.text(), "refunds");
    let outside = dev.from_peer(([192, 0, 2, 1], 80)).get("/v1/refunds").await;
    assert_eq!(outside.status(), StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn functions_with_the_same_name_are_governed_separately() {
    let app = app("production", "2030-01-01T01:00:00Z").await;
    assert_eq!(
        app.get("/guarded/users/7").await.status(),
        StatusCode::SERVICE_UNAVAILABLE
    );
    let orders = app.get("/guarded/orders").await;
    assert_eq!(orders.status(), StatusCode::OK);
    assert_eq!(orders.header("deprecation"), None, "no date is known");
    assert!(
        orders
            .header("link")
            .is_some_and(|link| link.contains("/v2/orders"))
    );
}
