//! Scheduled changes, and progressive rollouts.

use serde_json::{Value, json};

use super::{super::support::Server, definition, mistakes, patch, send};

const PATH: &str = "/api/flags/search/scheduled-changes";

async fn server() -> Server {
    let server = Server::start().await;
    server
        .post("/api/flags", definition("search"))
        .await
        .expect(201);
    server
}

#[tokio::test]
async fn changes_are_scheduled_listed_and_cancelled() {
    let server = server().await;
    let later = json!({ "execute_at": "2031-01-01T00:00:00Z", "action": "disable" });
    let later = server.post(PATH, later).await;
    let tag = later.header("etag").to_owned();
    assert_eq!(server.get("/api/flags/search").await.header("etag"), tag);
    let later = later.expect(201);
    assert_eq!(later["created_by"], "admin");
    assert_eq!(later["created_at"], "2026-11-22T22:16:28.050033Z");
    let sooner = json!({
        "execute_at": "2030-01-01T00:00:00", "action": "patch", "payload": { "fallthrough": "on" },
    });
    let sooner = server.post(PATH, sooner).await.expect(201);
    assert_eq!(sooner["execute_at"], "2030-01-01T00:00:00Z");
    let list = server.get(PATH).await.expect(200);
    assert_eq!(list, json!([sooner, later]));
    let flag = server.get("/api/flags/search").await.expect(200);
    assert_eq!(flag["scheduled_changes"], json!([later, sooner]));

    let path = format!("{PATH}/{}", later["id"].as_str().unwrap());
    send(&server, "DELETE", &path, &[("if-match", &tag)], "")
        .await
        .refused(412);
    server.delete(&path).await.expect(200);
    let text = server.delete(&path).await.refused(404);
    assert!(text.contains("has no scheduled change"), "{text}");
    assert_eq!(server.get(PATH).await.expect(200), json!([sooner]));
}

#[tokio::test]
async fn changes_that_cannot_be_made_are_refused() {
    let server = server().await;
    let before = server.state().await;
    let at = "2030-01-01T00:00:00Z";
    for (body, status, expected) in [
        (json!({}), 400, "missing field"),
        (
            json!({ "execute_at": "soon", "action": "disable" }),
            400,
            "soon",
        ),
        (
            json!({ "execute_at": at, "action": "disabel" }),
            400,
            "did you mean `disable`?",
        ),
        (
            json!({ "execute_at": at, "action": "disable", "when": 1 }),
            400,
            "unknown field `when`",
        ),
        (
            json!({ "execute_at": at, "action": "delete_rule" }),
            400,
            "expected `rule_id`",
        ),
        (
            json!({ "execute_at": at, "action": "patch", "payload": { "off_variation": "blue" } }),
            400,
            "the flag has no variation `blue`",
        ),
    ] {
        let text = server.post(PATH, body.clone()).await.refused(status);
        assert!(text.contains(expected), "{body}: {text}");
    }
    let body = json!({ "execute_at": at, "action": "update_rollout", "payload": { "rollout": 5 } });
    let answer = server.post(PATH, body).await;
    assert_eq!(mistakes(&answer), ["/payload wrong_type"]);
    server
        .get("/api/flags/ghost/scheduled-changes")
        .await
        .refused(404);
    assert_eq!(server.state().await, before);
}

#[tokio::test]
async fn a_progressive_rollout_is_held_and_resumed() {
    let server = server().await;
    let text = server
        .post("/api/flags/search/progressive/hold", json!({}))
        .await
        .refused(409);
    assert!(text.contains("has no progressive rollout"), "{text}");
    let progressive = json!({
        "variation": "on", "baseline": "off", "start": "2026-11-22T22:00:00Z",
        "stages": [{ "after_seconds": 0, "weight": 1_000 }, { "after_seconds": 3_600, "weight": 100_000 }],
    });
    patch(
        &server,
        "/api/flags/search",
        json!({ "progressive": progressive }),
    )
    .await
    .expect(200);
    let holds = |flag: &Value| flag["progressive"]["holds"].clone();
    let held = server
        .post("/api/flags/search/progressive/hold", json!({}))
        .await
        .expect(200);
    let now = "2026-11-22T22:16:28.050033Z";
    assert_eq!(holds(&held), json!([{ "from": now, "until": null }]));
    // Nothing changes when it is held already.
    let again = server
        .post("/api/flags/search/progressive/hold", json!({}))
        .await;
    assert_eq!(again.expect(200), held);
    server.clock.advance(std::time::Duration::from_secs(7_200));
    let ask = json!({ "context": { "key": "user-1" }, "explain": true });
    let found = server
        .post("/api/flags/search/evaluate", ask)
        .await
        .expect(200);
    let split = found["steps"].as_array().unwrap().last().unwrap();
    assert_eq!(
        split["parts"][0],
        json!({ "end": 1_000, "variation": "on" })
    );
    let resumed = server
        .post("/api/flags/search/progressive/resume", json!({}))
        .await
        .expect(200);
    assert_eq!(
        holds(&resumed),
        json!([{ "from": now, "until": "2026-11-23T00:16:28.050033Z" }])
    );
}
