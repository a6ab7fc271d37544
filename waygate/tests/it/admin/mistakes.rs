//! Requests that do something other than their author meant: they are refused, or the response says so.

use axum::body::Body;
use serde_json::{Value, json};

use super::support::{Answer, Server, at, limit_at};

async fn send(server: &Server, method: &str, path: &str, body: &str) -> Answer {
    let request = server.request(method, path);
    server
        .send(request.body(body.to_owned().into()).unwrap())
        .await
}

/// A server with two rate limits and two concurrency limits, of a route and of everything.
async fn start() -> Server {
    let server = Server::start().await;
    for name in ["default", "gentle"] {
        let rate = json!({ "name": name, "limit": "5/minute", "key_strategy": "api_key" });
        let few = json!({ "name": name, "limit": 5 });
        for (kind, mut limit) in [("rate-limit", rate), ("concurrency-limit", few)] {
            let global = match kind {
                "rate-limit" => "/api/global-rate-limit",
                _ => "/api/global-concurrency-limits",
            };
            server.post(global, limit.clone()).await.expect(201);
            limit["path"] = "/payments".into();
            let path = format!("/api/{kind}s");
            server.post(&path, limit).await.expect(201);
        }
    }
    let window = json!({ "start": "2031-01-01T00:00:00Z", "end": "2031-01-02T00:00:00Z" });
    let schedule = at("GET:/payments", "/schedule");
    server.post(&schedule, window).await.expect(200);
    server
}

#[tokio::test]
async fn ignored_bodies_are_refused_with_a_hint() {
    let server = start().await;
    let before = server.state().await;
    let name = r#"{"name":"gentle"}"#;
    let window = r#"{"start":"2031-01-01T00:00:00Z","end":"2031-01-02T00:00:00Z"}"#;
    let key = r#"{"key":["2"]}"#;
    let limits = limit_at("GET:/payments", "");
    let concurrency = limits.replace("rate-limits", "concurrency-limits");
    for (method, path, body, right) in [
        ("DELETE", &*limits, name, "`?name=`"),
        ("DELETE", &concurrency, name, "`?name=`"),
        ("DELETE", "/api/global-rate-limit", name, "`?name=`"),
        ("DELETE", "/api/services/a/rate-limit", name, "`?name=`"),
        ("DELETE", "/api/global-concurrency-limits", name, "`?name=`"),
        (
            "DELETE",
            &at("GET:/payments", "/schedule"),
            window,
            "`?window=`",
        ),
        (
            "DELETE",
            &limit_at("GET:/payments", "/reset"),
            key,
            "`?method=`",
        ),
        (
            "DELETE",
            &limit_at("GET:/payments", "/reset"),
            key,
            "`POST` reads one: it resets the counter of exactly one key",
        ),
        (
            "DELETE",
            "/api/global-rate-limit/reset",
            key,
            "`POST` reads one",
        ),
        (
            "DELETE",
            &at("GET:/payments", "/deprecate"),
            "{",
            "reads no body",
        ),
        ("DELETE", &at("GET:/payments", ""), "[]", "reads no body"),
        ("DELETE", &limits, "garbage{", "reads no body"),
        ("GET", &limits, name, "reads no body"),
        (
            "GET",
            "/api/audit",
            r#"{"route":"GET:/payments"}"#,
            "`?route=`",
        ),
        (
            "POST",
            "/api/auth/logout",
            r#"{"token":"x"}"#,
            "reads no body",
        ),
        ("DELETE", &limits, &"x".repeat(5_000), "reads no body"),
    ] {
        let answer = send(&server, method, path, body).await;
        let text = answer.refused(400);
        assert!(text.contains(right), "{method} {path}: {text}");
    }
    assert_eq!(server.state().await, before);
    // Empty bodies, which clients send without a purpose.
    for body in ["", "{}", " { } "] {
        send(&server, "DELETE", &limits, body).await.expect(200);
        send(&server, "GET", &limits, body).await.expect(200);
    }
    send(&server, "POST", "/api/auth/logout", "{}")
        .await
        .expect(200);
}

