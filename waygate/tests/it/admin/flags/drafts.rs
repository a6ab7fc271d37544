//! Drafts: saved beside the flag in effect, published when both are as expected.

use serde_json::json;

use super::{super::support::Server, definition, mistakes, patch, send};

const DRAFT: &str = "/api/flags/search/draft";
const PUBLISH: &str = "/api/flags/search/draft/publish";

async fn server() -> Server {
    let server = Server::start().await;
    server
        .post("/api/flags", definition("search"))
        .await
        .expect(201);
    server
}

#[tokio::test]
async fn a_draft_takes_effect_when_it_is_published() {
    let server = server().await;
    let live = server.get("/api/flags/search").await;
    let live_tag = live.header("etag").to_owned();
    let live = live.expect(200);
    let mut next = definition("search");
    next["fallthrough"] = json!("on");
    let saved = server.put(DRAFT, next).await;
    let tag = saved.header("etag").to_owned();
    let saved = saved.expect(200);
    assert_eq!(saved["stale"], false);
    assert_eq!(
        (&saved["author"], &saved["flag_etag"]),
        (&json!("admin"), &json!(live_tag))
    );
    assert_eq!(
        saved["difference"],
        json!([{ "pointer": "/fallthrough", "old": live["fallthrough"], "new": "on" }])
    );
    assert_eq!(server.get("/api/flags/search").await.expect(200), live);
    let found = server.get(DRAFT).await;
    assert_eq!(found.header("etag"), tag);
    assert_eq!(found.expect(200), saved);
    // Without a definition, a preview is that of the draft.
    let ask = json!({ "contexts": [{ "key": "user-1" }] });
    let preview = server
        .post("/api/flags/search/preview", ask)
        .await
        .expect(200);
    assert_eq!(preview["evaluated"], 1);

    let published = send(&server, "POST", PUBLISH, &[("if-match", &tag)], "")
        .await
        .expect(200);
    assert_eq!(published["fallthrough"], "on");
    assert_eq!(published["created_at"], live["created_at"]);
    server.get(DRAFT).await.refused(404);
    let lines = server
        .get("/api/audit?limit=2&route=flag:search")
        .await
        .expect(200);
    assert_eq!(
        (&lines[0]["action"], &lines[0]["reason"]),
        (&json!("flag_updated"), &json!("draft of admin"))
    );
    assert_eq!(lines[1]["action"], "flag_draft_saved");
}

#[tokio::test]
async fn a_draft_is_published_only_if_it_and_the_flag_are_as_expected() {
    let server = server().await;
    let first = server.put(DRAFT, definition("search")).await;
    let first_tag = first.header("etag").to_owned();
    first.expect(200);
    let mut next = definition("search");
    next["name"] = json!("Next");
    let second = send(
        &server,
        "PUT",
        DRAFT,
        &[("if-match", &first_tag)],
        &next.to_string(),
    )
    .await;
    let second_tag = second.header("etag").to_owned();
    second.expect(200);
    send(
        &server,
        "PUT",
        DRAFT,
        &[("if-match", &first_tag)],
        &next.to_string(),
    )
    .await
    .refused(412);
    send(&server, "POST", PUBLISH, &[("if-match", &first_tag)], "")
        .await
        .refused(412);

    // The flag changes in the meantime.
    let patched = patch(&server, "/api/flags/search", json!({ "name": "Other" })).await;
    let live_tag = patched.header("etag").to_owned();
    patched.expect(200);
    let stale = server.get(DRAFT).await.expect(200);
    assert_eq!(
        (&stale["stale"], &stale["flag_etag"]),
        (&json!(true), &json!(live_tag))
    );
    let before = server.state().await;
    let lost = send(&server, "POST", PUBLISH, &[("if-match", &second_tag)], "").await;
    assert_eq!(lost.header("etag"), live_tag);
    let text = lost.refused(412);
    assert!(
        text.starts_with("The draft of the flag `search` is stale"),
        "{text}"
    );
    assert!(
        text.contains("publish with its `flag_etag`, or delete the draft"),
        "{text}"
    );
    let wrong = json!({ "flag_etag": first_tag }).to_string();
    let text = send(&server, "POST", PUBLISH, &[], &wrong)
        .await
        .refused(412);
    assert!(
        text.starts_with("`flag_etag` is not the ETag of the flag `search`"),
        "{text}"
    );
    // Saving it again does not hide the change.
    server.put(DRAFT, next).await.expect(200);
    send(&server, "POST", PUBLISH, &[], "").await.refused(412);
    assert_eq!(server.state().await["flags"], before["flags"]);
    let over = json!({ "flag_etag": live_tag }).to_string();
    let published = send(&server, "POST", PUBLISH, &[], &over).await.expect(200);
    assert_eq!(published["name"], "Next");
}

#[tokio::test]
async fn drafts_are_checked_and_disappear_with_their_flag() {
    let server = server().await;
    let text = server
        .put("/api/flags/ghost/draft", definition("ghost"))
        .await
        .refused(404);
    assert_eq!(text, "Flag 'ghost' not found");
    let mut wrong = definition("search");
    wrong["off_variation"] = json!("blue");
    let answer = server.put(DRAFT, wrong).await;
    assert_eq!(mistakes(&answer), ["/off_variation unknown_variation"]);
    answer.refused(400);
    // References are checked on publication.
    let mut next = definition("search");
    next["prerequisites"] = json!([{ "flag_key": "other", "variation": "on" }]);
    server.put(DRAFT, next).await.expect(200);
    let answer = server.post(PUBLISH, json!({})).await;
    assert_eq!(
        mistakes(&answer),
        ["/prerequisites/0/flag_key unknown_flag"]
    );
    answer.refused(400);
    server
        .post("/api/flags", definition("other"))
        .await
        .expect(201);
    server.delete("/api/flags/search").await.expect(200);
    server
        .post("/api/flags", definition("search"))
        .await
        .expect(201);
    server.get(DRAFT).await.refused(404);
    server.post(PUBLISH, json!({})).await.refused(404);
    server.delete(DRAFT).await.refused(404);
    server.put(DRAFT, definition("search")).await.expect(200);
    let deleted = server.delete(DRAFT).await.expect(200);
    assert_eq!(deleted, json!({ "ok": true }));
    server.get(DRAFT).await.refused(404);
}
