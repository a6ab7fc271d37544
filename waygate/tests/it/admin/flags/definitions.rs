//! Definitions: create, set, patch, switch, delete, lists and tags.

use std::time::Duration;

use axum::{Router, body::Body, extract::Request};
use serde_json::json;
use waygate::{
    Waygate,
    admin::{Admin, Credentials},
    audit::AuditQuery,
    flags::EvaluationContext,
    testing::TestApp,
};

use super::{super::support::Server, definition, patch, send};

#[tokio::test]
async fn endpoints_of_flags_are_off_unless_the_application_turns_them_on() {
    let waygate = Waygate::builder()
        .allow_unmounted("it::")
        .build()
        .await
        .unwrap();
    let guarded = waygate.guard(Router::new()).await.unwrap();
    let guarded = guarded
        .admin("/off", Admin::new(Credentials::none()))
        .admin("/on", Admin::new(Credentials::none()).flags(true));
    let app = TestApp::new(guarded.into_router()).from_peer(([127, 0, 0, 1], 40_000));
    let get = |path: &str| {
        let request = Request::get(path).header("host", "localhost:8000");
        app.send(request.body(Body::empty()).unwrap())
    };
    for path in [
        "/api/flags",
        "/api/flags/x",
        "/api/segments",
        "/api/segments/x",
    ] {
        let off = get(&format!("/off{path}")).await;
        assert_eq!(off.status(), 404, "{path}");
        let problem: serde_json::Value = off.json();
        assert_eq!(problem["error"], "Not Found");
        let detail = problem["detail"].as_str().unwrap();
        assert!(detail.contains("`Admin::flags(true)`"), "{detail}");
    }
    assert_eq!(get("/on/api/flags").await.status(), 200);
    let off = get("/off/api/openapi.json").await.text();
    assert!(!off.contains("/api/flags") && !off.contains("/api/segments"));
    let on = get("/on/api/openapi.json").await.text();
    assert!(on.contains("/api/flags") && on.contains("/api/segments"));
}

#[tokio::test]
async fn a_flag_is_written_served_audited_and_listed() {
    let server = Server::start().await;
    let mut asked = definition("search");
    asked["created_by"] = json!("mallory");
    asked["created_at"] = json!(5);
    asked["updated_at"] = json!("yesterday");
    let created = server.post("/api/flags", asked).await;
    let tag = created.header("etag").to_owned();
    let created = created.expect(201);
    assert_eq!(tag, format!("\"{}\"", server.waygate.revision()));
    assert_eq!(created["created_by"], "admin");
    assert_eq!(created["created_at"], created["updated_at"]);
    assert_eq!(created["created_at"], "2026-11-22T22:16:28.050033Z");
    assert_eq!(created["temporary"], true);
    let found = server.get("/api/flags/search").await;
    assert_eq!(found.header("etag"), tag);
    assert_eq!(found.expect(200), created);

    server.clock.advance(Duration::from_secs(60));
    let patched = patch(
        &server,
        "/api/flags/search",
        json!({ "fallthrough": "on", "key": "other", "type": "string", "created_by": "mallory", "updated_at": 5 }),
    );
    let patched = patched.await.expect(200);
    assert_eq!(patched["fallthrough"], "on");
    assert_eq!(
        (&patched["key"], &patched["type"]),
        (&created["key"], &created["type"])
    );
    assert_eq!(patched["created_by"], "admin");
    assert_eq!(patched["created_at"], created["created_at"]);
    assert_eq!(patched["updated_at"], "2026-11-22T22:17:28.050033Z");
    let flags = server.waygate.flags();
    let user = EvaluationContext::new("user-1");
    assert_eq!(flags.evaluate("search", &user).unwrap().as_bool(), Ok(true));

    for key in ["zebra", "alpha", "größe"] {
        server.post("/api/flags", definition(key)).await.expect(201);
    }
    let list = server.get("/api/flags").await.expect(200);
    let keys: Vec<&str> = list
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it["key"].as_str().unwrap())
        .collect();
    assert_eq!(keys, ["alpha", "größe", "search", "zebra"]);
    // Keys are percent-encoded in URLs.
    let found = server.get("/api/flags/gr%C3%B6%C3%9Fe").await.expect(200);
    assert_eq!(found["key"], "größe");

    let off = server
        .post("/api/flags/search/disable", json!({}))
        .await
        .expect(200);
    assert_eq!(off["enabled"], false);
    let on = server
        .post("/api/flags/search/enable", json!({}))
        .await
        .expect(200);
    assert_eq!(on["enabled"], true);
    let deleted = server.delete("/api/flags/search").await.expect(200);
    assert_eq!(deleted, json!({ "ok": true, "deleted": "search" }));
    server.get("/api/flags/search").await.refused(404);

    let lines = server
        .waygate
        .audit(AuditQuery::newest(10).path("flag:search"))
        .await
        .unwrap();
    let lines: Vec<_> = lines
        .iter()
        .map(|line| {
            format!(
                "{} {} {}",
                line.action,
                line.actor,
                line.previous.is_some() as u8
            )
        })
        .collect();
    assert_eq!(
        lines,
        [
            "flag_deleted admin 1",
            "flag_enabled admin 1",
            "flag_disabled admin 1",
            "flag_updated admin 1",
            "flag_created admin 0",
        ]
    );
}

