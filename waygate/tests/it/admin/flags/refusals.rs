//! Bad input: the documented code, a precise message, and no change.

use serde_json::{Value, json};

use super::{super::support::Server, definition, mistakes, patch};

async fn server() -> Server {
    let server = Server::start().await;
    let segment = json!({ "key": "beta", "name": "Beta" });
    server.post("/api/segments", segment).await.expect(201);
    server
        .post("/api/flags", definition("search"))
        .await
        .expect(201);
    server
}

/// A definition with a member in place of its own.
fn with(name: &str, value: Value) -> Value {
    let mut flag = definition("other");
    flag[name] = value;
    flag
}

fn rule(clause: Value) -> Value {
    json!([{ "id": "r1", "clauses": [clause], "variation": "on" }])
}

#[tokio::test]
async fn definitions_with_mistakes_name_every_mistake_and_change_nothing() {
    let server = server().await;
    let before = server.state().await;
    let clause = |operator: &str, values: Value| {
        rule(json!({ "attribute": "plan", "operator": operator, "values": values }))
    };
    for (body, status, expected, text) in [
        (
            json!({ "key": "x" }),
            400,
            &[
                "/type missing",
                "/name missing",
                "/variations missing",
                "/off_variation missing",
                "/fallthrough missing",
            ][..],
            "the member `name` is required",
        ),
        (
            json!([]),
            400,
            &[" wrong_type"],
            "expected an object, found a list",
        ),
        (
            json!(null),
            400,
            &[" wrong_type"],
            "expected an object, found null",
        ),
        (
            with("key", json!("")),
            400,
            &["/key invalid_text"],
            "such as `new-checkout`",
        ),
        (
            with("key", json!("a/b")),
            400,
            &["/key invalid_text"],
            "such as `new-checkout`",
        ),
        (
            with("type", json!("bool")),
            400,
            &["/type invalid_text"],
            "use one of `boolean`",
        ),
        (
            with(
                "variations",
                json!([{ "name": "on", "value": "yes" }, { "name": "off", "value": false }]),
            ),
            400,
            &["/variations/0/value wrong_value_type"],
            "\"yes\" is no boolean, the type of the flag",
        ),
        (
            with("off_variation", json!("offf")),
            400,
            &["/off_variation unknown_variation"],
            "did you mean `off`?",
        ),
        (
            with("fallthrough", json!([{ "variation": "on", "weight": 10 }])),
            400,
            &["/fallthrough weight_sum"],
            "the weights sum to 10; they must sum to 100000, which is 100%",
        ),
        (
            with(
                "fallthrough",
                json!([{ "variation": "on", "weight": 100_001 }]),
            ),
            400,
            &["/fallthrough/0/weight wrong_type"],
            "a whole number from 0 to 100000",
        ),
        (
            with("rulez", json!([])),
            400,
            &["/rulez unknown_member"],
            "did you mean `rules`?",
        ),
        (
            with("rules", clause("regex", json!(["x"]))),
            400,
            &["/rules/0/clauses/0/operator invalid_text"],
            "operator",
        ),
        (
            with("rules", clause("matches", json!(["(a"]))),
            400,
            &["/rules/0/clauses/0/values/0 invalid_operand"],
            "/rules/0/clauses/0/values/0",
        ),
        (
            with(
                "rules",
                clause("matches", json!(["(((a{1000}){1000}){1000})"])),
            ),
            400,
            &["/rules/0/clauses/0/values/0 invalid_operand"],
            "/rules/0/clauses/0/values/0",
        ),
        (
            with("rules", clause("gt", json!(["five"]))),
            400,
            &["/rules/0/clauses/0/values/0 invalid_operand"],
            "five",
        ),
        (
            with("rules", clause("in_segment", json!(["ghost"]))),
            400,
            &["/rules/0/clauses/0/values/0 unknown_segment"],
            "there is no segment `ghost`",
        ),
        (
            with(
                "prerequisites",
                json!([{ "flag_key": "serch", "variation": "on" }]),
            ),
            400,
            &["/prerequisites/0/flag_key unknown_flag"],
            "did you mean `search`?",
        ),
        (
            with(
                "prerequisites",
                json!([{ "flag_key": "search", "variation": "onn" }]),
            ),
            400,
            &["/prerequisites/0/variation unknown_variation"],
            "did you mean `on`?",
        ),
        (
            with(
                "prerequisites",
                json!([{ "flag_key": "other", "variation": "on" }]),
            ),
            400,
            &["/prerequisites cycle"],
            "form a cycle: other → other",
        ),
        (
            with(
                "scheduled_changes",
                json!([{ "id": "1", "execute_at": "soon", "action": "enable" }]),
            ),
            400,
            &["/scheduled_changes/0/execute_at invalid_text"],
            "soon",
        ),
    ] {
        let shown: String = body.to_string().chars().take(200).collect();
        let answer = server.post("/api/flags", body).await;
        assert_eq!(
            answer.status,
            status,
            "{shown}: {}",
            String::from_utf8_lossy(&answer.body)
        );
        let mut found = mistakes(&answer);
        found.sort();
        let mut expected = expected.to_vec();
        expected.sort_unstable();
        assert_eq!(found, expected, "{shown}");
        let error = answer.refused(status);
        assert!(error.starts_with("Invalid flag definition: "), "{error}");
        assert!(error.contains(text), "{shown}: {error}");
    }
    assert_eq!(server.state().await, before);
}

