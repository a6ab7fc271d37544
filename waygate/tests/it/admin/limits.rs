//! Rate limits: setting, controlling, resetting and listing them.

use axum::{body::Body, extract::Request};
use http::header;
use serde_json::{Value, json};
use waygate::{
    admin::{Admin, Credentials},
    audit::AuditQuery,
};

use super::support::{Answer, Server, limit_at};

async fn set(server: &Server, fields: Value) -> Value {
    server.post("/api/rate-limits", fields).await.expect(201)
}

/// Sends a request to the application with this API key.
async fn ask(server: &Server, path: &str, key: &str) -> u16 {
    let request = Request::get(path).header("x-api-key", key);
    let answer = server.call(request.body(Body::empty()).unwrap()).await;
    answer.status.as_u16()
}

async fn conditional(
    server: &Server,
    method: &str,
    path: &str,
    with: (&str, &str),
    body: Value,
) -> Answer {
    let request = server
        .request(method, path)
        .header(header::CONTENT_TYPE, "application/json")
        .header(with.0, with.1);
    let body = if body.is_null() {
        Body::empty()
    } else {
        body.to_string().into()
    };
    server.send(request.body(body).unwrap()).await
}

/// The newest audit entry: action, actor, platform, path, reason.
async fn line(server: &Server) -> String {
    let lines = server.waygate.audit(AuditQuery::newest(1)).await.unwrap();
    let line = &lines[0];
    format!(
        "{} {} {} {} {}",
        line.action, line.actor, line.platform, line.path, line.reason
    )
}

#[tokio::test]
async fn policies_accept_every_field_and_omitted_fields_have_defaults() {
    let server = Server::start().await;
    let fields = json!({
        "path": "/orders", "method": "post", "name": "nightly", "limit": "10/minute; 100/day", "algorithm": "token_bucket",
        "key_strategy": "user, header:x-id", "on_missing_key": "block", "burst": 3, "cost": 2,
        "tiers": [{ "name": "pro", "limit": "20/minute" }, { "name": "staff", "limit": "unlimited" }],
        "tier_resolver": "tariff", "exempt_ips": ["10.0.0.0/8", "::1"], "exempt_roles": ["ops"], "shadow": true,
        "rollout": 12.5, "on_store_failure": "closed", "lease": true, "time_zone": "Europe/Berlin",
    });
    let made = set(&server, fields.clone()).await;
    for (name, value) in fields.as_object().unwrap() {
        let expected = match name.as_str() {
            "method" => json!("POST"),
            "exempt_ips" => json!(["10.0.0.0/8", "::1/128"]),
            _ => value.clone(),
        };
        assert_eq!(made[name], expected, "{name}");
    }
    assert_eq!(made["key"], "POST:/orders#nightly");
    assert_eq!(
        (&made["enabled"], &made["overridden"]),
        (&json!(true), &json!(true))
    );
    let meaning = made["meaning"].as_str().unwrap();
    assert!(
        meaning.starts_with("a burst of 3, and 10 per minute"),
        "{meaning}"
    );
    let again = set(
        &server,
        json!({ "path": "/orders", "method": "POST", "name": "nightly", "limit": "1/hour", "burst": null }),
    )
    .await;
    for (name, value) in [
        ("algorithm", json!("fixed_window")),
        ("key_strategy", json!("ip")),
        ("burst", json!(0)),
        ("shadow", json!(false)),
        ("tiers", json!([])),
        ("rollout", json!(100.0)),
    ] {
        assert_eq!(again[name], value, "{name}");
    }
    let listed = server.get(&limit_at("POST:/orders", "")).await.expect(200);
    assert_eq!(listed, json!([again]));
    assert_eq!(server.get("/api/rate-limits").await.expect(200), listed);
    assert_eq!(
        line(&server).await,
        "rl_policy_updated admin cli POST:/orders 1/hour · fixed_window · ip"
    );
}

