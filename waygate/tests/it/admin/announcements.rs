//! Announcements by operators on the documentation page.

use axum::Router;
use futures_util::FutureExt;
use serde_json::{Value, json};
use utoipa::openapi::OpenApi;
use waygate::{audit::AuditQuery, testing::TestApp};

use super::support::Server;

const PATH: &str = "/api/announcements/upgrade";

#[tokio::test]
async fn announcements_show_on_the_page_until_deleted() {
    let server = Server::start().await;
    let guarded = server.waygate.guard((Router::new(), OpenApi::default()));
    let page = guarded.await.unwrap().openapi("/openapi.json");
    let page = TestApp::new(page.into_router());
    let notices = || async {
        let document: Value = page.get("/openapi.json").await.json();
        document["info"]["x-waygate-notices"].clone()
    };
    assert_eq!(notices().await, Value::Null);
    let mut events = server.waygate.subscribe();

    let shown = json!({"name": "upgrade", "text": "Version 2 comes on Monday."});
    let text = json!({"text": " Version 2 comes on Monday. "});
    let set = server.put(PATH, text).await;
    let tag = set.header("etag").to_owned();
    assert_eq!(set.expect(200), shown);
    assert_eq!(tag, format!("\"{}\"", server.waygate.revision()));
    let found = server.get(PATH).await;
    assert_eq!(found.header("etag"), tag);
    assert_eq!(found.expect(200), shown);
    let all = server.get("/api/announcements").await;
    assert_eq!(all.expect(200), json!([shown]));
    assert_eq!(
        notices().await,
        json!([{"kind": "announcement", "name": "upgrade", "text": "Version 2 comes on Monday."}])
    );

    server.delete(PATH).await.expect(200);
    assert_eq!(notices().await, Value::Null);
    server.get(PATH).await.refused(404);
    let text = server.delete(PATH).await.refused(404);
    assert_eq!(text, "There is no announcement `upgrade`.");

    let lines = server.waygate.audit(AuditQuery::newest(2)).await.unwrap();
    let lines: Vec<_> = lines
        .iter()
        .map(|line| json!([line.action, line.path, line.actor, line.previous, line.new]))
        .collect();
    let text = json!({"text": "Version 2 comes on Monday."});
    assert_eq!(
        lines,
        [
            json!([
                "announcement_deleted",
                "announcement:upgrade",
                "admin",
                text,
                null
            ]),
            json!([
                "announcement_set",
                "announcement:upgrade",
                "admin",
                null,
                text
            ]),
        ]
    );
    let mut heard = Vec::new();
    while let Some(Some(event)) = events.next().now_or_never() {
        let changed = event.changed().unwrap();
        heard.push(json!([changed.kind, changed.key, changed.record()]));
    }
    assert_eq!(
        heard,
        [
            json!(["announcement", "upgrade", text]),
            json!(["announcement", "upgrade", null]),
        ]
    );
}

#[tokio::test]
async fn announcements_change_only_at_the_expected_revision() {
    let server = Server::start().await;
    let list = server.get("/api/announcements").await;
    let list = list.header("etag").to_owned();
    let send = |method: &'static str, path: &'static str, header: (&'static str, String)| {
        let body = match method {
            "PUT" => json!({"text": "Soon."}).to_string(),
            _ => String::new(),
        };
        let request = server.request(method, path).header(header.0, header.1);
        let request = request.header("content-type", "application/json");
        server.send(request.body(body.into()).unwrap())
    };
    let unchanged = send("GET", "/api/announcements", ("if-none-match", list.clone())).await;
    assert_eq!(unchanged.status, 304);
    let missing = send("PUT", PATH, ("if-match", "*".to_owned())).await;
    missing.refused(412);
    let set = send("PUT", PATH, ("if-none-match", "*".to_owned())).await;
    let tag = set.header("etag").to_owned();
    set.expect(200);
    let again = send("PUT", PATH, ("if-none-match", "*".to_owned())).await;
    again.refused(412);
    let changed = send("GET", "/api/announcements", ("if-none-match", list)).await;
    changed.expect(200);
    send("PUT", PATH, ("if-match", tag.clone()))
        .await
        .expect(200);
    let lost = send("DELETE", PATH, ("if-match", tag)).await;
    let tag = lost.header("etag").to_owned();
    lost.refused(412);
    send("DELETE", PATH, ("if-match", tag)).await.expect(200);
}

#[tokio::test]
async fn invalid_texts_and_names_are_refused() {
    let server = Server::start().await;
    for text in ["", " ", "a\nb", "a\u{1b}[2J", &"x".repeat(501)] {
        server.put(PATH, json!({"text": text})).await.refused(400);
    }
    for body in [json!({}), json!({"text": 5}), json!({"text": "x", "y": 1})] {
        server.put(PATH, body).await.refused(400);
    }
    let text = json!({"text": "x".repeat(500)});
    server.put(PATH, text.clone()).await.expect(200);
    for name in ["a%20b", "%00", &"x".repeat(65)] {
        let path = format!("/api/announcements/{name}");
        server.put(&path, text.clone()).await.refused(400);
        server.get(&path).await.refused(400);
    }
}
