use serde_json::{Value, json};

use crate::{
    client::Client,
    server::{SERVER, Server, rollout},
};

fn user() -> Value {
    json!({ "targetingKey": "user-1" })
}

#[test]
fn the_python_client_evaluates() {
    let server = Server::start();
    let mut client = Client::python("client.py", &[&server.url("/flags"), SERVER]);
    for (value_type, key, fallback, value, kind) in [
        ("boolean", "static", json!(false), json!(true), "bool"),
        ("string", "text", json!(""), json!("grün"), "str"),
        ("integer", "whole", json!(0), json!(42), "int"),
        ("float", "float", json!(0.5), json!(2.0), "float"),
        (
            "object",
            "json",
            json!({}),
            json!({"a": [1, {"b": "c"}]}),
            "dict",
        ),
        ("object", "list", json!([]), json!([1, "x"]), "list"),
    ] {
        let details = client.evaluate(value_type, key, fallback, user());
        assert_eq!(
            (&details["value"], &details["kind"]),
            (&value, &json!(kind)),
            "{key}: {details}"
        );
        assert_eq!(details["reason"], "STATIC");
        assert!(details["variant"].is_string());
    }
    for (key, context, value, reason) in [
        ("plan", json!({"plan": "pro"}), true, "TARGETING_MATCH"),
        ("plan", json!({"plan": "free"}), false, "DEFAULT"),
        (
            "nested",
            json!({"company": {"region": "eu"}}),
            true,
            "TARGETING_MATCH",
        ),
        (
            "roles",
            json!({"roles": ["user", "admin"]}),
            true,
            "TARGETING_MATCH",
        ),
        (
            "since",
            json!({"since": "2029-06-01T00:00:00+00:00"}),
            true,
            "TARGETING_MATCH",
        ),
        ("rollout", user(), true, "SPLIT"),
        ("off", user(), false, "DISABLED"),
    ] {
        let details = client.evaluate("boolean", key, json!(!value), context);
        assert_eq!(
            (&details["value"], &details["reason"]),
            (&json!(value), &json!(reason)),
            "{details}"
        );
    }
    let details = client.evaluate("boolean", "plan", json!(false), json!({"plan": "pro"}));
    assert_eq!(
        details["flagMetadata"],
        json!({"ruleId": "rule-1", "ruleIndex": 0})
    );
    for (value_type, key, fallback, context, code) in [
        ("boolean", "missing", json!(true), user(), "FLAG_NOT_FOUND"),
        (
            "boolean",
            "rollout",
            json!(true),
            json!({}),
            "TARGETING_KEY_MISSING",
        ),
        (
            "boolean",
            "rollout",
            json!(true),
            json!({"targetingKey": 5}),
            "INVALID_CONTEXT",
        ),
        ("boolean", "text", json!(true), user(), "TYPE_MISMATCH"),
        ("float", "whole", json!(0.5), user(), "TYPE_MISMATCH"),
    ] {
        let details = client.evaluate(value_type, key, fallback.clone(), context);
        assert_eq!(
            (&details["errorCode"], &details["value"]),
            (&json!(code), &fallback),
            "{details}"
        );
    }
    server.patch("rollout", rollout(0));
    assert_eq!(
        client.evaluate("boolean", "rollout", json!(true), user())["value"],
        false
    );

    let mut stranger = Client::python(
        "client.py",
        &[&server.url("/flags"), "srv_wrong_wrong_wrong"],
    );
    let details = stranger.evaluate("boolean", "static", json!(false), user());
    assert_eq!(
        (&details["value"], &details["errorMessage"]),
        (&json!(false), &json!("unauthorized"))
    );
    let mut limited = Client::python("client.py", &[&server.url("/limited"), SERVER]);
    assert_eq!(
        limited.evaluate("boolean", "static", json!(false), user())["value"],
        true
    );
    for expected in [
        "Rate limited, retry after: ",
        "paused due to TooManyRequests",
    ] {
        let details = limited.evaluate("boolean", "static", json!(false), user());
        assert!(
            details["errorMessage"].as_str().unwrap().contains(expected),
            "{details}"
        );
    }
}
