//! Who changes if a definition is saved.

use serde_json::{Value, json};
use waygate::{
    Waygate,
    admin::Credentials,
    flags::{EvaluationContext, FlagObservation},
};

use super::{super::support::Server, definition, mistakes};

const PATH: &str = "/api/flags/search/preview";

fn users(count: usize) -> Vec<Value> {
    (0..count)
        .map(|at| json!({ "key": format!("user-{at}") }))
        .collect()
}

/// The sums of all transitions, of those that keep the variation, and of others.
fn sums(preview: &Value) -> [u64; 3] {
    let mut sums = [0; 3];
    for transition in preview["transitions"].as_array().unwrap() {
        let count = transition["count"].as_u64().unwrap();
        let kept = transition["from"] == transition["to"];
        sums[0] += count;
        sums[if kept { 1 } else { 2 }] += count;
    }
    sums
}

#[tokio::test]
async fn a_preview_shows_who_changes_and_stores_nothing() {
    let server = Server::start().await;
    server
        .post("/api/flags", definition("search"))
        .await
        .expect(201);
    let before = server.state().await;
    let half =
        json!([{ "variation": "on", "weight": 50_000 }, { "variation": "off", "weight": 50_000 }]);
    let ask = json!({ "patch": { "fallthrough": half }, "contexts": users(1_000) });
    let preview = server.post(PATH, ask).await.expect(200);
    let changed = preview["changed"].as_u64().unwrap();
    assert_eq!(preview["evaluated"], 1_000);
    assert!((200..400).contains(&changed), "three of ten: {changed}");
    assert_eq!(sums(&preview), [1_000, 1_000 - changed, changed]);
    let changes = preview["changes"].as_array().unwrap();
    assert_eq!(changes.len() as u64, changed);
    for change in changes {
        // A rollout that grows moves contexts only to the variation that grows.
        assert_eq!(change["before"]["variation"], "off");
        assert_eq!(change["after"]["variation"], "on");
        assert_eq!(change["after"]["value"], true);
        let key = format!("user-{}", change["index"]);
        assert_eq!(change["key"], key);
    }
    assert_eq!(server.state().await, before);

    // The preview and the evaluation after the change agree.
    let mut whole = definition("search");
    whole["fallthrough"] = half;
    let ask = json!({ "definition": whole, "contexts": users(1_000) });
    assert_eq!(server.post(PATH, ask).await.expect(200), preview);
    server.put("/api/flags/search", whole).await.expect(200);
    let user = json!({ "context": { "key": changes[0]["key"] } });
    let found = server
        .post("/api/flags/search/evaluate", user)
        .await
        .expect(200);
    assert_eq!(found["variation"], "on");
}

#[tokio::test]
async fn a_preview_of_a_new_flag_has_no_result_before() {
    let server = Server::start().await;
    let ask = json!({ "definition": definition("search"), "contexts": users(2) });
    let preview = server.post(PATH, ask).await.expect(200);
    assert_eq!(preview["changed"], 2);
    assert_eq!(preview["changes"][0]["before"], json!(null));
    server.get("/api/flags/search").await.refused(404);
}

#[tokio::test]
async fn previews_that_cannot_be_made_say_why() {
    let server = Server::start().await;
    let text = server.post(PATH, json!({})).await.refused(404);
    assert_eq!(text, "Flag 'search' not found");
    server
        .post("/api/flags", definition("search"))
        .await
        .expect(201);
    let before = server.state().await;
    let text = server.post(PATH, json!({})).await.refused(404);
    assert_eq!(text, "the flag `search` has no draft: save one first");
    let both = json!({ "definition": definition("search"), "patch": {} });
    let text = server.post(PATH, both).await.refused(400);
    assert_eq!(text, "use `definition` or `patch`, not both");
    let wrong = server
        .post(PATH, json!({ "patch": { "off_variation": "blue" } }))
        .await;
    assert_eq!(mistakes(&wrong), ["/off_variation unknown_variation"]);
    wrong.refused(400);
    let ghost =
        json!({ "patch": { "prerequisites": [{ "flag_key": "ghost", "variation": "on" }] } });
    let wrong = server.post(PATH, ghost).await;
    assert_eq!(mistakes(&wrong), ["/prerequisites/0/flag_key unknown_flag"]);
    wrong.refused(400);
    let wrong = json!({ "patch": {}, "contexts": [{ "key": "u" }, { "key": 5 }] });
    let text = server.post(PATH, wrong).await.refused(400);
    assert_eq!(
        text,
        "contexts[1]: invalid evaluation context: `key` must be a string"
    );
    let many = json!({ "patch": {}, "contexts": users(10_001) });
    let text = server.post(PATH, many).await.refused(400);
    assert_eq!(text, "there are 10001 contexts; use at most 10000");
    assert_eq!(server.state().await, before);
}

#[tokio::test]
async fn a_preview_counts_recently_seen_contexts() {
    let observation = FlagObservation::new().seen_contexts(1_000);
    let builder = Waygate::builder().observe_flags(observation);
    let server = Server::built(builder, Credentials::new("admin", "secret")).await;
    let mut search = definition("search");
    search["fallthrough"] = json!("off");
    server.post("/api/flags", search).await.expect(201);
    let targets = json!({ "patch": { "targets": { "on": ["user-1", "user-9"] } } });
    let none = server.post(PATH, targets.clone()).await.expect(200);
    assert_eq!(none.get("seen"), None);
    for user in ["user-1", "user-2", "user-3"] {
        let flags = server.waygate.flags();
        flags.evaluate("search", &EvaluationContext::new(user));
    }
    let preview = server.post(PATH, targets).await.expect(200);
    assert_eq!(
        preview["seen"],
        json!({ "evaluated": 3, "changed": 1, "transitions": [{ "from": "off", "to": "on", "count": 1 }] })
    );
    // The keys themselves are not in the response.
    assert!(!preview.to_string().contains("user-"), "{preview}");
    let usage = server.get("/api/flags/search/usage").await.expect(200);
    assert_eq!(usage["evaluations"], 3, "a preview counts nothing");
}
