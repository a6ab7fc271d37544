use http::Method;
use serde_json::{Value, json};
use waygate::{
    limits::RateLimitPolicy,
    ofrep::{Audience, Ofrep},
    port::{Batch, MemoryBackend},
};
use waygate_core::port::{Backend, EntityKey};

use super::support::{SERVER, Server, boolean, fixed, for_half, for_pro, user};
use crate::support::{builder, clock};

#[tokio::test]
async fn a_flag_is_evaluated_by_its_percent_decoded_key() {
    let server = Server::start().await;
    server.set(boolean("new.search", json!({}))).await;
    for key in ["new.search", "new%2Esearch", "%6Eew.search"] {
        let answer = server.evaluate(key, user()).await;
        assert_eq!(answer.status, 200, "{key}");
        assert_eq!(answer.header("content-type"), "application/json");
        assert_eq!(answer.json()["key"], "new.search");
    }
    let missing = server.evaluate("a%2Fb%20%C3%BC", user()).await;
    assert_eq!(
        (missing.status.as_u16(), missing.json()["key"].clone()),
        (404, json!("a/b ü"))
    );
    let malformed = server.evaluate("%FF", user()).await;
    assert_eq!(malformed.status, 400);
    assert_eq!(malformed.json()["errorCode"], "PARSE_ERROR");
    let get = server
        .send(Method::GET, "/ofrep/v1/evaluate/flags/new.search", &[], "")
        .await;
    assert_eq!((get.status.as_u16(), get.header("allow")), (405, "POST"));
}

#[tokio::test]
async fn the_body_is_a_context_and_other_members_are_ignored() {
    let server = Server::start().await;
    server.set(for_pro("search")).await;
    let path = "/ofrep/v1/evaluate/flags/search";
    for (body, value) in [
        (
            json!({"context": {"targetingKey": "u", "plan": "pro"}, "more": [1]}),
            true,
        ),
        (json!({"context": {"plan": "pro"}}), true),
        (
            json!({"context": {"targetingKey": null, "plan": "pro"}}),
            true,
        ),
        (json!({"context": {"plan": ["free", "pro"]}}), true),
        (json!({"context": {"targetingKey": "pro"}}), false),
        (json!({"context": null}), false),
        (json!({"context": {}}), false),
        (json!({}), false),
    ] {
        let answer = server.post(path, SERVER, &[], &body).await;
        assert_eq!(answer.json()["value"], value, "{body}");
    }
    // Without `targetingKey`, `key` is an attribute like any other, of any type.
    server.set(for_half("half")).await;
    for key in [json!("user-1"), json!(5)] {
        let answer = server.evaluate("half", json!({ "key": key })).await;
        assert_eq!(answer.json()["errorCode"], "TARGETING_KEY_MISSING");
    }
    let several = json!({"kind": "multi", "user": {"key": "user-1"}, "company": {"key": "c"}});
    assert_eq!(server.evaluate("half", several).await.status, 200);
}

