//! Segments: patches, history, differences, reverts and previews.

use serde_json::{Value, json};

use waygate::{
    Waygate,
    admin::Credentials,
    flags::{EvaluationContext, FlagObservation},
};

use super::{super::support::Server, definition, patch, send};

async fn start() -> Server {
    prepared(Server::start().await).await
}

async fn prepared(server: Server) -> Server {
    let beta = json!({ "key": "beta", "name": "Beta testers", "included": ["user-1"] });
    server.post("/api/segments", beta).await.expect(201);
    let mut search = definition("search");
    search["rules"] = json!([{
        "clauses": [{ "attribute": "key", "operator": "in_segment", "values": ["beta"] }], "variation": "on",
    }]);
    search["fallthrough"] = json!("off");
    server.post("/api/flags", search).await.expect(201);
    server
        .post("/api/flags", definition("other"))
        .await
        .expect(201);
    server
}

#[tokio::test]
async fn a_patch_replaces_members() {
    let server = start().await;
    let body = json!({ "included": ["user-2"], "key": "ignored" });
    let patched = patch(&server, "/api/segments/beta", body).await.expect(200);
    assert_eq!(patched["included"], json!(["user-2"]));
    assert_eq!(
        (&patched["key"], &patched["name"]),
        (&json!("beta"), &json!("Beta testers"))
    );
    patch(&server, "/api/segments/beta", json!([]))
        .await
        .refused(400);
    let wrong = json!({ "included": "user-2" });
    patch(&server, "/api/segments/beta", wrong)
        .await
        .refused(400);
    patch(&server, "/api/segments/bet", json!({}))
        .await
        .refused(404);
}

#[tokio::test]
async fn changes_are_listed_compared_and_reverted() {
    let server = start().await;
    let body = json!({ "included": ["user-1", "user-2"] });
    patch(&server, "/api/segments/beta", body).await.expect(200);
    let changes = server.get("/api/segments/beta/history").await.expect(200);
    let changes = changes.as_array().unwrap();
    let actions: Vec<_> = changes.iter().map(|it| &it["action"]).collect();
    assert_eq!(actions, ["segment_updated", "segment_created"]);
    let pointers: Vec<_> = changes[0]["difference"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| &it["pointer"])
        .collect();
    assert!(
        pointers.contains(&&json!("/included/1")) || pointers.contains(&&json!("/included")),
        "{pointers:?}"
    );

    let created = changes[1]["id"].as_str().unwrap();
    let path = format!("/api/segments/beta/difference?from={created}");
    assert!(
        !server
            .get(&path)
            .await
            .expect(200)
            .as_array()
            .unwrap()
            .is_empty()
    );
    let ask = json!({ "entry": created, "version": "new" });
    let reverted = server
        .post("/api/segments/beta/revert", ask)
        .await
        .expect(200);
    assert_eq!(reverted["included"], json!(["user-1"]));
    let newest = server
        .get("/api/segments/beta/history?limit=1")
        .await
        .expect(200);
    assert_eq!(
        newest[0]["reason"],
        format!("reverted to the new version of {created}")
    );
    let ask = json!({ "entry": created });
    let missing = server.post("/api/segments/beta/revert", ask).await;
    let message = missing.refused(404);
    assert!(message.contains("the segment `beta`"), "{message}");
}

#[tokio::test]
async fn a_revert_respects_if_match() {
    let server = start().await;
    let created = server.get("/api/segments/beta/history").await.expect(200);
    let created = created[0]["id"].as_str().unwrap().to_owned();
    let stale = server.get("/api/segments/beta").await;
    let stale = stale.header("etag").to_owned();
    let body = json!({ "included": ["user-2"] });
    let patched = patch(&server, "/api/segments/beta", body).await;
    let current = patched.header("etag").to_owned();
    patched.expect(200);
    let before = server.state().await;
    let ask = json!({ "entry": created, "version": "new" }).to_string();
    let revert = async |tag: &str| {
        let headers = [("if-match", tag)];
        send(&server, "POST", "/api/segments/beta/revert", &headers, &ask).await
    };
    for tag in [stale.as_str(), "\"x\""] {
        let refused = revert(tag).await;
        assert_eq!(refused.header("etag"), current);
        refused.refused(412);
    }
    assert_eq!(server.state().await, before);
    let reverted = revert(&current).await;
    assert_ne!(reverted.header("etag"), current);
    assert_eq!(reverted.expect(200)["included"], json!(["user-1"]));
}