#[tokio::test]
async fn patches_with_mistakes_use_the_words_of_the_contract() {
    let server = server().await;
    let before = server.state().await;
    for (body, expected, error) in [
        (
            json!({ "off_variation": "blue" }),
            "/off_variation unknown_variation",
            "off_variation 'blue' does not match any variation name",
        ),
        (
            json!({ "fallthrough": "blue" }),
            "/fallthrough unknown_variation",
            "fallthrough 'blue' does not match any variation name",
        ),
        (
            json!({ "enabled": "yes" }),
            "/enabled wrong_type",
            "Invalid patch: /enabled: expected true or false, found a string",
        ),
        (
            json!({ "nme": "x" }),
            "/nme unknown_member",
            "Invalid patch: /nme: there is no such member; did you mean `name`?",
        ),
    ] {
        let answer = patch(&server, "/api/flags/search", body).await;
        assert_eq!(mistakes(&answer), [expected]);
        assert_eq!(answer.refused(400), error);
    }
    for body in [json!([1]), json!(null), json!("x")] {
        let text = patch(&server, "/api/flags/search", body).await.refused(400);
        assert_eq!(text, "Body must be a JSON object");
    }
    assert_eq!(server.state().await, before);
}

#[tokio::test]
async fn definitions_that_others_need_stay() {
    let server = server().await;
    let mut user = definition("user");
    user["prerequisites"] = json!([{ "flag_key": "search", "variation": "on" }]);
    user["rules"] =
        rule(json!({ "attribute": "key", "operator": "in_segment", "values": ["beta"] }));
    server.post("/api/flags", user).await.expect(201);
    let before = server.state().await;
    let flag = server.delete("/api/flags/search").await;
    assert_eq!(mistakes(&flag), [" in_use"]);
    assert_eq!(
        flag.refused(409),
        "Flag is in use: `search` is a prerequisite of the flag `user`"
    );
    let segment = server.delete("/api/segments/beta").await;
    assert_eq!(mistakes(&segment), [" in_use"]);
    assert_eq!(
        segment.refused(409),
        "Segment is in use: the flag `user` uses the segment `beta`"
    );
    let renamed = json!({
        "variations": [{ "name": "yes", "value": true }, { "name": "off", "value": false }], "fallthrough": "yes",
    });
    let variation = patch(&server, "/api/flags/search", renamed).await;
    assert_eq!(mistakes(&variation), ["/variations in_use"]);
    assert_eq!(
        variation.refused(400),
        "Invalid patch: /variations: the flag `user` requires the variation `on`"
    );
    // A cycle of two flags.
    let cycle = json!({ "prerequisites": [{ "flag_key": "user", "variation": "on" }] });
    let cycle = patch(&server, "/api/flags/search", cycle).await;
    assert_eq!(mistakes(&cycle), ["/prerequisites cycle"]);
    cycle.refused(400);
    // A cycle of two segments.
    let inner = |key: &str| json!({ "name": "S", "rules": [{ "id": "1", "clauses": [{ "attribute": "key", "operator": "in_segment", "values": [key] }] }] });
    server
        .put("/api/segments/gamma", inner("beta"))
        .await
        .expect(200);
    let with_gamma = server.state().await;
    let answer = server.put("/api/segments/beta", inner("gamma")).await;
    assert_eq!(mistakes(&answer), ["/rules cycle"]);
    answer.refused(400);
    assert_eq!(server.state().await, with_gamma);
    assert_eq!(
        with_gamma["flags"].as_array().unwrap().len(),
        before["flags"].as_array().unwrap().len() + 1
    );
}