#[tokio::test]
async fn deleting_something_missing_carries_a_warning() {
    let server = start().await;
    let deleted = async |path: &str| {
        let deleted = server.delete(path).await.expect(200);
        assert_eq!(deleted["ok"], true);
        deleted
    };
    let limits = limit_at("GET:/payments", "");
    for (kind, noun) in [("rate-limits", "policy"), ("concurrency-limits", "limit")] {
        let path = limits.replace("rate-limits", kind);
        let wrong = deleted(&format!("{path}?name=genlte")).await;
        assert_eq!(wrong["name"], "genlte");
        assert_eq!(
            wrong["warning"],
            format!(
                "There was no {noun} `GET:/payments#genlte` of an operator, so nothing has changed: did you mean `gentle`?"
            )
        );
        let right = deleted(&format!("{path}?name=gentle")).await;
        assert_eq!(
            (&right["name"], &right["warning"]),
            (&json!("gentle"), &Value::Null)
        );
        let again = deleted(&format!("{path}?name=gentle")).await;
        let text = again["warning"].as_str().unwrap();
        assert!(text.ends_with("nothing has changed"), "{text}");
    }
    for path in ["/api/global-rate-limit", "/api/global-concurrency-limits"] {
        let wrong = deleted(&format!("{path}?name=genlte")).await;
        let text = wrong["warning"].as_str().unwrap();
        assert!(
            text.contains("`*#genlte`") && text.contains("`gentle`"),
            "{text}"
        );
        let right = deleted(&format!("{path}?name=gentle")).await;
        assert_eq!(right, json!({ "ok": true }));
    }
}

#[tokio::test]
async fn commands_without_effect_carry_a_warning() {
    let server = start().await;
    let shadowed = json!({ "name": "gentle" });
    let path = |of_route: bool, what: &str| match of_route {
        true => limit_at("GET:/payments", what),
        false => format!("/api/global-rate-limit{what}"),
    };
    for of_route in [true, false] {
        let key = if of_route { "GET:/payments" } else { "*" };
        let post = async |what: &str, body: Value| {
            let reply = server.post(&path(of_route, what), body).await.expect(200);
            reply["warning"].as_str().unwrap_or_default().to_owned()
        };
        assert_eq!(post("/shadow", shadowed.clone()).await, "");
        let before = server.state().await;
        assert_eq!(
            post("/promote", json!({})).await,
            format!(
                "The policy `{key}#default` was not in shadow mode, so nothing has changed: `gentle` is, which \
                 `{{\"name\": \"gentle\"}}` names"
            )
        );
        let text = post("/shadow", shadowed.clone()).await;
        assert!(text.contains("was in shadow mode already"), "{text}");
        let (pause, resume) = match of_route {
            true => ("/pause", "/resume"),
            false => ("/disable", "/enable"),
        };
        let text = post(resume, json!({})).await;
        assert!(text.contains("was not paused"), "{text}");
        assert_eq!(server.state().await, before);
        assert_eq!(post("/promote", shadowed.clone()).await, "");
        assert_eq!(post(pause, json!({})).await, "");
        let text = post(pause, json!({})).await;
        assert!(text.contains("was paused already"), "{text}");
        assert_eq!(post(resume, json!({})).await, "");
    }
    let misspelled = json!({ "name": "genlte" });
    let key = json!({ "name": "genlte", "key": ["a"] });
    for path in [
        limit_at("GET:/payments", ""),
        "/api/global-rate-limit".to_owned(),
    ] {
        for (what, body) in [
            ("/promote", &misspelled),
            ("/shadow", &misspelled),
            ("/reset", &key),
        ] {
            let text = server
                .post(&format!("{path}{what}"), body.clone())
                .await
                .refused(404);
            assert!(text.starts_with("There is no policy `"), "{text}");
            assert!(text.ends_with("#genlte`: did you mean `gentle`?"), "{text}");
        }
    }
    let none = server.post("/api/services/a/rate-limit/disable", json!({}));
    let none = none.await.expect(200);
    let text = none["warning"].as_str().unwrap();
    assert!(
        text.starts_with("There is no policy `service:a#default`"),
        "{text}"
    );
}