#[tokio::test]
async fn invalid_policies_are_refused_with_a_valid_alternative() {
    let server = Server::start().await;
    let before = server.state().await;
    let mistakes = [
        (
            json!({ "limt": "1/minute" }),
            400,
            "did you mean `limit`?",
            "",
        ),
        (
            json!({ "exempt_routes": [] }),
            400,
            "unknown field `exempt_routes`",
            "",
        ),
        (
            json!({ "limit": "" }),
            400,
            "path and limit are required",
            "",
        ),
        (json!({ "limit": 5 }), 400, "limit: invalid type", ""),
        (
            json!({ "limit": "2/minutesedrr" }),
            400,
            "Invalid rate limit string '2/minutesedrr'. Use the format",
            "limit: invalid rate limit `2/minutesedrr`",
        ),
        (
            json!({ "algorithm": "leaky" }),
            400,
            "'leaky' is not a valid RateLimitAlgorithm",
            "use one of fixed_window",
        ),
        (
            json!({ "on_missing_key": "x" }),
            400,
            "'x' is not a valid OnMissingKey",
            "use one of",
        ),
        (
            json!({ "tiers": [{ "name": "a", "limit": "x" }] }),
            400,
            "tiers[0].limit: invalid",
            "",
        ),
        (json!({ "exempt_ips": ["x"] }), 400, "exempt_ips", ""),
        (
            json!({ "limit": "10/minute", "cost": 50 }),
            400,
            "invalid cost `50`: no request would ever pass, since `10/minute` allows 10 at most",
            "",
        ),
        (
            json!({ "method": "BREW" }),
            400,
            "invalid method `BREW`",
            "",
        ),
        (
            json!({ "method": "PUT" }),
            404,
            "Route 'PUT:/orders' is not registered",
            "",
        ),
        (json!({ "method": "all" }), 409, "ambiguous", ""),
        (json!({ "path": "orders" }), 400, "", ""),
        (
            json!({ "name": "a b" }),
            400,
            "name: invalid policy name",
            "",
        ),
        (
            json!({ "key_strategy": "custom" }),
            400,
            "the code declares no policy `default` here",
            "",
        ),
    ];
    for (change, status, error, detail) in mistakes {
        let mut fields = json!({ "path": "/orders", "method": "GET", "limit": "1/minute" });
        for (name, value) in change.as_object().unwrap() {
            fields[name] = value.clone();
        }
        let answer = server.post("/api/rate-limits", fields).await;
        let text = answer.json()["detail"].as_str().unwrap().to_owned();
        assert!(text.contains(detail), "{change}: {text}");
        let text = answer.refused(status);
        assert!(text.contains(error), "{change}: {text}");
    }
    assert_eq!(server.state().await, before);
}

#[tokio::test]
async fn each_policy_has_its_own_etag() {
    let server = Server::start().await;
    let fields = json!({ "path": "/orders", "method": "GET", "limit": "1/minute" });
    let path = "/api/rate-limits";
    for with in [("if-match", "*"), ("if-match", "\"x\"")] {
        let text = conditional(&server, "POST", path, with, fields.clone())
            .await
            .refused(412);
        assert!(text.contains("is not there"), "{text}");
    }
    let made = conditional(
        &server,
        "POST",
        path,
        ("if-none-match", "*"),
        fields.clone(),
    )
    .await;
    let tag = made.header("etag").to_owned();
    assert_eq!(made.expect(201)["etag"], tag.as_str());
    let text = conditional(
        &server,
        "POST",
        path,
        ("if-none-match", "*"),
        fields.clone(),
    );
    text.await.refused(412);
    // A change of another policy keeps the tag.
    set(&server, json!({ "path": "/payments", "limit": "1/minute" })).await;
    let pause = limit_at("GET:/orders", "/pause");
    let paused = conditional(&server, "POST", &pause, ("if-match", &tag), json!({})).await;
    let next = paused.header("etag").to_owned();
    assert_eq!(paused.expect(200)["enabled"], false);
    for (method, path, body) in [
        ("POST", limit_at("GET:/orders", "/resume"), json!({})),
        (
            "POST",
            limit_at("GET:/orders", "/reset"),
            json!({ "key": ["192.0.2.1"] }),
        ),
        ("DELETE", limit_at("GET:/orders", "/reset"), Value::Null),
        ("DELETE", limit_at("/orders", "/reset"), Value::Null),
        ("DELETE", limit_at("GET:/orders", ""), Value::Null),
    ] {
        let lost = conditional(&server, method, &path, ("if-match", &tag), body).await;
        assert_eq!(lost.header("etag"), next, "{method} {path}");
        lost.refused(412);
    }
    let path = limit_at("GET:/orders", "");
    let done = conditional(&server, "DELETE", &path, ("if-match", &next), Value::Null);
    done.await.expect(200);
}

