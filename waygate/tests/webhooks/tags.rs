//! The filter by the tags of an OpenAPI document.

use axum::{Router, routing::get};
use waygate::{Waygate, audit::AuditQuery, limits::RateLimitPolicy};

use crate::{
    receiver::{OK, Receiver},
    support::{hook, options},
};

#[tokio::test]
async fn a_webhook_gets_the_events_of_its_tags() {
    let receiver = Receiver::start([OK]).await;
    let waygate = Waygate::builder()
        .webhook_options(options(&[&receiver]))
        .webhook(hook("ops", &receiver).tags(["payments", "bills"]))
        .allow_unmounted("")
        .build()
        .await
        .unwrap();
    let router = Router::new()
        .route("/pay", get(async || "x"))
        .route("/search", get(async || "x"));
    let document = serde_json::json!({
        "openapi": "3.1.0",
        "info": {"title": "shop", "version": "1"},
        "paths": {
            "/pay": {"get": {"tags": ["money", "payments"], "responses": {}}},
            "/search": {"get": {"tags": ["catalogue"], "responses": {}}},
        },
    });
    let document: utoipa::openapi::OpenApi = serde_json::from_value(document).unwrap();
    let _guarded = waygate.guard((router, document)).await.unwrap();
    let system = waygate.system();
    system.disable("GET:/search", "r").await.unwrap();
    let policy = RateLimitPolicy::new("5/hour".parse().unwrap()).unwrap();
    let key = "GET:/pay#default".parse().unwrap();
    system.set_rate_limit(key, policy).await.unwrap();
    system.disable("GET:/pay", "r").await.unwrap();
    let got = receiver.wait_for(2).await;
    for (got, event) in got.iter().zip(["limit.set", "route.disabled"]) {
        let body = got.json();
        assert_eq!(body["type"], event);
        assert_eq!(body["data"]["route"], "GET:/pay");
        assert_eq!(
            body["data"]["tags"],
            serde_json::json!(["money", "payments"])
        );
    }
    let log = waygate.audit(AuditQuery::newest(3)).await.unwrap();
    let tags: Vec<_> = log.iter().map(|entry| entry.tags.join(",")).collect();
    assert_eq!(tags, ["money,payments", "money,payments", "catalogue"]);
}