#[tokio::test]
async fn bodies_that_are_too_large_or_too_deep_are_refused() {
    let server = server().await;
    let before = server.state().await;
    let spaces = " ".repeat(10 * 1024 * 1024);
    for path in ["/api/flags", "/api/segments"] {
        let text = server.post_raw(path, spaces.clone()).await.refused(413);
        assert_eq!(text, "The body is larger than 8388608 bytes.");
        for body in ["[".repeat(10_000), "{\"a\":".repeat(10_000)] {
            let answer = server.post_raw(path, body).await;
            let detail = answer.json()["detail"].as_str().unwrap().to_owned();
            assert!(detail.contains("nest deeper than 64 levels"), "{detail}");
            assert_eq!(answer.refused(400), "Invalid JSON body");
        }
        for body in ["", "{", "{} {}", "{\"a\":1,\"a\":2}", "\u{feff}{}"] {
            let text = server.post_raw(path, body).await.refused(400);
            assert_eq!(text, "Invalid JSON body");
        }
    }
    let context = json!({ "context": { "key": "x".repeat(300 * 1024) } });
    server
        .post("/api/flags/search/evaluate", context)
        .await
        .refused(413);
    assert_eq!(server.state().await, before);
}

#[tokio::test]
async fn a_flag_has_up_to_a_hundred_thousand_targets() {
    let server = server().await;
    let flag = |keys: Vec<String>| with("targets", json!({ "on": keys }));
    let before = server.state().await;
    let many = (0..250_001).map(|at| at.to_string()).collect();
    let answer = server.post("/api/flags", flag(many)).await;
    assert_eq!(mistakes(&answer), ["/targets too_large"]);
    answer.refused(400);
    assert_eq!(server.state().await, before);
    let uuids = (0..100_000).map(|at| format!("{at:036}")).collect();
    server.post("/api/flags", flag(uuids)).await.expect(201);
    let ask = json!({ "context": { "key": format!("{:036}", 99_999) } });
    let found = server
        .post("/api/flags/other/evaluate", ask)
        .await
        .expect(200);
    assert_eq!(
        (&found["reason"], &found["value"]),
        (&json!("TARGET_MATCH"), &json!(true))
    );
}

#[tokio::test]
async fn keys_in_urls_follow_their_grammar() {
    let server = server().await;
    let before = server.state().await;
    for key in ["a%20b", "a%2Fb", "%00", "a:b", &"x".repeat(129)] {
        let text = server.get(&format!("/api/flags/{key}")).await.refused(400);
        assert!(text.contains("flag key"), "{text}");
        let text = server
            .put(&format!("/api/segments/{key}"), json!({ "name": "S" }))
            .await
            .refused(400);
        assert!(text.contains("segment key"), "{text}");
    }
    let text = server
        .put("/api/flags/search", definition("other"))
        .await
        .refused(400);
    assert_eq!(text, "Flag key in URL and body must match");
    let other = json!({ "key": "other", "name": "S" });
    let text = server.put("/api/segments/beta", other).await.refused(400);
    assert_eq!(text, "Segment key in URL and body must match");
    let missing = server.get("/api/segments/beeta").await;
    assert_eq!(
        missing.json()["detail"],
        "there is no segment `beeta`: did you mean `beta`?"
    );
    assert_eq!(missing.refused(404), "Segment 'beeta' not found");
    assert_eq!(server.state().await, before);
}