#[tokio::test]
async fn a_strict_server_requires_if_match() {
    let admin = Admin::new(Credentials::new("admin", "secret")).require_if_match(true);
    let server = Server::with(admin).await;
    let fields = json!({ "limit": "1/minute" });
    for path in ["/api/global-rate-limit", "/api/services/billing/rate-limit"] {
        server.post(path, fields.clone()).await.refused(428);
        let made = conditional(
            &server,
            "POST",
            path,
            ("if-none-match", "*"),
            fields.clone(),
        )
        .await;
        let tag = made.header("etag").to_owned();
        made.expect(201);
        assert_eq!(server.get(path).await.header("etag"), tag);
        server.delete(path).await.refused(428);
        conditional(&server, "DELETE", path, ("if-match", &tag), Value::Null)
            .await
            .expect(200);
        assert_eq!(server.get(path).await.header("etag"), "");
    }
}

#[tokio::test]
async fn limits_pause_resume_shadow_and_promote() {
    let server = Server::start().await;
    set(
        &server,
        json!({ "path": "/orders", "method": "GET", "limit": "1/minute", "key_strategy": "api_key" }),
    )
    .await;
    let control = async |what: &str, body: Value| {
        let path = limit_at("GET:/orders", what);
        let reply = server.post(&path, body).await.expect(200);
        let policy = (
            reply["enabled"].as_bool().unwrap(),
            reply["shadow"].as_bool().unwrap(),
        );
        (policy, line(&server).await)
    };
    assert_eq!(
        (
            ask(&server, "/orders", "a").await,
            ask(&server, "/orders", "a").await
        ),
        (200, 429)
    );
    let (policy, reply) = control("/pause", json!({})).await;
    assert_eq!(policy, (false, false));
    assert_eq!(
        reply,
        "rl_policy_updated admin cli GET:/orders 1/minute · fixed_window · api_key"
    );
    assert_eq!(ask(&server, "/orders", "a").await, 200);
    assert_eq!(
        control("/resume", json!({ "name": "default" })).await.0,
        (true, false)
    );
    assert_eq!(ask(&server, "/orders", "a").await, 429);
    let (policy, reply) = control("/shadow", json!({})).await;
    assert_eq!(policy, (true, true));
    assert!(reply.ends_with("· shadow"), "{reply}");
    assert_eq!(ask(&server, "/orders", "a").await, 200);
    assert_eq!(control("/promote", json!({})).await.0, (true, false));
    assert_eq!(ask(&server, "/orders", "a").await, 429);
    let policy = &server.get(&limit_at("/limited", "")).await.expect(200);
    assert_eq!(policy, &json!([]));
    for (key, status) in [("GET:/ghost", 404), ("GET:/limited", 404), ("/orders", 409)] {
        server
            .post(&limit_at(key, "/pause"), json!({}))
            .await
            .refused(status);
    }
    let text = server
        .post(&limit_at("GET:/orders", "/pause"), json!({ "name": "x" }))
        .await
        .refused(404);
    assert_eq!(text, "There is no policy `GET:/orders#x`.");
    let counts = &server.get(&limit_at("GET:/orders", "")).await.expect(200)[0]["counts"];
    assert_eq!(
        counts,
        &json!({ "allowed": 1, "refused": 3, "would_refuse": 1 })
    );
}

