//! `POST /api/audit/{entry}/revert`.

use serde_json::{Value, json};
use waygate::audit::{AuditEntry, AuditQuery};

use super::support::{Answer, Server, at, limit_at};

/// The last change, without the resets of counters that it has caused.
async fn newest(server: &Server) -> AuditEntry {
    let lines = server.waygate.audit(AuditQuery::newest(5)).await.unwrap();
    let is_change = |line: &AuditEntry| line.reason != "after maintenance";
    lines.into_iter().find(is_change).unwrap()
}

async fn revert(server: &Server, entry: &AuditEntry, query: &str) -> Answer {
    let path = format!("/api/audit/{}/revert{query}", entry.id);
    server.post(&path, json!({})).await
}

#[tokio::test]
async fn what_an_entry_changed_is_restored() {
    let server = Server::start().await;
    let limit = json!({ "path": "/orders", "method": "GET", "limit": "5/minute" });
    server.post("/api/rate-limits", limit).await.expect(201);
    server
        .post("/api/global-concurrency-limits", json!({ "limit": 5 }))
        .await
        .expect(201);
    let text = json!({ "text": "Soon." });
    let set = server.put("/api/announcements/upgrade", text).await;
    set.expect(200);
    let window = json!({ "start": "2030-01-01T00:00:00Z", "end": "2030-01-02T00:00:00Z" });
    server
        .post(&at("GET:/orders", "/schedule"), window)
        .await
        .expect(200);
    let smaller = json!({ "path": "/orders", "method": "GET", "limit": "1/minute" });
    for (method, path, body) in [
        (
            "POST",
            at("GET:/orders", "/enable"),
            json!({ "reason": "drops the window" }),
        ),
        ("POST", at("GET:/orders", "/reset"), json!({})),
        (
            "POST",
            at("POST:/orders", "/access"),
            json!({ "allowed_ips": ["10.0.0.0/8"], "allowed_roles": [] }),
        ),
        (
            "POST",
            "/api/global/enable".to_owned(),
            json!({ "reason": "x" }),
        ),
        (
            "POST",
            "/api/services/billing/maintenance/enable".to_owned(),
            json!({}),
        ),
        ("POST", "/api/rate-limits".to_owned(), smaller),
        ("POST", limit_at("GET:/orders", "/pause"), json!({})),
        ("DELETE", limit_at("GET:/orders", ""), Value::Null),
        (
            "POST",
            "/api/global-rate-limit".to_owned(),
            json!({ "limit": "7/minute" }),
        ),
        (
            "POST",
            "/api/global-concurrency-limits".to_owned(),
            json!({ "limit": 7 }),
        ),
        (
            "DELETE",
            "/api/announcements/upgrade".to_owned(),
            Value::Null,
        ),
    ] {
        let before = content(&server).await;
        let answer = match method {
            "POST" => server.post(&path, body).await,
            _ => server.delete(&path).await,
        };
        assert!(answer.status.is_success(), "{path}: {}", answer.status);
        let entry = newest(&server).await;
        assert_ne!(content(&server).await, before, "{path}");
        let done = revert(&server, &entry, "").await.expect(200);
        assert_eq!(done["reverts"], entry.id.to_string());
        assert_eq!(content(&server).await, before, "{method} {path}");
        let line = newest(&server).await;
        assert_eq!(line.reverts, Some(entry.id), "{path}");
        assert_eq!(line.path, entry.path);
        // The revert can be reverted, and then the state is that after the change.
        let again = revert(&server, &line, "").await;
        assert!(again.status.is_success(), "{path}: {}", again.status);
        assert_ne!(content(&server).await, before, "{path}");
        let line = newest(&server).await;
        revert(&server, &line, "").await.expect(200);
    }
}

/// What can be restored, without revisions.
async fn content(server: &Server) -> Value {
    let routes = server.waygate.routes();
    let routes = routes
        .iter()
        .map(|it| json!([it.key.to_string(), it.state]));
    let limits = server.waygate.rate_limits();
    let limits = limits.iter().map(|it| json!([it.key, it.policy]));
    let concurrency = server.waygate.concurrency_limits();
    let concurrency = concurrency.iter().map(|it| json!([it.key, it.policy]));
    let billing = "billing".parse().unwrap();
    json!({
        "routes": routes.collect::<Vec<_>>(),
        "limits": limits.collect::<Vec<_>>(),
        "concurrency": concurrency.collect::<Vec<_>>(),
        "global": server.waygate.global_maintenance().maintenance,
        "billing": server.waygate.service_maintenance(&billing).await.maintenance,
        "announcements": server.get("/api/announcements").await.json(),
    })
}