#[tokio::test]
async fn flags_change_only_at_the_expected_version() {
    let server = Server::start().await;
    let body = definition("search").to_string();
    let path = "/api/flags/search";
    send(&server, "PUT", path, &[("if-match", "*")], &body)
        .await
        .refused(412);
    let created = send(&server, "PUT", path, &[("if-none-match", "*")], &body).await;
    let first = created.header("etag").to_owned();
    created.expect(200);
    send(&server, "PUT", path, &[("if-none-match", "*")], &body)
        .await
        .refused(412);
    let list = server.get("/api/flags").await.header("etag").to_owned();
    let known = send(
        &server,
        "GET",
        "/api/flags",
        &[("if-none-match", &list)],
        "",
    )
    .await;
    assert_eq!(known.status, 304);
    let patched = send(
        &server,
        "PATCH",
        path,
        &[("if-match", &first)],
        r#"{"name":"Other"}"#,
    )
    .await;
    let second = patched.header("etag").to_owned();
    patched.expect(200);
    assert_ne!(first, second);
    let before = server.state().await;
    for (method, path, body) in [
        ("PUT", path, body.as_str()),
        ("PATCH", path, r#"{"name":"Third"}"#),
        ("POST", "/api/flags/search/enable", ""),
        ("POST", "/api/flags/search/disable", ""),
        ("DELETE", path, ""),
    ] {
        let lost = send(&server, method, path, &[("if-match", &first)], body).await;
        assert_eq!(lost.header("etag"), second, "{method} {path}");
        lost.refused(412);
    }
    assert_eq!(server.state().await, before);
    send(
        &server,
        "GET",
        "/api/flags",
        &[("if-none-match", &list)],
        "",
    )
    .await
    .expect(200);
    send(&server, "DELETE", path, &[("if-match", &second)], "")
        .await
        .expect(200);
}

#[tokio::test]
async fn a_flag_that_the_client_has_is_not_replaced() {
    let server = Server::start().await;
    let (body, path) = (definition("search").to_string(), "/api/flags/search");
    let created = send(&server, "PUT", path, &[("if-none-match", "\"x\"")], &body).await;
    let first = created.header("etag").to_owned();
    created.expect(200);
    let before = server.state().await;
    let weak = format!("W/{first}");
    let list = format!("\"x\" , {first},");
    for lines in [
        &[&*first][..],
        &[&*weak],
        &[&*list],
        &["\"x\"", &*first],
        &["*"],
        &[" * "],
        &["\"x\"", "*"],
    ] {
        let headers: Vec<_> = lines.iter().map(|line| ("if-none-match", *line)).collect();
        for (method, body) in [
            ("PUT", &*body),
            ("PATCH", "{\"name\":\"Other\"}"),
            ("DELETE", ""),
        ] {
            let refused = send(&server, method, path, &headers, body).await;
            assert_eq!(refused.header("etag"), first, "{method} {lines:?}");
            let text = refused.refused(412);
            assert!(text.contains("`If-None-Match`"), "{text}");
        }
    }
    for malformed in ["x", "\"x\", *", "\"x"] {
        let headers = [("if-none-match", malformed)];
        let text = send(&server, "PUT", path, &headers, &body).await;
        let text = text.refused(400);
        assert!(text.contains("Invalid `if-none-match`"), "{text}");
    }
    // Both conditions count.
    let headers = [("if-match", &*first), ("if-none-match", &*first)];
    send(&server, "DELETE", path, &headers, "")
        .await
        .refused(412);
    assert_eq!(server.state().await, before);
    let headers = [("if-match", &*first), ("if-none-match", "\"x\"")];
    send(&server, "DELETE", path, &headers, "")
        .await
        .expect(200);
}

#[tokio::test]
async fn segments_are_written_listed_and_deleted() {
    let server = Server::start().await;
    let asked = json!({ "key": "beta", "name": "Beta", "included": ["user-1"], "created_at": 5 });
    let created = server.post("/api/segments", asked).await;
    let first = created.header("etag").to_owned();
    let created = created.expect(201);
    assert_eq!(created["included"], json!(["user-1"]));
    assert_eq!(created["created_at"], "2026-11-22T22:16:28.050033Z");
    let alpha = server.put("/api/segments/alpha", json!({ "name": "Alpha" }));
    alpha.await.expect(200);
    let list = server.get("/api/segments").await.expect(200);
    let keys: Vec<_> = list
        .as_array()
        .unwrap()
        .iter()
        .map(|it| &it["key"])
        .collect();
    assert_eq!(keys, ["alpha", "beta"]);
    // The Python CLI sends the whole object back.
    let mut whole = created.clone();
    whole["excluded"] = json!(["user-2"]);
    let whole = whole.to_string();
    let matching = [("if-match", first.as_str())];
    let edited = send(&server, "PUT", "/api/segments/beta", &matching, &whole).await;
    assert_eq!(edited.expect(200)["created_at"], created["created_at"]);
    let lost = send(
        &server,
        "DELETE",
        "/api/segments/beta",
        &[("if-match", &first)],
        "",
    )
    .await;
    lost.refused(412);
    let deleted = server.delete("/api/segments/beta").await.expect(200);
    assert_eq!(deleted, json!({ "ok": true, "deleted": "beta" }));
}
