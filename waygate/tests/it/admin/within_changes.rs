//! Bulk changes and reverts by users that are limited to services, and the services of records.

use std::time::Duration;

use axum::{body::Body, extract::Request};
use serde_json::{Value, json};
use waygate::{Waygate, audit::AuditQuery, model::RouteState, port::FileBackend};
use waygate_backends::MemoryBackend;

use super::{
    support::{Server, at, limit_at},
    within::{login, send, start, users},
};

async fn post(server: &Server, token: &str, path: &str, body: Value) -> (u16, Value) {
    let answer = send(server, token, "POST", path, &body).await;
    (answer.status.as_u16(), answer.json())
}

#[tokio::test]
async fn a_bulk_change_of_a_limited_user_is_within_its_services() {
    let server = start().await;
    let shop = login(&server, "shop").await;
    let own = [
        json!({ "action": "disable_route", "route": "GET:/orders" }),
        json!({ "action": "enable_service_maintenance", "service": "shop" }),
        json!({ "action": "set_rate_limit", "path": "/limited", "method": "GET", "limit": "1/minute" }),
    ];
    let before = server.state().await;
    for other in [
        json!({ "action": "disable_route", "route": "billing:GET:/bills" }),
        json!({ "action": "disable_route", "route": "depot:GET:/canary" }),
        json!({ "action": "purge_route", "route": "depot:GET:/canary" }),
        json!({ "action": "enable_service_maintenance", "service": "billing" }),
        json!({ "action": "enable_global_maintenance" }),
        json!({ "action": "set_service_rate_limit", "service": "billing", "limit": "1/minute" }),
        json!({ "action": "set_global_rate_limit", "limit": "1/minute" }),
        json!({ "action": "delete_rate_limit", "route": "depot:GET:/canary" }),
        json!({ "action": "set_global_concurrency_limit", "limit": 1 }),
        json!({ "action": "delete_service_concurrency_limit", "service": "billing" }),
    ] {
        for changes in [
            json!([other]),
            json!([own[0], other]),
            json!([other, own[0]]),
        ] {
            let body = json!({ "changes": changes });
            let (status, refusal) = post(&server, &shop, "/api/changes", body).await;
            assert_eq!(status, 403, "{other}: {refusal}");
            let text = refusal["error"].as_str().unwrap();
            assert!(text.contains("limited to some services"), "{text}");
        }
    }
    assert_eq!(server.state().await, before);
    let body = json!({ "changes": own });
    let (status, made) = post(&server, &shop, "/api/changes", body).await;
    assert_eq!(status, 200, "{made}");
    assert_eq!(made["changes"].as_array().unwrap().len(), 3);
}

#[tokio::test]
async fn a_limited_user_reverts_changes_of_its_services() {
    let server = start().await;
    let shop = login(&server, "shop").await;
    let billing = login(&server, "billing").await;
    let own = [
        (at("GET:/orders", "/disable"), json!({})),
        (
            "/api/services/shop/maintenance/enable".to_owned(),
            json!({}),
        ),
        (
            "/api/rate-limits".to_owned(),
            json!({ "path": "/limited", "method": "GET", "limit": "1/minute" }),
        ),
    ];
    let others = [
        (
            "/api/services/billing/maintenance/enable".to_owned(),
            json!({}),
        ),
        ("/api/global/enable".to_owned(), json!({})),
        (
            "/api/global-rate-limit".to_owned(),
            json!({ "limit": "1/minute" }),
        ),
    ];
    let changes = own.into_iter().map(|change| (change, 200));
    let changes = changes.chain(others.into_iter().map(|change| (change, 403)));
    for ((path, body), expected) in changes {
        let made = server.post(&path, body).await;
        assert!(made.status.is_success(), "{path}: {}", made.status);
        let entry = server.waygate.audit(AuditQuery::newest(1)).await.unwrap();
        let revert = format!("/api/audit/{}/revert", entry[0].id);
        if expected == 200 {
            let (status, refusal) = post(&server, &billing, &revert, json!({})).await;
            assert_eq!(status, 403, "{path}: {refusal}");
        }
        let (status, answer) = post(&server, &shop, &revert, json!({})).await;
        assert_eq!(status, expected, "{path}: {answer}");
    }
    // No such entry.
    let (status, _) = post(
        &server,
        &shop,
        "/api/audit/0b8955c8-622a-45a8-8fd8-0e57924ec972/revert",
        json!({}),
    )
    .await;
    assert_eq!(status, 404);
}