#[tokio::test]
async fn a_preview_counts_recently_seen_contexts() {
    let observation = FlagObservation::new().seen_contexts(1_000);
    let builder = Waygate::builder().observe_flags(observation);
    let credentials = Credentials::new("admin", "secret");
    let server = prepared(Server::built(builder, credentials).await).await;
    let ask = json!({ "patch": { "included": ["user-1", "user-2"] }, "contexts": [] });
    let path = "/api/segments/beta/preview";
    let none = server.post(path, ask.clone()).await.expect(200);
    assert_eq!(
        (&none["flags"], &none["changed_flags"]),
        (&json!([]), &json!(0))
    );
    for user in ["user-1", "user-2", "user-3"] {
        let flags = server.waygate.flags();
        flags.evaluate("search", &EvaluationContext::new(user));
    }
    let preview = server.post(path, ask).await.expect(200);
    let [search] = &preview["flags"].as_array().unwrap()[..] else {
        panic!("{preview}")
    };
    assert_eq!(
        (&search["flag_key"], &search["evaluated"]),
        (&json!("search"), &json!(0))
    );
    assert_eq!(
        search["seen"],
        json!({ "evaluated": 3, "changed": 1, "transitions": [{ "from": "off", "to": "on", "count": 1 }] })
    );
    assert_eq!(preview["changed_flags"], 1);
    let usage = server.get("/api/flags/search/usage").await.expect(200);
    assert_eq!(usage["evaluations"], 3, "a preview counts nothing");
}

#[tokio::test]
async fn a_preview_shows_the_flags_that_change() {
    let server = start().await;
    let users: Vec<Value> = (1..=3)
        .map(|user| json!({ "key": format!("user-{user}") }))
        .collect();
    let ask = json!({ "patch": { "included": ["user-2", "user-3"] }, "contexts": users });
    let preview = server
        .post("/api/segments/beta/preview", ask)
        .await
        .expect(200);
    assert_eq!(preview["segment_key"], "beta");
    let [search] = &preview["flags"].as_array().unwrap()[..] else {
        panic!("{preview}")
    };
    assert_eq!(
        (&search["flag_key"], &search["changed"]),
        (&json!("search"), &json!(3))
    );
    assert_eq!(search["changes"][0]["before"]["variation"], "on");
    assert_eq!(search["changes"][0]["after"]["value"], false);
    let stored = server.get("/api/segments/beta").await.expect(200);
    assert_eq!(stored["included"], json!(["user-1"]));

    let neither = json!({ "contexts": [] });
    server
        .post("/api/segments/beta/preview", neither)
        .await
        .refused(400);
    let many = json!({ "patch": {}, "contexts": vec![json!({}); 50_001] });
    let refused = server.post("/api/segments/beta/preview", many).await;
    assert!(refused.refused(400).contains("at most 50000"));
}

#[tokio::test]
async fn large_values_are_not_repeated_for_each_context() {
    let server = Server::start().await;
    let large = "a".repeat(60_000);
    let mut title = definition("title");
    title["type"] = json!("string");
    title["variations"] =
        json!([{ "name": "on", "value": large }, { "name": "off", "value": "b" }]);
    title["fallthrough"] = json!("on");
    server.post("/api/flags", title).await.expect(201);
    let users: Vec<Value> = (0..2_000)
        .map(|user| json!({ "key": format!("user-{user}") }))
        .collect();
    let ask = json!({ "patch": { "fallthrough": "off" }, "contexts": users });
    let preview = server
        .post("/api/flags/title/preview", ask)
        .await
        .expect(200);
    assert_eq!(
        (&preview["evaluated"], &preview["changed"]),
        (&json!(2_000), &json!(2_000))
    );
    let changes = preview["changes"].as_array().unwrap();
    assert_eq!(changes.len(), 1_000);
    assert_eq!(changes[0]["before"]["variation"], "on");
    assert_eq!(changes[0]["before"].get("value"), None);
    assert_eq!(changes[0]["after"]["value"], "b");
}
