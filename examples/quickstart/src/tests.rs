//! Tests of such an application, without sockets and waiting.

use serde_json::{Value, json};
use waygate::{
    Waygate,
    testing::{TestApp, bypass},
};

use super::{app, handlers};

async fn test_app() -> TestApp {
    let production = Waygate::builder().environment("production");
    TestApp::new(app(production).await.unwrap().into_router())
}

/// The same application as seen by a logged-in operator.
async fn operator(app: &TestApp) -> TestApp {
    let credentials = json!({ "username": "admin", "password": "secret" });
    let login = app
        .post("/waygate/api/auth/login", &credentials)
        .await
        .json::<Value>();
    app.with_header("x-waygate-token", login["token"].as_str().unwrap())
}

#[tokio::test]
async fn a_handler_is_still_a_plain_function() {
    assert_eq!(handlers::payments().await.0, [1, 2, 3]);
}

#[tokio::test]
async fn routes_start_as_declared() {
    let app = test_app().await;
    let payments = app.get("/payments").await;
    assert_eq!(payments.status(), 503);
    assert_eq!(
        payments.json::<Value>()["error"]["reason"],
        "Back at 04:00 UTC"
    );
    assert_eq!(app.get("/debug").await.status(), 403, "this is production");
    let users = app.get("/v1/users").await;
    assert_eq!(users.status(), 200);
    assert_eq!(
        users.header("link"),
        Some("</v2/users>; rel=\"successor-version\"")
    );
    assert_eq!(app.get("/search").await.text(), "found");
    assert_eq!(app.get("/health").await.text(), "ok");
    assert_eq!(app.get("/orders/7").await.text(), "7");
}

#[tokio::test]
async fn an_operator_opens_a_route_while_the_service_runs() {
    let app = test_app().await;
    let before: Value = app.get("/openapi.json").await.json();
    assert_eq!(
        before["paths"]["/payments"]["get"]["x-waygate-status"],
        "maintenance"
    );
    assert!(
        before["paths"].get("/debug").is_none(),
        "hidden, as this is production"
    );

    let path = "/waygate/api/routes/R0VUOi9wYXltZW50cw/enable";
    let enabled = operator(&app)
        .await
        .post(path, &json!({ "reason": "done" }))
        .await;
    assert_eq!(enabled.json::<Value>()["status"], "active");

    assert_eq!(app.get("/payments").await.status(), 200);
    let after: Value = app.get("/openapi.json").await.json();
    assert!(
        after["paths"]["/payments"]["get"]
            .get("x-waygate-status")
            .is_none()
    );
}

#[tokio::test]
async fn unauthenticated_clients_change_nothing() {
    let app = test_app().await;
    let refused = app.post("/waygate/api/global/enable", &json!({})).await;
    assert_eq!(refused.status(), 401);
    assert_eq!(app.get("/search").await.status(), 200);
}

#[tokio::test]
async fn business_logic_can_be_tested_without_gates() {
    let app = test_app().await;
    let payments = bypass(app.get("/payments")).await;
    assert_eq!(payments.json::<Vec<u64>>(), [1, 2, 3]);
}