#[tokio::test]
async fn a_later_change_is_not_lost() {
    let server = Server::start().await;
    let disable = at("GET:/orders", "/disable");
    server
        .post(&disable, json!({ "reason": "one" }))
        .await
        .expect(200);
    let first = newest(&server).await;
    // A change of a limit of the route is another one.
    let limit = json!({ "path": "/orders", "method": "GET", "limit": "5/minute" });
    server.post("/api/rate-limits", limit).await.expect(201);
    server
        .post(&at("GET:/orders", "/maintenance"), json!({}))
        .await
        .expect(200);
    let second = newest(&server).await;
    let before = server.state().await;
    let text = revert(&server, &first, "").await.refused(409);
    assert!(text.contains(&second.id.to_string()), "{text}");
    assert!(text.contains("`maintenance_on` of admin"), "{text}");
    assert_eq!(server.state().await, before);
    revert(&server, &first, "?dry_run=true&force=true")
        .await
        .expect(200);
    assert_eq!(server.state().await, before);
    revert(&server, &first, "?force=true").await.expect(200);
    let route = server.waygate.route("GET:/orders").unwrap();
    assert_eq!(route.view.status.as_str(), "active");
}

#[tokio::test]
async fn changes_are_reverted_one_after_the_other() {
    let server = Server::start().await;
    let mut entries = Vec::new();
    let access = json!({ "allowed_ips": ["10.0.0.0/8"], "allowed_roles": [] });
    for (path, body) in [
        (at("GET:/orders", "/disable"), json!({ "reason": "one" })),
        (at("GET:/orders", "/access"), access),
        (at("GET:/orders", "/maintenance"), json!({})),
    ] {
        server.post(&path, body).await.expect(200);
        entries.push(newest(&server).await);
    }
    for (at, entry) in entries.iter().enumerate().rev() {
        if at > 0 {
            revert(&server, &entries[0], "").await.refused(409);
        }
        revert(&server, entry, "").await.expect(200);
    }
    let route = server.waygate.route("GET:/orders").unwrap();
    assert_eq!(route.view.status.as_str(), "active");
    assert!(route.view.allowed_ips.is_empty());
    // A revert that was reverted, too.
    let undone = newest(&server).await;
    revert(&server, &undone, "").await.expect(200);
    let route = server.waygate.route("GET:/orders").unwrap();
    assert_eq!(route.view.status.as_str(), "disabled");
}

#[tokio::test]
async fn other_entries_say_why_they_cannot_be_reverted() {
    let server = Server::start().await;
    let login = newest(&server).await;
    assert_eq!(login.action.as_str(), "login");
    let text = revert(&server, &login, "").await.refused(409);
    assert!(
        text.contains("it changed nothing that can be restored"),
        "{text}"
    );
    let limit = json!({ "limit": "5/minute" });
    server
        .post("/api/global-rate-limit", limit)
        .await
        .expect(201);
    server
        .delete("/api/global-rate-limit/reset")
        .await
        .expect(200);
    let reset = newest(&server).await;
    let text = revert(&server, &reset, "").await.refused(409);
    assert!(text.contains("counters that were reset are gone"), "{text}");
    let unknown = "/api/audit/00000000-0000-0000-0000-000000000000/revert";
    server.post(unknown, json!({})).await.refused(404);
    server
        .post("/api/audit/x/revert", json!({}))
        .await
        .refused(400);
}

#[tokio::test]
async fn a_shared_change_needs_the_scope_of_its_operation() {
    let server = Server::start().await;
    server
        .post("/api/global/enable", json!({}))
        .await
        .expect(200);
    let entry = newest(&server).await;
    let ask = json!({ "name": "routes", "scopes": ["write:routes"], "expires_in_seconds": 60 });
    let made = server.post("/api/auth/tokens", ask).await.expect(201);
    let request = axum::extract::Request::post(format!("/api/audit/{}/revert", entry.id))
        .header("x-waygate-token", made["token"].as_str().unwrap())
        .body(axum::body::Body::empty());
    let text = server.send(request.unwrap()).await.refused(403);
    assert_eq!(text, "The token lacks the scope `write:global`.");
}
