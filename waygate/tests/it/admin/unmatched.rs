//! Requests that name something unknown here are accepted with a warning.

use serde_json::json;

use super::support::Server;

#[tokio::test]
async fn responses_flag_exemptions_and_services_that_match_nothing() {
    let server = Server::start().await;
    let exempt = json!({ "exempt_paths": ["/ordres"] });
    let problem = "the exemption `/ordres` names no route: did you mean `/orders`?";
    for path in ["/api/global/enable", "/api/global/exempt-paths"] {
        let body = server.post(path, exempt.clone()).await.expect(200);
        assert_eq!(body["warning"], problem, "{path}");
        assert_eq!(body["exempt_paths"], json!(["/ordres"]), "{path}");
    }
    let shown = server.get("/api/global").await.expect(200);
    assert_eq!(shown["warning"], problem);
    let health = server.get("/api/health").await.expect(200);
    assert_eq!(health["status"], "degraded");
    assert_eq!(
        health["components"]["unmatched"]["cause"],
        format!("global maintenance: {problem}")
    );
    let ended = server
        .post("/api/global/disable", json!({}))
        .await
        .expect(200);
    assert!(ended.get("warning").is_none(), "{ended}");
    let health = server.get("/api/health").await.expect(200);
    assert_eq!(health["status"], "ok");

    let service = "/api/services/unknown/maintenance/enable";
    let body = server.post(service, json!({})).await.expect(200);
    let text = body["warning"].as_str().unwrap().to_owned();
    assert!(text.contains("belongs to the service `unknown`"), "{text}");
    let planned = json!({ "start": "2099-01-01T00:00:00Z" });
    let body = server.post(service, planned).await.expect(200);
    assert_eq!(body["warning"], text);
    let shown = server.get("/api/services/unknown/maintenance").await;
    assert_eq!(shown.expect(200)["warning"], text);
    for (path, limit) in [
        ("/api/global-rate-limit", json!("9/minute")),
        ("/api/global-concurrency-limits", json!(9)),
    ] {
        let exempt = json!({ "limit": limit, "exempt_routes": ["/ordres", "/payments"] });
        let body = server.post(path, exempt).await.expect(201);
        assert_eq!(body["warning"], problem, "{path}");
        assert_eq!(body["exempt_routes"], json!(["/ordres", "/payments"]));
    }
    for path in [
        "/api/services/unknown/rate-limit",
        "/api/services/unknown/concurrency-limits",
    ] {
        let limit = match path.ends_with("rate-limit") {
            true => json!("9/minute"),
            false => json!(9),
        };
        let body = server
            .post(path, json!({ "limit": limit }))
            .await
            .expect(201);
        let text = body["warning"].as_str().unwrap();
        assert!(text.contains("`unknown`"), "{text}");
    }
}

#[tokio::test]
async fn misspelled_wildcards_get_a_suggestion() {
    let server = Server::start().await;
    let exempt = json!({ "exempt_paths": ["/v1/*"] });
    let text = server.post("/api/global/enable", exempt).await.refused(400);
    assert!(
        text.contains("a catch-all is written `{*rest}`, not `*`"),
        "{text}"
    );
}
