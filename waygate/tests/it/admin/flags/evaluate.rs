//! Evaluations, with their steps.

use serde_json::json;

use super::{super::support::Server, definition};

const PATH: &str = "/api/flags/search/evaluate";

#[tokio::test]
async fn an_evaluation_has_the_form_of_the_contract() {
    let server = Server::start().await;
    server
        .post("/api/flags", definition("search"))
        .await
        .expect(201);
    let before = server.state().await;
    let ask = json!({ "context": { "key": "user-1", "attributes": { "plan": "pro" } }, "default": false });
    let found = server.post(PATH, ask).await.expect(200);
    let bucket = found["bucket"].as_u64().unwrap();
    let on = bucket < 20_000;
    assert_eq!(
        found,
        json!({
            "flag_key": "search", "value": on, "variation": if on { "on" } else { "off" }, "reason": "FALLTHROUGH",
            "rule_id": null, "prerequisite_key": null, "error_message": null, "bucket": bucket,
        })
    );
    // The same subject in the form of OpenFeature.
    let ask = json!({ "context": { "targetingKey": "user-1", "plan": "pro" } });
    assert_eq!(server.post(PATH, ask).await.expect(200), found);
    let anonymous = server.post_raw(PATH, "").await.expect(200);
    let named = server
        .post(PATH, json!({ "context": { "key": "anonymous" } }))
        .await;
    assert_eq!(anonymous, named.expect(200));
    assert_eq!(server.state().await, before);
}

#[tokio::test]
async fn an_explanation_has_each_rule_and_clause_with_actual_values_hash_and_bucket() {
    let server = Server::start().await;
    let segment = json!({ "key": "beta", "name": "Beta", "included": ["user-1"] });
    server.post("/api/segments", segment).await.expect(201);
    let mut flag = definition("search");
    flag["rules"] = json!([
        {
            "id": "pro",
            "clauses": [{ "attribute": "plan", "operator": "in", "values": ["pro", "team"] }],
            "variation": "on",
        },
        {
            "id": "beta",
            "clauses": [
                { "attribute": "key", "operator": "in_segment", "values": ["beta"] },
                { "attribute": "seats", "operator": "gt", "values": [3], "negate": true },
            ],
            "variation": "on",
        },
    ]);
    server.post("/api/flags", flag).await.expect(201);
    let ask = json!({ "context": { "key": "user-1", "attributes": { "plan": "free", "seats": 5 } }, "explain": true });
    let found = server.post(PATH, ask).await.expect(200);
    let bucket = found["bucket"].as_u64().unwrap();
    assert_eq!(
        found["steps"],
        json!([
            {
                "flag": "search", "depth": 0, "step": "clause", "segment": null, "rule": 0, "clause": 0,
                "attribute": "plan", "operator": "in", "values": ["pro", "team"], "negate": false, "actual": "free",
                "matched": false,
            },
            { "flag": "search", "depth": 0, "step": "rule", "index": 0, "id": "pro", "matched": false },
            { "flag": "search", "depth": 0, "step": "segment", "key": "beta", "member": true },
            {
                "flag": "search", "depth": 0, "step": "clause", "segment": null, "rule": 1, "clause": 0,
                "attribute": "key", "operator": "in_segment", "values": ["beta"], "negate": false, "actual": null,
                "matched": true,
            },
            {
                "flag": "search", "depth": 0, "step": "clause", "segment": null, "rule": 1, "clause": 1,
                "attribute": "seats", "operator": "gt", "values": [3], "negate": true, "actual": 5, "matched": false,
            },
            { "flag": "search", "depth": 0, "step": "rule", "index": 1, "id": "beta", "matched": false },
            {
                "flag": "search", "depth": 0, "step": "split", "hash": "murmur3-v1", "value": "user-1",
                "bucket": bucket,
                "parts": [{ "end": 20_000, "variation": "on" }, { "end": 100_000, "variation": "off" }],
            },
        ])
    );
    let plain = server.post(
        PATH,
        json!({ "context": { "key": "user-1", "attributes": { "plan": "free", "seats": 5 } } }),
    );
    let mut without = found.clone();
    without.as_object_mut().unwrap().remove("steps");
    assert_eq!(plain.await.expect(200), without);
}

#[tokio::test]
async fn evaluations_that_cannot_succeed_say_why() {
    let server = Server::start().await;
    server
        .post("/api/flags", definition("search"))
        .await
        .expect(201);
    let missing = server.post("/api/flags/serch/evaluate", json!({})).await;
    let detail = missing.json()["detail"].as_str().unwrap().to_owned();
    assert_eq!(missing.refused(404), "Flag 'serch' not found");
    assert_eq!(detail, "there is no flag `serch`: did you mean `search`?");
    // A rollout needs a key: the evaluation ends in an error, the request does not.
    let found = server
        .post(PATH, json!({ "context": {} }))
        .await
        .expect(200);
    assert_eq!(found["reason"], "ERROR");
    assert_eq!(found["error_code"], "TARGETING_KEY_MISSING");
    assert_eq!(found["value"], json!(null));
    assert_eq!(
        found["error_message"],
        "The rollout needs the key of the context"
    );
    for (context, expected) in [
        (json!(5), "the context must be an object"),
        (json!([]), "the context must be an object"),
        (json!({ "key": 5 }), "`key` must be a string"),
        (
            json!({ "targetingKey": ["a"] }),
            "`targetingKey` must be a string",
        ),
        (json!({ "key": "u", "kind": 5 }), "`kind` must be a string"),
        (
            json!({ "kind": "multi" }),
            "a context of kind `multi` has an object for each kind, such as `user`",
        ),
        (
            json!({ "kind": "multi", "user": "u" }),
            "`user` must be an object: a context of kind `multi` has an object for each kind, such as `user`",
        ),
    ] {
        let answer = server.post(PATH, json!({ "context": context })).await;
        let text = answer.refused(400);
        assert_eq!(text, format!("invalid evaluation context: {expected}"));
    }
    let text = server
        .post(PATH, json!({ "contxt": {} }))
        .await
        .refused(400);
    assert!(text.contains("did you mean `context`?"), "{text}");
}

#[tokio::test]
async fn an_attribute_of_another_type_does_not_match() {
    let server = Server::start().await;
    let mut flag = definition("search");
    flag["fallthrough"] = json!("off");
    flag["rules"] = json!([{
        "id": "large", "clauses": [{ "attribute": "seats", "operator": "gt", "values": [3] }], "variation": "on",
    }]);
    server.post("/api/flags", flag).await.expect(201);
    for (seats, reason) in [
        (json!(5), "RULE_MATCH"),
        (json!("many"), "FALLTHROUGH"),
        (json!(true), "FALLTHROUGH"),
        (json!({ "a": 5 }), "FALLTHROUGH"),
        (json!(null), "FALLTHROUGH"),
    ] {
        let ask =
            json!({ "context": { "key": "u", "attributes": { "seats": seats } }, "explain": true });
        let found = server.post(PATH, ask).await.expect(200);
        assert_eq!(found["reason"], reason, "{seats}");
        assert_eq!(found["steps"][0]["actual"], seats);
    }
}