#[tokio::test]
async fn reset_affects_only_the_given_key() {
    let server = Server::start().await;
    set(
        &server,
        json!({ "path": "/orders", "method": "GET", "limit": "1/minute", "key_strategy": "api_key" }),
    )
    .await;
    for key in ["a", "b"] {
        assert_eq!(
            (
                ask(&server, "/orders", key).await,
                ask(&server, "/orders", key).await
            ),
            (200, 429)
        );
    }
    let path = limit_at("GET:/orders", "/reset");
    let reply = server
        .post(&path, json!({ "name": "default", "key": ["a"] }))
        .await
        .expect(200);
    assert_eq!(reply, json!({ "ok": true }));
    let logged = line(&server).await;
    assert!(
        logged.starts_with("rl_reset admin cli GET:/orders "),
        "{logged}"
    );
    assert!(!logged.contains(" a of"), "{logged}");
    assert_eq!(
        (
            ask(&server, "/orders", "a").await,
            ask(&server, "/orders", "b").await
        ),
        (200, 429)
    );
    for (body, status, problem) in [
        (json!({}), 400, "missing field `key`"),
        (
            json!({ "key": [] }),
            400,
            "expected a value for each of `api_key`",
        ),
        (
            json!({ "key": ["sk_live_1", "sk_live_2"] }),
            400,
            "expected a value for each of `api_key`",
        ),
        (json!({ "key": "a" }), 400, "key: invalid type"),
        (
            json!({ "key": ["a"], "name": "x" }),
            404,
            "There is no policy",
        ),
    ] {
        let text = server.post(&path, body).await.refused(status);
        assert!(text.contains(problem), "{text}");
        assert!(!text.contains("sk_live"), "{text}");
    }
    server
        .post(&limit_at("GET:/ghost", "/reset"), json!({ "key": ["a"] }))
        .await
        .refused(404);
    // Resets all keys, by either spelling.
    for (key, query) in [
        ("/orders", "?method=get"),
        ("GET:/orders", ""),
        ("/orders", ""),
    ] {
        assert_eq!(ask(&server, "/orders", "b").await, 429, "{key}");
        let reply = server
            .delete(&(limit_at(key, "/reset") + query))
            .await
            .expect(200);
        assert_eq!(reply, json!({ "ok": true, "path": key }));
        assert_eq!(ask(&server, "/orders", "b").await, 200, "{key}");
    }
    server
        .delete(&limit_at("GET:/orders", "/reset?method=POST"))
        .await
        .refused(400);
    server
        .delete(&limit_at("/orders", "/reset?method=BREW"))
        .await
        .refused(400);
    server
        .delete(&limit_at("no path", "/reset"))
        .await
        .refused(400);
}

