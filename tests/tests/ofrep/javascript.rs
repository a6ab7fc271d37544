use serde_json::{Value, json};

use crate::{
    client::Client,
    server::{CLIENT, SERVER, Server, rollout},
};

fn user() -> Value {
    json!({ "targetingKey": "user-1" })
}

#[test]
fn the_javascript_server_client_evaluates() {
    let server = Server::start();
    let mut client = Client::node("server.cjs", &[&server.url("/flags"), SERVER]);
    for (value_type, key, fallback, value) in [
        ("boolean", "static", json!(false), json!(true)),
        ("string", "text", json!(""), json!("grün")),
        ("number", "whole", json!(0), json!(42)),
        ("number", "float", json!(0), json!(2)),
        ("object", "json", json!({}), json!({"a": [1, {"b": "c"}]})),
        ("object", "list", json!([]), json!([1, "x"])),
    ] {
        let details = client.evaluate(value_type, key, fallback, user());
        assert_eq!(details["value"], value, "{key}: {details}");
        assert_eq!(details["reason"], "STATIC");
        assert!(details["variant"].is_string() && details["errorCode"].is_null());
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
            json!({"since": {"$date": "2029-06-01T00:00:00Z"}}),
            true,
            "TARGETING_MATCH",
        ),
        (
            "since",
            json!({"since": {"$date": "2031-06-01T00:00:00Z"}}),
            false,
            "DEFAULT",
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

    let mut stranger = Client::node(
        "server.cjs",
        &[&server.url("/flags"), "srv_wrong_wrong_wrong"],
    );
    let details = stranger.evaluate("boolean", "static", json!(false), user());
    assert_eq!(
        (&details["value"], &details["reason"]),
        (&json!(false), &json!("ERROR"))
    );
    // One request per minute: the provider pauses for the time of `Retry-After`.
    let mut limited = Client::node("server.cjs", &[&server.url("/limited"), SERVER]);
    assert_eq!(
        limited.evaluate("boolean", "static", json!(false), user())["value"],
        true
    );
    let details = limited.evaluate("boolean", "static", json!(false), user());
    assert!(
        details["errorMessage"]
            .as_str()
            .unwrap()
            .contains("rate limit exceeded, try again after"),
        "{details}"
    );
    let details = limited.evaluate("boolean", "static", json!(false), user());
    assert!(
        details["errorMessage"]
            .as_str()
            .unwrap()
            .contains("paused due to TooManyRequests"),
        "{details}"
    );
}

#[test]
fn the_javascript_web_client_follows_changes() {
    let server = Server::start();
    let context = json!({"targetingKey": "user-1", "plan": "free"});
    let start = |base: &str, token: &str| {
        Client::node("web.cjs", &[&server.url(base), token, &context.to_string()])
    };
    let mut client = start("/flags/ofrep-env/production", CLIENT);
    assert_eq!(client.answer(), "ready");
    let evaluate = |client: &mut Client, value_type: &str, key: &str, fallback: Value| {
        client.ask(json!({ "type": value_type, "key": key, "fallback": fallback }))
    };
    for (value_type, key, fallback, value, reason) in [
        ("boolean", "static", json!(false), json!(true), "STATIC"),
        ("string", "text", json!(""), json!("grün"), "STATIC"),
        ("number", "whole", json!(0), json!(42), "STATIC"),
        ("number", "float", json!(0), json!(2), "STATIC"),
        (
            "object",
            "json",
            json!({}),
            json!({"a": [1, {"b": "c"}]}),
            "STATIC",
        ),
        ("boolean", "plan", json!(true), json!(false), "DEFAULT"),
        ("boolean", "rollout", json!(false), json!(true), "SPLIT"),
        ("boolean", "off", json!(true), json!(false), "DISABLED"),
    ] {
        let details = evaluate(&mut client, value_type, key, fallback);
        assert_eq!(
            (&details["value"], &details["reason"]),
            (&value, &json!(reason)),
            "{key}: {details}"
        );
    }
    for (key, code) in [
        ("missing", "FLAG_NOT_FOUND"),
        ("secret", "FLAG_NOT_FOUND"),
        ("text", "TYPE_MISMATCH"),
    ] {
        let details = evaluate(&mut client, "boolean", key, json!(false));
        assert_eq!(details["errorCode"], code, "{details}");
    }
    assert_eq!(client.ask(json!({"op": "statuses"})), json!([200]));

    // The provider keeps its tag when another attribute changes, and sends it. The context has changed, so has the tag.
    client.ask(json!({"op": "context", "context": {"targetingKey": "user-1", "plan": "pro"}}));
    assert_eq!(
        evaluate(&mut client, "boolean", "plan", json!(false))["value"],
        true
    );
    client.ask(json!({"op": "context", "context": {"targetingKey": "user-1", "plan": "pro"}}));
    assert_eq!(client.ask(json!({"op": "statuses"})), json!([200, 304]));

    let mut times = Vec::new();
    for on in [0, 100_000, 0, 100_000] {
        server.patch("rollout", rollout(on));
        let (event, time) = client.event("PROVIDER_CONFIGURATION_CHANGED");
        assert_eq!(event["flags"], json!(["rollout"]));
        times.push(time);
        let details = evaluate(&mut client, "boolean", "rollout", json!(on == 0));
        assert_eq!(details["value"], on > 0);
    }
    // The machine may be busy with other tests.
    let fastest = times.iter().min().unwrap();
    assert!(fastest.as_millis() < 1000, "a change takes {times:?}");
    assert_eq!(
        client.ask(json!({"op": "statuses"})),
        json!([200, 200, 200, 200])
    );

    for (base, token, expected) in [
        ("/flags", "web_wrong_wrong_wrong", "Initialization failed"),
        (
            "/flags/ofrep-env/staging",
            CLIENT,
            "Failed OFREP bulk evaluation request",
        ),
    ] {
        let refused = start(base, token).answer();
        assert!(
            refused["failed"].as_str().unwrap().contains(expected),
            "{refused}"
        );
    }
}