/// The audit log of a service is complete.
#[tokio::test]
async fn the_audit_log_names_the_service_of_a_route() {
    let server = start().await;
    let limit = json!({ "path": "/limited", "method": "GET", "limit": "1/minute" });
    for (path, body, service) in [
        (at("GET:/orders", "/disable"), json!({}), Some("shop")),
        ("/api/rate-limits".to_owned(), limit, Some("shop")),
        ("/api/global/enable".to_owned(), json!({}), None),
    ] {
        let made = server.post(&path, body).await;
        assert!(made.status.is_success(), "{path}: {}", made.status);
        let entry = server.waygate.audit(AuditQuery::newest(1)).await.unwrap();
        assert_eq!(entry[0].service.as_deref(), service, "{path}");
    }
}

#[tokio::test]
async fn refusals_of_another_service_are_not_shown() {
    let directory = tempfile::tempdir().unwrap();
    let state = directory.path().join("state.json");
    let mut servers = Vec::new();
    for service in ["shop", "billing"] {
        let backend = FileBackend::open(&state).await.unwrap();
        let builder = Waygate::builder().service(service).backend(backend);
        servers.push(Server::built(builder, users()).await);
    }
    let limit = json!({
        "path": "/limited", "method": "GET", "limit": "1/minute", "key_strategy": "global",
    });
    for server in &servers {
        let made = server.post("/api/rate-limits", limit.clone()).await;
        assert!(made.status.is_success(), "{}", made.status);
        let is_refused = async || {
            let request = Request::get("/limited").body(Body::empty()).unwrap();
            server.call(request).await.status == 429
        };
        while !is_refused().await {}
    }
    let shop = &servers[0];
    let services = async |token: &str| -> Vec<String> {
        let hits = send(shop, token, "GET", "/api/rate-limits/hits", &Value::Null).await;
        let hits = hits.expect(200);
        let service = |hit: &Value| hit["service"].as_str().unwrap().to_owned();
        let mut services: Vec<String> = hits.as_array().unwrap().iter().map(service).collect();
        services.sort();
        services
    };
    until(async || services(&shop.token).await == ["billing", "shop"]).await;
    for service in ["shop", "billing"] {
        let token = login(shop, service).await;
        assert_eq!(services(&token).await, [service]);
    }
}

/// A key without a service names a route of the process that serves it. The store of several services has such records of
/// all of them.
#[tokio::test]
async fn the_routes_of_another_service_are_not_own_ones() {
    let backend = MemoryBackend::new();
    let built = |service: &str| {
        let builder = Waygate::builder().service(service).backend(backend.clone());
        Server::built(builder, users())
    };
    let (shop, billing) = (built("shop").await, built("billing").await);
    let bills = "GET:/bills".parse().unwrap();
    billing
        .waygate
        .register(bills, RouteState::default())
        .await
        .unwrap();
    let reason = json!({ "reason": "confidential" });
    let disable = at("GET:/bills", "/disable");
    billing.post(&disable, reason).await.expect(200);
    let limit = json!({ "path": "/bills", "method": "GET", "limit": "1/minute" });
    let made = billing.post("/api/rate-limits", limit).await;
    made.expect(201);
    let lines = billing.waygate.audit(AuditQuery::newest(2)).await.unwrap();
    until(async || shop.waygate.revision() == billing.waygate.revision()).await;

    let bob = login(&shop, "shop").await;
    for path in [
        "/api/routes?orphaned=true",
        "/api/rate-limits",
        "/api/audit?route=GET:/bills",
        "/api/audit?route=/bills",
    ] {
        let shown = send(&shop, &bob, "GET", path, &Value::Null).await;
        let text = String::from_utf8_lossy(&shown.body).into_owned();
        assert!(
            !text.contains("bills") && !text.contains("confidential"),
            "{path}: {text}"
        );
    }
    let before = billing.state().await;
    let purge = json!({ "changes": [{ "action": "purge_route", "route": "GET:/bills" }] });
    let delete = json!({ "changes": [{ "action": "delete_rate_limit", "route": "GET:/bills" }] });
    let mut asked = vec![
        ("DELETE", at("GET:/bills", ""), Value::Null),
        ("DELETE", limit_at("GET:/bills", ""), Value::Null),
        ("POST", "/api/changes".to_owned(), purge),
        ("POST", "/api/changes".to_owned(), delete),
    ];
    for line in &lines {
        asked.push(("POST", format!("/api/audit/{}/revert", line.id), json!({})));
    }
    for (method, path, body) in asked {
        let answer = send(&shop, &bob, method, &path, &body).await;
        assert_eq!(answer.status, 403, "{method} {path}");
    }
    assert_eq!(billing.state().await, before);
}

async fn until(condition: impl AsyncFn() -> bool) {
    let waiting = async {
        while !condition().await {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let waited = tokio::time::timeout(Duration::from_secs(30), waiting).await;
    waited.expect("the condition");
}