#[tokio::test]
async fn refusals_are_filtered_by_their_fields() {
    let server = Server::start().await;
    for path in ["/orders", "/limited"] {
        set(
            &server,
            json!({ "path": path, "method": "GET", "limit": "1/minute", "key_strategy": "api_key" }),
        )
        .await;
    }
    let shadow = json!({
        "path": "/orders", "method": "GET", "name": "new", "limit": "0/minute", "key_strategy": "api_key", "shadow": true,
    });
    set(&server, shadow).await;
    for key in ["a", "b"] {
        for path in ["/orders", "/limited", "/limited"] {
            ask(&server, path, key).await;
        }
    }
    let hits = async |query: &str| {
        let path = format!("/api/rate-limits/hits{query}");
        server
            .get(&path)
            .await
            .expect(200)
            .as_array()
            .unwrap()
            .clone()
    };
    let all = hits("").await;
    assert_eq!(all.len(), 4);
    assert_eq!(
        (&all[0]["path"], &all[0]["enforced"]),
        (&json!("/limited"), &json!(true))
    );
    let label = all[0]["key"]
        .as_str()
        .unwrap()
        .rsplit(':')
        .next()
        .unwrap()
        .to_owned();
    for (query, count) in [
        ("?limit=1", 1),
        ("?limit=0", 0),
        ("?route=/limited", 2),
        ("?route=GET:/orders", 2),
        ("?route=/ghost", 0),
        ("?policy=new", 2),
        ("?policy=default", 2),
        ("?enforced=true", 2),
        ("?enforced=false", 2),
        ("?enforced=false&policy=default", 0),
    ] {
        assert_eq!(hits(query).await.len(), count, "{query}");
    }
    let top = server.get(&limit_at("/limited", "/top")).await.expect(200);
    let label = top.as_array().unwrap().iter().find_map(|key| {
        let key = key["key"].as_str().unwrap();
        key.ends_with(&label).then(|| key.to_owned())
    });
    let of_key = hits(&format!(
        "?key={}&route=/limited",
        label.unwrap().replace('#', "%23")
    ))
    .await;
    assert_eq!(of_key, all[..1]);
    server
        .get("/api/rate-limits/hits?enforced=yes")
        .await
        .refused(400);
    server
        .get("/api/rate-limits/hits?rout=x")
        .await
        .refused(400);
}

#[tokio::test]
async fn keys_near_a_limit_are_listed() {
    let server = Server::start().await;
    set(
        &server,
        json!({ "path": "/orders", "method": "GET", "limit": "2/minute", "key_strategy": "api_key" }),
    )
    .await;
    for key in ["a", "b", "b", "b"] {
        ask(&server, "/orders", key).await;
    }
    let top = server
        .get(&limit_at("GET:/orders", "/top?limit=1"))
        .await
        .expect(200);
    assert_eq!(top.as_array().unwrap().len(), 1);
    assert_eq!(
        (&top[0]["refused"], &top[0]["limit"], &top[0]["remaining"]),
        (&json!(1), &json!(2), &json!(0))
    );
    server
        .get(&limit_at("GET:/orders", "/top?name=x"))
        .await
        .refused(404);
    server
        .get(&limit_at("GET:/orders", "/top?name=a%20b"))
        .await
        .refused(400);
}

#[tokio::test]
async fn a_decision_is_explained_by_its_request_id() {
    let server = Server::start().await;
    set(
        &server,
        json!({ "path": "/orders", "method": "GET", "limit": "1/minute", "key_strategy": "api_key" }),
    )
    .await;
    for (id, status) in [("first", 200), ("second", 429)] {
        let request = Request::get("/orders")
            .header("x-api-key", "a")
            .header("x-request-id", id);
        let answer = server.call(request.body(Body::empty()).unwrap()).await;
        assert_eq!(answer.status, status);
    }
    let reply = server
        .get("/api/rate-limits/explain?request_id=second")
        .await
        .expect(200);
    assert_eq!(
        (&reply["passed"], &reply["route"]),
        (&json!(false), &json!("GET:/orders"))
    );
    let step = &reply["steps"][0];
    assert_eq!(
        (
            &step["policy"],
            &step["allowed"],
            &step["limit"],
            &step["remaining"]
        ),
        (
            &json!("GET:/orders#default"),
            &json!(false),
            &json!(1),
            &json!(0)
        )
    );
    let text = server
        .get("/api/rate-limits/explain?request_id=third")
        .await
        .refused(404);
    assert_eq!(
        text,
        "No decision about a request with the id `third` is known. Each process keeps the latest decisions of its \
         engine: another replica may have answered, or a layer around the guarded router."
    );
    let text = server.get("/api/rate-limits/explain").await.refused(400);
    assert_eq!(text, "missing field `request_id`");
    let health = server.get("/api/health").await.expect(200);
    assert_eq!(health["counting"]["authoritative"], 2);
}

