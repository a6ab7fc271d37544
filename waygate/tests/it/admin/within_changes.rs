//! Bulk changes and reverts by users that are limited to services.

use serde_json::{Value, json};
use waygate::audit::AuditQuery;

use super::{
    support::{Server, at},
    within::{login, send, start},
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
        json!({ "action": "set_rate_limit", "path": "depot:/canary", "method": "GET", "limit": "1/minute" }),
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