#[tokio::test]
async fn whole_numbers_are_exact_or_refused() {
    let server = Server::start().await;
    let mut search = boolean("search", json!({}));
    search["rules"] = json!([{
        "clauses": [{"attribute": "id", "operator": "in", "values": [u64::MAX]}], "variation": "on",
    }]);
    search["fallthrough"] = json!("off");
    server.set(search).await;
    let single = "/ofrep/v1/evaluate/flags/search";
    let ask = async |path: &str, id: &str| {
        let body =
            format!(r#"{{"context": {{"targetingKey": "u", "a/b": [{{"id": 1}}], "id": {id}}}}}"#);
        let headers = [("x-api-key", SERVER)];
        server.send(Method::POST, path, &headers, body).await
    };
    for (id, value) in [
        ("18446744073709551615", true),
        ("18446744073709551614", false),
        ("-9223372036854775808", false),
        ("1.8446744073709552e19", false),
        ("0.1234567890123456789", false),
        ("\"18446744073709551616 \\\" 1\"", false),
        // The digits of floating-point numbers, as JavaScript and as others write them.
        ("18446744073709552000", false),
        ("18446744073709551616", false),
        ("-9223372036854776000", false),
        ("123456789012345680000", false),
    ] {
        let answer = ask(single, id).await;
        assert_eq!(answer.json()["value"], value, "{id}: {}", answer.text());
    }
    for id in [
        "18446744073709551617",
        "123456789012345678901",
        "-9223372036854775809",
    ] {
        for path in [single, "/ofrep/v1/evaluate/flags"] {
            let answer = ask(path, id).await;
            assert_eq!(answer.status, 400, "{id}: {}", answer.text());
            assert_eq!(answer.json()["errorCode"], "INVALID_CONTEXT");
            let details = answer.json()["errorDetails"].as_str().unwrap().to_owned();
            let start = format!("`/context/id` is the whole number {id}, ");
            assert!(details.starts_with(&start), "{details}");
        }
    }
    let mut large = boolean("large", json!({}));
    large["rules"] = json!([{
        "clauses": [{"attribute": "id", "operator": "in", "values": [1.2345678901234568e20]}], "variation": "on",
    }]);
    large["fallthrough"] = json!("off");
    server.set(large).await;
    for id in ["123456789012345680000", "123456789012345683968"] {
        let answer = ask("/ofrep/v1/evaluate/flags/large", id).await;
        assert_eq!(answer.json()["value"], true, "{id}: {}", answer.text());
    }
    // Members that are not read may have any number.
    let body = r#"{"trace": 18446744073709551616, "context": {"targetingKey": "u"}}"#;
    let headers = [("x-api-key", SERVER)];
    let ignored = server.send(Method::POST, single, &headers, body).await;
    assert_eq!(ignored.status, 200, "{}", ignored.text());
    let answer = ask(single, "1e400").await;
    assert_eq!(
        (answer.status.as_u16(), answer.json()["errorCode"].clone()),
        (400, json!("PARSE_ERROR"))
    );
}

#[tokio::test]
async fn every_type_has_its_value_reason_and_variant() {
    let server = Server::start().await;
    for (value_type, value) in [
        ("boolean", json!(true)),
        ("string", json!("grün \"1\"")),
        ("integer", json!(9_007_199_254_740_993_i64)),
        ("float", json!(0.25)),
        ("json", json!({"a": [1, {"b": null}]})),
        ("json", json!([1, "x"])),
    ] {
        server.set(fixed("f", value_type, value.clone())).await;
        assert_eq!(
            server.evaluate("f", user()).await.json(),
            json!({"key": "f", "value": value, "reason": "STATIC", "variant": "only"}),
        );
        server.waygate.system().delete_flag("f").await.unwrap();
    }
}

#[tokio::test]
async fn numbers_keep_their_kind() {
    let server = Server::start().await;
    for (value_type, value, text) in [
        ("integer", json!(3), "\"value\":3,"),
        (
            "integer",
            json!(-9_007_199_254_740_993_i64),
            "\"value\":-9007199254740993,",
        ),
        ("float", json!(3), "\"value\":3.0,"),
        ("float", json!(3.0), "\"value\":3.0,"),
        ("float", json!(1.5), "\"value\":1.5,"),
    ] {
        server.set(fixed("number", value_type, value)).await;
        for answer in [
            server.evaluate("number", user()).await,
            server.all(&[], user()).await,
        ] {
            assert!(answer.text().contains(text), "{text}: {}", answer.text());
        }
        server.waygate.system().delete_flag("number").await.unwrap();
    }
}

#[tokio::test]
async fn reasons_are_those_of_the_protocol() {
    let server = Server::start().await;
    server.set(boolean("static", json!({}))).await;
    server.set(for_pro("rule")).await;
    server.set(for_half("split")).await;
    server
        .set(boolean(
            "target",
            json!({"targets": {"on": ["user-1"]}, "fallthrough": "off"}),
        ))
        .await;
    server.set(boolean("off", json!({"enabled": false}))).await;
    let needs = json!([{"flag_key": "off", "variation": "on"}]);
    server
        .set(boolean("needs", json!({ "prerequisites": needs })))
        .await;
    for (key, context, reason) in [
        ("static", user(), "STATIC"),
        ("rule", json!({"plan": "pro"}), "TARGETING_MATCH"),
        ("rule", json!({"plan": "free"}), "DEFAULT"),
        ("target", user(), "TARGETING_MATCH"),
        ("split", user(), "SPLIT"),
        ("off", user(), "DISABLED"),
        ("needs", user(), "DISABLED"),
    ] {
        let answer = server.evaluate(key, context).await;
        assert_eq!(answer.json()["reason"], reason, "{key}");
    }
}

#[tokio::test]
async fn metadata_is_flat() {
    let server = Server::start().await;
    server.set(for_pro("rule")).await;
    server.set(for_half("split")).await;
    server.set(boolean("off", json!({"enabled": false}))).await;
    let needs = json!([{"flag_key": "off", "variation": "on"}]);
    server
        .set(boolean("needs", json!({ "prerequisites": needs })))
        .await;
    let metadata = async |key: &str, context| {
        let answer = server.evaluate(key, context).await;
        let metadata = answer.json()["metadata"].clone();
        let members = metadata.as_object().into_iter().flatten();
        for (name, value) in members {
            assert!(
                value.is_string() || value.is_number() || value.is_boolean(),
                "{name}"
            );
        }
        metadata
    };
    assert_eq!(
        metadata("rule", json!({"plan": "pro"})).await,
        json!({"ruleId": "pro", "ruleIndex": 0})
    );
    assert!(metadata("split", user()).await["bucket"].is_u64());
    assert_eq!(
        metadata("needs", user()).await,
        json!({"prerequisiteKey": "off"})
    );
    assert_eq!(metadata("off", user()).await, Value::Null);
}

#[tokio::test]
async fn a_bad_request_has_its_code() {
    let server = Server::start().await;
    server.set(for_half("half")).await;
    let by_company =
        json!({"fallthrough": [{"variation": "on", "weight": 100_000}], "bucket_by": "company"});
    server.set(boolean("by-company", by_company)).await;
    let path = "/ofrep/v1/evaluate/flags/half";
    let bearer = format!("Bearer {SERVER}");
    let headers = [("authorization", bearer.as_str())];
    let deep = format!(
        "{{\"context\":{}1{}}}",
        "{\"a\":".repeat(10_000),
        "}".repeat(10_000)
    );
    let many_groups =
        json!({"context": {"targetingKey": "u", "groups": vec![1; 2_000]}}).to_string();
    for (body, code) in [
        ("", "PARSE_ERROR"),
        ("{", "PARSE_ERROR"),
        ("{} {}", "PARSE_ERROR"),
        ("[]", "PARSE_ERROR"),
        ("\u{feff}{}", "PARSE_ERROR"),
        (deep.as_str(), "PARSE_ERROR"),
        ("{\"context\": 1}", "INVALID_CONTEXT"),
        ("{\"context\": []}", "INVALID_CONTEXT"),
        ("{\"context\": {\"targetingKey\": 1}}", "INVALID_CONTEXT"),
        ("{\"context\": {\"kind\": \"multi\"}}", "INVALID_CONTEXT"),
        (many_groups.as_str(), "INVALID_CONTEXT"),
        ("{\"context\": {}}", "TARGETING_KEY_MISSING"),
    ] {
        let shown: String = body.chars().take(40).collect();
        let answer = server
            .send(Method::POST, path, &headers, body.to_owned())
            .await;
        assert_eq!(answer.status, 400, "{shown}");
        let error = answer.json();
        assert_eq!(
            (&error["key"], &error["errorCode"]),
            (&json!("half"), &json!(code)),
            "{shown}"
        );
        assert!(!error["errorDetails"].as_str().unwrap().is_empty());
    }
    let wrong = server
        .evaluate("by-company", json!({"targetingKey": "u", "company": [1]}))
        .await;
    assert_eq!(
        (wrong.status.as_u16(), wrong.json()["errorCode"].clone()),
        (400, json!("INVALID_CONTEXT"))
    );
}

#[tokio::test]
async fn a_body_beyond_the_limit_is_refused() {
    let server = Server::start().await;
    server.set(boolean("search", json!({}))).await;
    let path = "/ofrep/v1/evaluate/flags/search";
    let body =
        |bytes: usize| json!({"context": {"targetingKey": "u"}, "ignored": "x".repeat(bytes)});
    let accepted = server.post(path, SERVER, &[], &body(255 * 1024)).await;
    assert_eq!(accepted.status, 200);
    let refused = server
        .post(path, SERVER, &[], &body(10 * 1024 * 1024))
        .await;
    assert_eq!(refused.status, 413);
    assert_eq!(
        refused.json()["errorDetails"],
        "the body is larger than 262144 bytes"
    );
    let small = Server::with(Ofrep::open(Audience::Server).max_body_bytes(64)).await;
    small.set(boolean("search", json!({}))).await;
    assert_eq!(small.evaluate("search", user()).await.status, 200);
    assert_eq!(small.post(path, SERVER, &[], &body(64)).await.status, 413);
}

#[tokio::test]
async fn a_missing_flag_is_404_and_a_disabled_one_is_not() {
    let server = Server::start().await;
    server.set(boolean("off", json!({"enabled": false}))).await;
    let missing = server.evaluate("missing", user()).await;
    assert_eq!(missing.status, 404);
    assert_eq!(
        missing.json(),
        json!({"key": "missing", "errorCode": "FLAG_NOT_FOUND", "errorDetails": "there is no flag `missing`"})
    );
    let disabled = server.evaluate("off", user()).await;
    assert_eq!(disabled.status, 200);
    assert_eq!(
        disabled.json(),
        json!({"key": "off", "value": false, "reason": "DISABLED", "variant": "off"})
    );
}

#[tokio::test]
async fn a_flag_without_a_value_leaves_it_to_the_code_default() {
    let backend = MemoryBackend::new();
    // Another writer may store a variation that does not exist.
    let mut flag = fixed("broken", "string", json!("x"));
    flag["fallthrough"] = json!("gone");
    let put = Batch::new().put(EntityKey::of("flag", "broken"), flag);
    backend.commit(put).await.unwrap();
    let clock = clock();
    let waygate = builder()
        .backend(backend)
        .clock(clock.clone())
        .build()
        .await
        .unwrap();
    let router = waygate.ofrep(super::support::with_tokens());
    let server = Server::of(waygate, clock, router).await;
    let answer = server.evaluate("broken", user()).await;
    assert_eq!(answer.status, 200);
    assert_eq!(
        answer.json(),
        json!({"key": "broken", "reason": "STATIC", "variant": "gone"})
    );
}

#[tokio::test]
async fn limits_of_the_application_apply_with_retry_after() {
    let clock = clock();
    let waygate = builder().clock(clock.clone()).build().await.unwrap();
    let ofrep = waygate.ofrep(super::support::with_tokens());
    let api = axum::Router::new().nest("/flags", ofrep);
    let router = waygate.guard(api).await.unwrap().into_router();
    let route = "POST:/flags/ofrep/v1/evaluate/flags/{key}#default";
    let policy = RateLimitPolicy::new("1/minute".parse().unwrap()).unwrap();
    waygate
        .system()
        .set_rate_limit(route.parse().unwrap(), policy)
        .await
        .unwrap();
    let server = Server::of(waygate, clock, router).await;
    server.set(boolean("search", json!({}))).await;
    let body = json!({ "context": user() });
    let path = "/flags/ofrep/v1/evaluate/flags/search";
    assert_eq!(server.post(path, SERVER, &[], &body).await.status, 200);
    let limited = server.post(path, SERVER, &[], &body).await;
    assert_eq!(limited.status, 429);
    assert!(
        limited
            .header("retry-after")
            .parse::<u64>()
            .is_ok_and(|seconds| seconds <= 60)
    );
}

#[tokio::test]
async fn damaged_requests_are_answered_without_a_panic() {
    let server = Server::start().await;
    server.set(for_half("half")).await;
    server.set(for_pro("rule")).await;
    let mut random = fastrand::Rng::with_seed(7);
    let bearer = format!("Bearer {SERVER}");
    for _ in 0..300 {
        let mut body = json!({"context": {"targetingKey": "u", "plan": ["pro", 1, null]}})
            .to_string()
            .into_bytes();
        for _ in 0..random.usize(1..6) {
            let at = random.usize(0..body.len());
            body[at] = random.u8(..);
        }
        let key = ["half", "rule", "%00", "a%2F..%2Fb"][random.usize(0..4)];
        let path = format!("/ofrep/v1/evaluate/flags/{key}");
        let answer = server
            .send(Method::POST, &path, &[("authorization", &bearer)], body)
            .await;
        assert!(
            [200, 400, 404].contains(&answer.status.as_u16()),
            "{}",
            answer.status
        );
        assert_eq!(answer.json()["errorCode"].is_string(), answer.status != 200);
    }
}

#[tokio::test]
async fn one_flag_is_counted_as_used_and_all_are_not() {
    let server = Server::start().await;
    server.set(boolean("search", json!({}))).await;
    let evaluations = || {
        let usage = server.waygate.flags().usage("search").unwrap();
        usage.evaluations
    };
    assert_eq!(server.all(&[], user()).await.keys(), ["search"]);
    assert_eq!(evaluations(), 0);
    for _ in 0..3 {
        server.evaluate("search", user()).await;
    }
    assert_eq!(evaluations(), 3);
    server.evaluate("serch", user()).await;
    let missing = format!("{:?}", server.waygate.flags().missing());
    assert!(missing.contains("serch"), "{missing}");
}