#[tokio::test]
async fn deleting_restores_the_declaration_and_never_fails() {
    let server = Server::start().await;
    let path = limit_at("GET:/orders", "");
    let nothing = server.state().await;
    let reply = server.delete(&path).await.expect(200);
    assert_eq!(
        reply,
        json!({
            "ok": true, "path": "/orders", "method": "GET", "name": "default",
            "warning": "There was no policy `GET:/orders#default` of an operator, so nothing has changed",
        })
    );
    assert_eq!(server.state().await, nothing);
    set(
        &server,
        json!({ "path": "/orders", "method": "GET", "name": "b", "limit": "1/minute" }),
    )
    .await;
    set(
        &server,
        json!({ "path": "/orders", "method": "GET", "limit": "2/minute" }),
    )
    .await;
    server.delete(&(path.clone() + "?name=b")).await.expect(200);
    assert_eq!(
        line(&server).await,
        "rl_policy_deleted admin cli GET:/orders "
    );
    let left = server.get(&path).await.expect(200);
    assert_eq!(
        (left.as_array().unwrap().len(), &left[0]["name"]),
        (1, &json!("default"))
    );
    let text = server.delete(&limit_at("/orders", "")).await.refused(409);
    assert!(text.contains("is ambiguous"), "{text}");
    for key in ["/ghost", "nonsense", ""] {
        let text = server.delete(&limit_at(key, "")).await;
        assert!(
            text.status == 400 || key.is_empty() && text.status == 404,
            "{key}"
        );
        text.error();
    }
}

#[tokio::test]
async fn policies_of_removed_routes_can_be_deleted() {
    let backend = waygate_backends::MemoryBackend::new();
    let credentials = || Credentials::new("admin", "secret");
    let before = Server::on(backend.clone(), credentials()).await;
    let declared = waygate::model::RouteState::default();
    let key: waygate::model::RouteKey = "GET:/gone".parse().unwrap();
    before
        .waygate
        .register(key.clone(), declared.clone())
        .await
        .unwrap();
    set(&before, json!({ "path": "/gone", "limit": "1/minute" })).await;

    let server = Server::on(backend, credentials()).await;
    server.delete(&limit_at("GET:/gone", "")).await.expect(200);
    assert_eq!(
        line(&server).await,
        "rl_policy_deleted admin cli GET:/gone "
    );
    server.waygate.register(key, declared).await.unwrap();
    let left = server.get(&limit_at("GET:/gone", "")).await.expect(200);
    assert_eq!(left, json!([]));
}

#[tokio::test]
async fn an_array_is_not_accepted_as_an_object() {
    let server = Server::start().await;
    let fields = json!({ "path": "/orders", "method": "GET", "limit": "1/minute", "tiers": [["pro", "2/minute"]] });
    let answer = server.post("/api/rate-limits", fields).await;
    let problem = answer.expect(400).to_string();
    assert!(
        problem.contains("tiers[0]: invalid type: sequence"),
        "{problem}"
    );
}

#[tokio::test]
async fn keys_in_urls_are_percent_encoded_or_base64url() {
    let server = Server::start().await;
    set(
        &server,
        json!({ "path": "/orders", "method": "GET", "limit": "1/minute" }),
    )
    .await;
    let read = async |pk: &str| {
        let route = server.get(&format!("/api/routes/{pk}")).await.expect(200);
        route["path"].clone()
    };
    let plain = read("GET:%2Forders").await;
    assert_eq!(plain, read("GET%3A%2forders").await);
    assert_eq!(plain, read("R0VUOi9vcmRlcnM").await);
    let wrong = server.get("/api/routes/GET:orders").await;
    assert_eq!(wrong.status, 400);
    let detail = &wrong.json()["detail"];
    for form in ["GET:%2Fpayments", "R0VUOi9wYXltZW50cw"] {
        assert!(detail.as_str().unwrap().contains(form), "{detail}");
    }
    for (pk, named) in [("GET:%2Forders", "GET:/orders"), ("%2Forders", "/orders")] {
        let path = format!("/api/rate-limits/{pk}/reset");
        let reply = server.delete(&path).await.expect(200);
        assert_eq!(reply, json!({ "ok": true, "path": named }));
    }
}
