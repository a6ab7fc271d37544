//! Forms of `route = ..`: one route, every method of a path, or several routes.

use axum::{
    Router,
    body::Body,
    http::Method,
    routing::{any, get, post},
};
use utoipa_axum::{router::OpenApiRouter, routes};
use waygate::{BindError, Waygate, model::RouteStatus, testing::TestApp};

use crate::support::{builder, only};

#[waygate::disabled(reason = "closed", route = "/named/every/{id}")]
async fn every() -> &'static str {
    "every"
}

#[waygate::maintenance(reason = "moving", route = ["GET /named/new", "/named/old"])]
#[waygate::env_only("dev")]
async fn moved() -> &'static str {
    "moved"
}

#[waygate::maintenance(reason = "closed", route = "/named/documented")]
#[utoipa::path(get, path = "/documented", responses((status = OK)))]
async fn documented() -> &'static str {
    "documented"
}

#[waygate::rate_limit(
    "1/hour",
    key = "global",
    route = ["GET /named/limited", "GET /named/legacy/limited"]
)]
async fn limited() -> &'static str {
    "limited"
}

fn router() -> Router {
    Router::new()
        .route("/named/every/{id}", any(every))
        .route("/named/new", get(moved).post(moved))
        .route("/named/old", post(moved))
        .route("/named/limited", get(limited))
        .route("/named/legacy/limited", get(limited))
}

async fn guarded(router: Router) -> (Waygate, TestApp) {
    let waygate = builder().build().await.unwrap();
    let guarded = waygate.guard(router).await.unwrap();
    (waygate, TestApp::new(guarded.into_router()))
}

async fn status(app: &TestApp, method: &str, path: &str) -> u16 {
    let method = Method::from_bytes(method.as_bytes()).unwrap();
    let response = app.request(method, path, Body::empty()).await;
    response.status().as_u16()
}

#[tokio::test]
async fn a_path_alone_governs_every_method() {
    let (waygate, app) = guarded(router()).await;
    for method in [
        "GET", "HEAD", "POST", "OPTIONS", "CONNECT", "TRACE", "QUERY", "get",
    ] {
        let status = status(&app, method, "/named/every/7").await;
        assert_eq!(status, 503, "{method}");
    }
    let routes = waygate.routes().into_iter();
    let keys: Vec<String> = routes.map(|route| route.key.to_string()).collect();
    assert!(keys.contains(&"/named/every/{id}".to_owned()), "{keys:?}");
    waygate
        .system()
        .enable("/named/every/{id}", "")
        .await
        .unwrap();
    assert_eq!(status(&app, "QUERY", "/named/every/7").await, 200);
}

#[tokio::test]
async fn a_list_governs_each_of_its_routes() {
    let (waygate, app) = guarded(router()).await;
    assert_eq!(status(&app, "GET", "/named/new").await, 503);
    assert_eq!(status(&app, "POST", "/named/old").await, 503);
    // The same handler at a route that is not in the list.
    assert_eq!(status(&app, "POST", "/named/new").await, 503);
    let system = waygate.system();
    system.enable("GET:/named/new", "").await.unwrap();
    let routes = waygate.routes().into_iter();
    let of = |key: &str| {
        let mut routes = routes.clone();
        routes.find(|route| route.key.as_str() == key).unwrap()
    };
    assert_eq!(of("/named/old").view.status, RouteStatus::Maintenance);
    assert_ne!(of("GET:/named/new").view.status, RouteStatus::Maintenance);
}

#[tokio::test]
async fn each_route_of_a_list_counts_for_itself() {
    let (_waygate, app) = guarded(router()).await;
    for path in ["/named/limited", "/named/legacy/limited"] {
        assert_eq!(status(&app, "GET", path).await, 200, "{path}");
        assert_eq!(status(&app, "GET", path).await, 429, "{path}");
    }
}

#[tokio::test]
async fn an_operation_of_the_path_opens_no_method() {
    let api = OpenApiRouter::new().nest("/named", OpenApiRouter::new().routes(routes!(documented)));
    let waygate = builder().build().await.unwrap();
    let app = TestApp::new(waygate.guard(api).await.unwrap().into_router());
    assert_eq!(status(&app, "GET", "/named/documented").await, 503);
    let keys: Vec<String> = waygate
        .routes()
        .into_iter()
        .map(|route| route.key.to_string())
        .collect();
    assert_eq!(keys, ["/named/documented"]);
}

#[tokio::test]
async fn every_named_route_must_be_served() {
    let router = Router::new()
        .route("/named/new", get(moved))
        .route("/named/every/{id}", get(every))
        .route("/named/limited", post(limited));
    let waygate = only("it::named_routes::").build().await.unwrap();
    let errors = waygate.guard(router).await.unwrap_err();
    let missing: Vec<String> = errors
        .errors()
        .iter()
        .map(|error| match error {
            BindError::NoSuchPath { route, .. } => format!("no path {route}"),
            BindError::NoSuchMethod { route, .. } => format!("no method {route}"),
            other => panic!("unexpected: {other}"),
        })
        .collect();
    assert_eq!(
        missing,
        [
            "no path /named/documented",
            "no path /named/old",
            "no path GET /named/legacy/limited",
            "no method GET /named/limited",
        ]
    );
}