#[tokio::test]
async fn misspelled_paths_get_a_suggestion() {
    let server = Server::start().await;
    for (path, meant) in [
        (at("GET:/orders", "/disabel"), "did you mean `disable`?"),
        (
            "/api/routes/GET:%2Forders/disabel".to_owned(),
            "did you mean `disable`?",
        ),
        (
            limit_at("GET:/orders", "/promte"),
            "did you mean `promote`?",
        ),
        ("/api/global/enabel".to_owned(), "did you mean `enable`?"),
        ("/api/rate-limit".to_owned(), "did you mean `rate-limits`?"),
        (
            "/api/concurency-limits/GET:%2Forders".to_owned(),
            "did you mean `concurrency-limits`?",
        ),
    ] {
        let answer = server.post(&path, json!({})).await;
        let detail = answer.json()["detail"].as_str().unwrap().to_owned();
        answer.refused(404);
        assert!(detail.ends_with(meant), "{path}: {detail}");
    }
    for path in ["/api/routes/GET:%2Forders/qqqqq", "/api/x/y/z", "/api/zzz"] {
        let answer = server.post(path, json!({})).await;
        let body = answer.json();
        assert!(!body.to_string().contains("did you mean"), "{body}");
    }
}

#[tokio::test]
async fn errors_about_the_body_are_in_plain_words() {
    let server = start().await;
    let reset = limit_at("GET:/payments", "/reset");
    let answer = server.post_raw(&reset, Body::empty()).await;
    assert_eq!(
        answer.json()["detail"],
        "The body is empty: expected a JSON object of the fields `name`, `key`."
    );
    assert_eq!(answer.refused(400), "Invalid JSON body");
    let two = server.post(&reset, json!({ "key": ["a", "b"] })).await;
    assert_eq!(
        two.refused(400),
        "invalid number of key values `2`: expected a value for each of `api_key`"
    );
    for (path, field, value, text) in [
        (
            "/api/global-concurrency-limits",
            "limit",
            json!(0),
            "limit: invalid value: integer `0`, expected a whole number from 1 to 4294967295",
        ),
        (
            "/api/global-concurrency-limits",
            "limit",
            json!(-1),
            "limit: invalid value: integer `-1`, expected a whole number from 1 to 4294967295",
        ),
        (
            "/api/global-rate-limit",
            "cost",
            json!(0),
            "cost: invalid value: integer `0`, expected a whole number from 1 to 4294967295",
        ),
        (
            "/api/auth/tokens",
            "expires_in_seconds",
            json!(-1),
            "expires_in_seconds: invalid value: integer `-1`, expected a whole number, 0 or more",
        ),
    ] {
        let mut body = match path {
            "/api/auth/tokens" => json!({ "name": "x", "scopes": ["read"] }),
            _ => json!({ "limit": "5/minute" }),
        };
        body[field] = value;
        assert_eq!(server.post(path, body).await.refused(400), text);
    }
}

#[tokio::test]
async fn networks_with_host_bits_are_masked_with_a_warning() {
    let server = Server::start().await;
    let written = [
        "10.0.0.1/8",
        "192.0.2.0/24",
        "2001:db8::1/32",
        "203.0.113.7",
    ];
    let warning = |field: &str| {
        format!(
            "{field}[0]: `10.0.0.1/8` has bits beyond its prefix, and means `10.0.0.0/8`; {field}[2]: \
             `2001:db8::1/32` has bits beyond its prefix, and means `2001:db8::/32`"
        )
    };
    let flagged = async |path: &str, mut body: Value, field: &str, status| {
        body[field] = json!(written);
        let reply = server.post(path, body.clone()).await.expect(status);
        assert_eq!(reply["warning"], warning(field), "{path}");
        assert_eq!(reply[field][0], "10.0.0.0/8", "{path}");
        body[field] = json!(["10.0.0.0/8"]);
        let reply = server.post(path, body).await.expect(status);
        assert_eq!(reply.get("warning").unwrap_or(&Value::Null), &Value::Null);
    };
    let access = at("GET:/orders", "/access");
    flagged(&access, json!({ "allowed_roles": [] }), "allowed_ips", 200).await;
    flagged("/api/global/enable", json!({}), "exempt_ips", 200).await;
    let of_route = json!({ "path": "/payments", "limit": "5/minute" });
    flagged("/api/rate-limits", of_route, "exempt_ips", 201).await;
    let of_route = json!({ "path": "/payments", "limit": 5 });
    flagged("/api/concurrency-limits", of_route, "exempt_ips", 201).await;
    let limit = json!({ "limit": "5/minute" });
    flagged("/api/global-rate-limit", limit, "exempt_ips", 201).await;
    flagged(
        "/api/global-concurrency-limits",
        json!({ "limit": 5 }),
        "exempt_ips",
        201,
    )
    .await;
}

