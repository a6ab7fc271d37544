//! Tests of such an application. Each has an OpenFeature API of its own, since `OpenFeature::singleton` is shared.

use open_feature::OpenFeature;
use serde_json::{Value, json};
use waygate::{Waygate, testing::TestApp};

use super::app;

const NEW_SEARCH: &str = "/waygate/api/flags/new-search";

async fn start() -> TestApp {
    let mut openfeature = OpenFeature::default();
    TestApp::new(app(Waygate::builder(), &mut openfeature).await.unwrap())
}

async fn operator(app: &TestApp) -> TestApp {
    let login = json!({"username": "admin", "password": "secret"});
    let token: Value = app.post("/waygate/api/auth/login", &login).await.json();
    app.with_header("x-waygate-token", token["token"].as_str().unwrap())
}

#[tokio::test]
async fn errors_are_handled_by_the_application() {
    let app = start().await;
    let missing: Value = app.get("/search").await.json();
    assert_eq!(missing["results"], "old");
    assert_eq!(missing["error"], "FLAG_NOT_FOUND");

    let flag = json!({
        "key": "new-search", "name": "New search", "type": "boolean",
        "variations": [{"name": "on", "value": true}, {"name": "off", "value": false}], "off_variation": "off",
        "fallthrough": [{"variation": "on", "weight": 10_000}, {"variation": "off", "weight": 90_000}],
    });
    let created = operator(&app).await.post("/waygate/api/flags", &flag).await;
    assert_eq!(created.status(), 201);
    let nameless: Value = app.get("/search").await.json();
    assert_eq!(nameless["results"], "old");
    assert_eq!(nameless["error"], "TARGETING_KEY_MISSING");
}

#[tokio::test]
async fn the_sdk_and_ofrep_agree() {
    let app = start().await;
    let flag = json!({
        "key": "new-search", "name": "New search", "type": "boolean",
        "variations": [{"name": "on", "value": true}, {"name": "off", "value": false}], "off_variation": "off",
        "fallthrough": [{"variation": "on", "weight": 50_000}, {"variation": "off", "weight": 50_000}],
    });
    let operator = operator(&app).await;
    let created = operator.post("/waygate/api/flags", &flag).await;
    assert_eq!(created.status(), 201);
    let service = app.with_header("authorization", "Bearer srv_5a2f0f9e7c6d4b1a");
    let mut on = 0;
    for user in 0..20 {
        let user = format!("user-{user}");
        let found: Value = app.with_header("x-user", &user).get("/search").await.json();
        let context = json!({"context": {"targetingKey": user}});
        let path = "/waygate/ofrep/v1/evaluate/flags/new-search";
        let served: Value = service.post(path, &context).await.json();
        assert_eq!(served["variant"], found["variant"]);
        assert_eq!(served["reason"], found["reason"]);
        assert_eq!(found["reason"], "SPLIT");
        on += u32::from(found["variant"] == "on");
    }
    assert!((1..20).contains(&on), "{on} of 20");

    let disabled = operator
        .post(&format!("{NEW_SEARCH}/disable"), &json!({}))
        .await;
    assert_eq!(disabled.status(), 200);
    let found: Value = app.with_header("x-user", "ada").get("/search").await.json();
    assert_eq!(
        (&found["variant"], &found["reason"]),
        (&json!("off"), &json!("DISABLED"))
    );
}
