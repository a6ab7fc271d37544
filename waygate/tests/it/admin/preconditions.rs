//! `ETag`, `If-Match`, and lost races.

use axum::body::Body;
use serde_json::json;
use waygate::admin::{Admin, Credentials};

use super::support::{Answer, Server, at};

async fn post(server: &Server, path: &str, if_match: &str) -> Answer {
    let request = server.request("POST", path).header("if-match", if_match);
    server.send(request.body(Body::empty()).unwrap()).await
}

#[tokio::test]
async fn changes_apply_only_to_the_expected_version() {
    let server = Server::start().await;
    let path = at("GET:/orders", "");
    let seen = server.get(&path).await.header("etag").to_owned();
    let revision = server.waygate.revision();
    assert_eq!(seen, format!("\"{}-0\"", revision.epoch));
    let disable = at("GET:/orders", "/disable");
    let changed = post(&server, &disable, &seen).await;
    let tag = changed.header("etag").to_owned();
    assert_eq!(changed.status, 200);
    assert_eq!(tag, format!("\"{}\"", server.waygate.revision()));
    assert_eq!(server.get(&path).await.header("etag"), tag);

    let before = server.state().await;
    let lost = post(&server, &disable, &seen).await;
    assert_eq!(lost.header("etag"), tag);
    assert_eq!(
        lost.refused(412),
        "It was changed in the meantime: `If-Match` names no current ETag, or `If-None-Match` names it."
    );
    for other in [
        "\"x\"",
        "\"0\"",
        &format!("W/{tag}"),
        &tag.replace('-', "_"),
    ] {
        post(&server, &disable, other).await.refused(412);
    }
    for malformed in ["x", "\"", "\"a\" \"b\"", "*x"] {
        let text = post(&server, &disable, malformed).await.refused(400);
        assert!(text.contains("Invalid `if-match`"), "{text}");
    }
    assert_eq!(server.state().await, before);

    let list = format!("{seen}, \"x\" , {tag}");
    let enabled = post(&server, &at("/orders", "/enable"), &list).await;
    assert_eq!(enabled.status, 409, "still ambiguous");
    let enabled = post(&server, &at("GET:/orders", "/enable"), &list).await;
    assert_eq!(enabled.status, 200);
    assert_eq!(post(&server, &disable, "*").await.status, 200);
    post(&server, &at("GET:/ghost", "/disable"), "*")
        .await
        .refused(404);
}

#[tokio::test]
async fn resetting_restores_the_etag_of_the_declaration() {
    let server = Server::start().await;
    let declared = server
        .get(&at("GET:/orders", ""))
        .await
        .header("etag")
        .to_owned();
    let changed = post(&server, &at("GET:/orders", "/disable"), &declared).await;
    let reset = post(
        &server,
        &at("GET:/orders", "/reset"),
        changed.header("etag"),
    )
    .await;
    assert_eq!(reset.header("etag"), declared);
}

#[tokio::test]
async fn global_maintenance_has_its_own_etag() {
    let server = Server::start().await;
    let seen = server.get("/api/global").await.header("etag").to_owned();
    server
        .post(&at("GET:/orders", "/disable"), json!({}))
        .await
        .expect(200);
    assert_eq!(server.get("/api/global").await.header("etag"), seen);
    let enabled = post(&server, "/api/global/enable", &seen).await;
    assert_eq!(enabled.status, 200);
    let lost = post(&server, "/api/global/disable", &seen).await;
    assert_eq!(lost.header("etag"), enabled.header("etag"));
    lost.refused(412);
    let disabled = post(&server, "/api/global/disable", enabled.header("etag")).await;
    assert_eq!(disabled.status, 200);
}

#[tokio::test]
async fn a_strict_server_refuses_changes_without_if_match() {
    let admin = Admin::new(Credentials::new("admin", "secret")).require_if_match(true);
    let server = Server::with(admin).await;
    let before = server.state().await;
    for path in [&at("GET:/orders", "/disable"), "/api/global/enable"] {
        let text = server.post(path, json!({})).await.refused(428);
        assert!(text.contains("only with `If-Match`"), "{text}");
    }
    // A condition that any other version fulfils protects nothing.
    let disable = server.request("POST", &at("GET:/orders", "/disable"));
    let disable = disable.header("if-none-match", "\"x\"");
    server
        .send(disable.body(Body::empty()).unwrap())
        .await
        .refused(428);
    server
        .delete(&at("GET:/orders", "/schedule"))
        .await
        .refused(428);
    server.delete(&at("GET:/orders", "")).await.refused(428);
    assert_eq!(server.state().await, before);
    let seen = server
        .get(&at("GET:/orders", ""))
        .await
        .header("etag")
        .to_owned();
    assert_eq!(
        post(&server, &at("GET:/orders", "/disable"), &seen)
            .await
            .status,
        200
    );
    // Tokens are created and revoked, never changed.
    let ask = json!({ "name": "x", "scopes": ["read"], "expires_in_seconds": 60 });
    server.post("/api/auth/tokens", ask).await.expect(201);
    server.post("/api/auth/logout", json!({})).await.expect(200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn exactly_one_of_many_concurrent_changes_wins() {
    let server = std::sync::Arc::new(Server::start().await);
    for _ in 0..20 {
        let seen = server
            .get(&at("GET:/orders", ""))
            .await
            .header("etag")
            .to_owned();
        let writers: Vec<_> = (0..8)
            .map(|_| {
                let (server, seen) = (server.clone(), seen.clone());
                tokio::spawn(async move {
                    post(&server, &at("GET:/orders", "/disable"), &seen)
                        .await
                        .status
                        .as_u16()
                })
            })
            .collect();
        let mut statuses = Vec::new();
        for writer in writers {
            statuses.push(writer.await.unwrap());
        }
        statuses.sort_unstable();
        assert_eq!(statuses, [200, 412, 412, 412, 412, 412, 412, 412]);
    }
}
