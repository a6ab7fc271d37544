//! `PATCH` of limits: JSON merge patches.

use http::header;
use serde_json::{Value, json};

use super::support::{Answer, Server, limit_at};

async fn patch(server: &Server, path: &str, body: &Value, kind: &str) -> Answer {
    let request = server
        .request("PATCH", path)
        .header(header::CONTENT_TYPE, kind);
    server
        .send(request.body(body.to_string().into()).unwrap())
        .await
}

const MERGE: &str = "application/merge-patch+json";

#[tokio::test]
async fn a_patch_without_a_difference_writes_nothing() {
    let server = Server::start().await;
    let set = json!({ "path": "/orders", "method": "GET", "limit": "5/minute" });
    server.post("/api/rate-limits", set).await.expect(201);
    let before = server.waygate.revision();
    let path = limit_at("GET:/orders", "");
    for body in [json!({}), json!({ "limit": "5/minute", "burst": null })] {
        let same = patch(&server, &path, &body, MERGE).await.expect(200);
        assert_eq!(same["limit"], "5/minute");
    }
    assert_eq!(server.waygate.revision(), before);
    let stale = server
        .request("PATCH", &path)
        .header(header::IF_MATCH, "\"x.1\"")
        .body("{}".into());
    server.send(stale.unwrap()).await.refused(412);
}

#[tokio::test]
async fn only_the_given_fields_change() {
    let server = Server::start().await;
    let set = json!({
        "path": "/orders", "method": "GET", "limit": "5/minute", "burst": 3, "key_strategy": "user", "shadow": true,
    });
    server.post("/api/rate-limits", set).await.expect(201);
    let path = limit_at("GET:/orders", "");
    let changed = patch(
        &server,
        &path,
        &json!({ "limit": "9/minute", "burst": null }),
        MERGE,
    )
    .await;
    assert!(!changed.header("etag").is_empty());
    let changed = changed.expect(200);
    assert_eq!(changed["limit"], "9/minute");
    assert_eq!(changed["burst"], 0);
    assert_eq!(changed["key_strategy"], "user");
    assert_eq!(changed["shadow"], true);
    let changed = patch(
        &server,
        &path,
        &json!({ "shadow": false }),
        "application/json",
    )
    .await;
    assert_eq!(changed.expect(200)["shadow"], false);
    // A paused limit stays paused.
    server
        .post(&limit_at("GET:/orders", "/pause"), json!({}))
        .await
        .expect(200);
    let changed = patch(&server, &path, &json!({ "cost": 2 }), MERGE)
        .await
        .expect(200);
    assert_eq!(
        (&changed["enabled"], &changed["cost"]),
        (&json!(false), &json!(2))
    );

    let before = server.state().await;
    for (body, text) in [
        (json!({ "limt": "9/minute" }), "unknown field `limt`"),
        (json!({ "name": "other" }), "unknown field `name`"),
        (
            json!({ "exempt_routes": [] }),
            "unknown field `exempt_routes`",
        ),
        (json!({ "limit": null }), "missing field `limit`"),
        (
            json!({ "limit": "9/fortnight" }),
            "Invalid rate limit string",
        ),
        (json!([]), "JSON body must be an object"),
    ] {
        let error = patch(&server, &path, &body, MERGE).await.refused(400);
        assert!(error.starts_with(text), "{body}: {error}");
    }
    patch(&server, &format!("{path}?name=ghost"), &json!({}), MERGE)
        .await
        .refused(404);
    let stale = server.request("PATCH", &path).header("if-match", "\"x\"");
    let stale = stale.body(json!({ "cost": 3 }).to_string().into()).unwrap();
    server.send(stale).await.refused(412);
    assert_eq!(server.state().await, before);
}

#[tokio::test]
async fn limits_of_every_kind_and_scope_can_be_patched() {
    let server = Server::start().await;
    let concurrency = limit_at("GET:/orders", "").replace("rate-limits", "concurrency-limits");
    let mut of_route = json!({ "limit": 5 });
    of_route["path"] = json!("/orders");
    of_route["method"] = json!("GET");
    server
        .post("/api/concurrency-limits", of_route)
        .await
        .expect(201);
    let changed = patch(&server, &concurrency, &json!({ "limit": 7 }), MERGE)
        .await
        .expect(200);
    assert_eq!(changed["limit"], 7);
    for (path, set, field, value) in [
        (
            "/api/global-rate-limit",
            json!({ "limit": "5/minute" }),
            "exempt_routes",
            json!(["/health"]),
        ),
        (
            "/api/services/billing/rate-limit",
            json!({ "limit": "5/minute" }),
            "burst",
            json!(4),
        ),
        (
            "/api/global-concurrency-limits",
            json!({ "limit": 5 }),
            "exempt_roles",
            json!(["ops"]),
        ),
        (
            "/api/services/billing/concurrency-limits",
            json!({ "limit": 5 }),
            "limit",
            json!(6),
        ),
    ] {
        patch(&server, path, &json!({}), MERGE).await.refused(404);
        server.post(path, set).await.expect(201);
        let changed = patch(&server, path, &json!({ field: value }), MERGE)
            .await
            .expect(200);
        assert_eq!(changed[field], value, "{path}");
        if field != "limit" {
            let changed = patch(&server, path, &json!({ field: null }), MERGE)
                .await
                .expect(200);
            assert_ne!(changed[field], value, "{path}");
        }
    }
}

#[tokio::test]
async fn patches_of_two_clients_lose_nothing() {
    let server = Server::start().await;
    let set = json!({ "path": "/orders", "method": "GET", "limit": "5/minute" });
    server.post("/api/rate-limits", set).await.expect(201);
    let path = limit_at("GET:/orders", "");
    let (burst, cost) = (json!({ "burst": 3 }), json!({ "cost": 2 }));
    for _ in 0..20 {
        let (one, other) = tokio::join!(
            patch(&server, &path, &burst, MERGE),
            patch(&server, &path, &cost, MERGE)
        );
        assert_eq!((one.status.as_u16(), other.status.as_u16()), (200, 200));
        let key = "GET:/orders#default".parse().unwrap();
        let policy = server.waygate.rate_limit(&key).unwrap().policy;
        assert_eq!((policy.burst, policy.cost.get()), (3, 2));
        let reset = json!({ "burst": null, "cost": null });
        patch(&server, &path, &reset, MERGE).await.expect(200);
    }
}