#[tokio::test]
async fn lists_of_objects_are_shown_in_their_form() {
    let server = start().await;
    let form = r#"expected a list of tiers, such as `[{"name": "pro", "limit": "1000/minute"}]`"#;
    let of = |tiers: Value| json!({ "path": "/payments", "limit": "1/minute", "tiers": tiers });
    for (tiers, found) in [
        (json!({ "pro": "9/minute" }), "tiers: invalid type: map, "),
        (json!("pro"), "tiers: invalid type: string \"pro\", "),
    ] {
        for path in ["/api/rate-limits", "/api/global-rate-limit"] {
            let mut body = of(tiers.clone());
            if path.contains("global") {
                body.as_object_mut().unwrap().remove("path");
            }
            let text = server.post(path, body).await.refused(400);
            assert_eq!(text, format!("{found}{form}"), "{path}");
        }
    }
    let text = server
        .post("/api/rate-limits", of(json!(["pro"])))
        .await
        .refused(400);
    assert_eq!(
        text,
        r#"tiers[0]: invalid type: string "pro", expected a tier, such as `{"name": "pro", "limit": "1000/minute"}`"#
    );
}

#[tokio::test]
async fn empty_lists_of_an_unknown_route_carry_a_warning() {
    let server = start().await;
    let warning = |answer: &Answer| {
        let warning = answer.headers.get("x-waygate-warning");
        warning.map(|warning| warning.to_str().unwrap().to_owned())
    };
    for path in ["/api/audit", "/api/rate-limits/hits"] {
        for (route, expected) in [
            (
                "GET:/orderz",
                Some("no route `GET:/orderz` is registered: did you mean `GET:/orders`?"),
            ),
            ("GET:/orders", None),
        ] {
            let answer = server.get(&format!("{path}?route={route}")).await;
            assert_eq!(answer.json(), json!([]), "{path} {route}");
            assert_eq!(warning(&answer).as_deref(), expected, "{path} {route}");
        }
        let answer = server.get(path).await;
        assert_eq!(warning(&answer), None, "{path}");
    }
}

#[tokio::test]
async fn a_misspelled_environment_carries_a_warning() {
    let server = Server::start().await;
    let path = at("GET:/payments", "/env");
    let set = async |env: &str| {
        server
            .post(&path, json!({ "envs": [env] }))
            .await
            .expect(200)
    };
    for env in ["prodution", "prod"] {
        assert_eq!(
            set(env).await["warning"],
            format!(
                "limited to `{env}`, so closed in this process, whose environment is `production`: did you mean `production`?"
            )
        );
    }
    for env in ["production", "staging"] {
        assert_eq!(set(env).await["warning"], Value::Null, "{env}");
    }
}

#[tokio::test]
async fn a_limit_of_zero_carries_a_warning() {
    let server = Server::start().await;
    for (limit, warning) in [
        (
            json!({ "limit": "0/minute" }),
            "`0/minute` refuses every request with 429",
        ),
        (
            json!({ "limit": "5/minute; 0/hour", "algorithm": "sliding_window" }),
            "`5/minute; 0/hour` refuses every request with 429",
        ),
        (
            json!({ "limit": "5/minute", "tiers": [{ "name": "free", "limit": "0/minute" }] }),
            "`0/minute` refuses every request of the tier `free` with 429",
        ),
    ] {
        let global = server
            .post("/api/global-rate-limit", limit.clone())
            .await
            .expect(201);
        let text = global["warning"].as_str().unwrap();
        assert!(text.ends_with(warning), "{global}");
        let mut of_route = limit;
        of_route["path"] = "/payments".into();
        let of_route = server.post("/api/rate-limits", of_route).await.expect(201);
        assert!(
            of_route["warning"].as_str().unwrap().contains(warning),
            "{of_route}"
        );
    }
    let burst = json!({ "limit": "0/minute", "burst": 2 });
    let global = server
        .post("/api/global-rate-limit", burst)
        .await
        .expect(201);
    assert_eq!(global["warning"], Value::Null);
}
