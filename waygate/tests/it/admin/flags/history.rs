//! The history of a flag, differences between its versions, and the way back.

use serde_json::{Value, json};

use super::{super::support::Server, definition, mistakes, patch, send};

async fn history(server: &Server, query: &str) -> Vec<Value> {
    let found = server
        .get(&format!("/api/flags/search/history{query}"))
        .await;
    found.expect(200).as_array().unwrap().clone()
}

fn id(change: &Value) -> &str {
    change["id"].as_str().unwrap()
}

#[tokio::test]
async fn each_change_is_listed_with_its_difference_and_can_be_reverted() {
    let server = Server::start().await;
    server
        .post("/api/flags", definition("search"))
        .await
        .expect(201);
    let body = json!({ "fallthrough": "on", "tags": ["a"] });
    patch(&server, "/api/flags/search", body).await.expect(200);
    server
        .post("/api/flags/search/disable", json!({}))
        .await
        .expect(200);
    let changes = history(&server, "").await;
    let actions: Vec<_> = changes
        .iter()
        .map(|it| it["action"].as_str().unwrap())
        .collect();
    assert_eq!(actions, ["flag_disabled", "flag_updated", "flag_created"]);
    let pointers = |change: &Value| -> Vec<String> {
        let list = change["difference"].as_array().unwrap();
        list.iter()
            .map(|it| it["pointer"].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(pointers(&changes[0]), ["/enabled"]);
    assert!(pointers(&changes[1]).contains(&"/fallthrough".to_owned()));
    assert_eq!(history(&server, "?limit=1&offset=1").await, changes[1..2]);
    let path = format!("/api/flags/search/difference?from={}", id(&changes[1]));
    let difference = server.get(&path).await.expect(200);
    assert_eq!(
        difference,
        json!([{ "pointer": "/enabled", "old": true, "new": false }])
    );
    let path = format!("{path}&to={}", id(&changes[1]));
    assert_eq!(server.get(&path).await.expect(200), json!([]));

    // Back before the patch.
    let ask = json!({ "entry": id(&changes[1]) });
    let reverted = server
        .post("/api/flags/search/revert", ask)
        .await
        .expect(200);
    assert_eq!(reverted["fallthrough"], definition("search")["fallthrough"]);
    assert_eq!(
        (&reverted["enabled"], &reverted["tags"]),
        (&json!(true), &json!([]))
    );
    let newest = &history(&server, "?limit=1").await[0];
    assert_eq!(newest["action"], "flag_updated");
    assert_eq!(
        newest["reason"],
        format!("reverted to the previous version of {}", id(&changes[1]))
    );
    let ask = json!({ "entry": id(&changes[0]), "version": "new" });
    let reverted = server
        .post("/api/flags/search/revert", ask)
        .await
        .expect(200);
    assert_eq!(reverted["enabled"], false);

    // A deleted flag comes back.
    server.delete("/api/flags/search").await.expect(200);
    let deleted = history(&server, "?limit=1").await.remove(0);
    assert_eq!(deleted["action"], "flag_deleted");
    let ask = json!({ "entry": id(&deleted) });
    let back = server
        .post("/api/flags/search/revert", ask)
        .await
        .expect(200);
    assert_eq!(back["enabled"], false);
    assert_eq!(
        history(&server, "?limit=1").await[0]["action"],
        "flag_created"
    );
}

#[tokio::test]
async fn reverts_are_checked_as_any_write() {
    let server = Server::start().await;
    let segment = json!({ "key": "beta", "name": "Beta" });
    server.post("/api/segments", segment).await.expect(201);
    let mut flag = definition("search");
    flag["rules"] = json!([{
        "id": "r1", "clauses": [{ "attribute": "key", "operator": "in_segment", "values": ["beta"] }], "variation": "on",
    }]);
    server.post("/api/flags", flag).await.expect(201);
    let patched = patch(&server, "/api/flags/search", json!({ "rules": [] })).await;
    let tag = patched.header("etag").to_owned();
    patched.expect(200);
    server.delete("/api/segments/beta").await.expect(200);
    let changes = history(&server, "").await;
    let before = server.state().await;
    let revert = "/api/flags/search/revert";
    let answer = server
        .post(revert, json!({ "entry": id(&changes[0]) }))
        .await;
    assert_eq!(
        mistakes(&answer),
        ["/rules/0/clauses/0/values/0 unknown_segment"]
    );
    answer.refused(400);
    // Before its creation there was nothing.
    let text = server
        .post(revert, json!({ "entry": id(&changes[1]) }))
        .await
        .refused(404);
    assert!(
        text.contains("has no `previous` definition of the flag `search` in the entry `"),
        "{text}"
    );
    let text = server
        .post(revert, json!({ "entry": "x" }))
        .await
        .refused(404);
    assert_eq!(
        text,
        "the audit log has no definition of the flag `search` in the entry `x`"
    );
    server.post(revert, json!({})).await.refused(400);
    server
        .post(revert, json!({ "entry": "x", "version": "old" }))
        .await
        .refused(400);
    let ask = json!({ "entry": id(&changes[0]), "version": "new" }).to_string();
    send(&server, "POST", revert, &[("if-match", "\"x\"")], &ask)
        .await
        .refused(412);
    assert_eq!(server.state().await, before);
    send(&server, "POST", revert, &[("if-match", &tag)], &ask)
        .await
        .expect(200);
    server
        .get("/api/flags/search/difference?from=x")
        .await
        .refused(404);
    server
        .get("/api/flags/search/difference")
        .await
        .refused(400);
    assert_eq!(
        server.get("/api/flags/ghost/history").await.expect(200),
        json!([])
    );
}

#[tokio::test]
async fn a_revert_respects_if_match() {
    let server = Server::start().await;
    let flag = definition("search");
    let created = server.post("/api/flags", flag).await;
    let stale = created.header("etag").to_owned();
    created.expect(201);
    let patched = patch(&server, "/api/flags/search", json!({ "tags": ["a"] })).await;
    let current = patched.header("etag").to_owned();
    patched.expect(200);
    let changes = history(&server, "?limit=1").await;
    let before = server.state().await;
    let ask = json!({ "entry": id(&changes[0]) }).to_string();
    let revert = async |tag: &str| {
        let headers = [("if-match", tag)];
        send(&server, "POST", "/api/flags/search/revert", &headers, &ask).await
    };
    for tag in [stale.as_str(), "\"x\""] {
        let refused = revert(tag).await;
        assert_eq!(refused.header("etag"), current);
        refused.refused(412);
    }
    assert_eq!(server.state().await, before);
    let reverted = revert(&current).await;
    assert_ne!(reverted.header("etag"), current);
    assert_eq!(reverted.expect(200)["tags"], json!([]));
}
