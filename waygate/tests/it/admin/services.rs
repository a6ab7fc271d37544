//! Maintenance and rate limits of services, and the global rate limit.

use axum::{body::Body, extract::Request};
use serde_json::{Value, json};
use waygate::{Waygate, audit::AuditQuery, model::RouteState, testing::TestApp};

use super::support::Server;

async fn audit(server: &Server, path: &str) -> Vec<String> {
    let query = AuditQuery::newest(20).path(path);
    let lines = server.waygate.audit(query).await.unwrap();
    let text = |line: &waygate::audit::AuditEntry| {
        format!("{} {} {}", line.action, line.actor, line.platform)
    };
    lines.iter().map(text).collect()
}

#[tokio::test]
async fn services_of_routes_and_of_the_process_are_listed() {
    let server = Server::start().await;
    assert_eq!(server.get("/api/services").await.expect(200), json!([]));
    for key in ["shop:GET:/a", "billing:GET:/b", "shop:GET:/c"] {
        server
            .waygate
            .register(key.parse().unwrap(), RouteState::default())
            .await
            .unwrap();
    }
    let answer = server.get("/api/services").await;
    let tag = answer.header("etag").to_owned();
    assert_eq!(answer.expect(200), json!(["billing", "shop"]));
    let again = server
        .request("GET", "/api/services")
        .header("if-none-match", tag);
    assert_eq!(
        server.send(again.body(Body::empty()).unwrap()).await.status,
        304
    );

    let waygate = Waygate::builder()
        .allow_unmounted("it::")
        .service("orders")
        .build()
        .await
        .unwrap();
    assert_eq!(waygate.service().unwrap().as_str(), "orders");
    let guarded = waygate.guard(axum::Router::new()).await.unwrap();
    let server = Server {
        app: TestApp::new(guarded.admin("/waygate", waygate::admin::Credentials::none())),
        waygate,
        ..server
    };
    assert_eq!(
        server.get("/api/services").await.expect(200),
        json!(["orders"])
    );
}

#[tokio::test]
async fn service_maintenance_has_an_etag_and_strict_fields() {
    let server = Server::start().await;
    let path = "/api/services/billing/maintenance";
    let seen = server.get(path).await.header("etag").to_owned();
    let enable = |tag: &str| {
        let request = server.request("POST", "/api/services/billing/maintenance/enable");
        let body = json!({ "reason": "db" }).to_string();
        request
            .header("if-match", tag)
            .body(Body::from(body))
            .unwrap()
    };
    let enabled = server.send(enable(&seen)).await;
    let next = enabled.header("etag").to_owned();
    assert_eq!(enabled.expect(200)["reason"], "db");
    let lost = server.send(enable(&seen)).await;
    assert_eq!(lost.header("etag"), next);
    lost.refused(412);
    let other = server
        .get("/api/services/shop/maintenance")
        .await
        .expect(200);
    assert_eq!(other["enabled"], false);
    server
        .post(&format!("{path}/enable"), json!({ "reasn": "x" }))
        .await
        .refused(400);
    server
        .post("/api/services/GET/maintenance/enable", json!({}))
        .await
        .refused(400);
    server
        .get("/api/services/a%20b/maintenance")
        .await
        .refused(400);
    let disabled = server
        .post_raw(&format!("{path}/disable"), "")
        .await
        .expect(200);
    assert_eq!(disabled["enabled"], false);
    assert_eq!(
        audit(&server, "__waygate:svc_global:billing__").await,
        [
            "service_maintenance_off admin cli",
            "service_maintenance_on admin cli"
        ]
    );
}

async fn drive(server: &Server, path: &str, log: &str, prefix: &str) {
    let none = json!({ "enabled": false, "policy": null });
    assert_eq!(server.get(path).await.expect(200), none, "{path}");
    let at = |rest: &str| format!("{path}{rest}");
    // A policy that refuses nothing carries a warning.
    for rest in ["/shadow", "/promote"] {
        server.post(&at(rest), json!({})).await.refused(404);
    }
    for rest in ["/enable", "/disable"] {
        let reply = server.post_raw(&at(rest), "").await.expect(200);
        let warning = reply["warning"].as_str().unwrap();
        assert!(warning.starts_with("There is no policy `"), "{warning}");
        assert_eq!(reply, json!({ "ok": true, "warning": warning }));
    }
    server.delete(&at("/reset")).await.expect(200);
    server.delete(path).await.expect(200);
    assert_eq!(audit(server, log).await, [""; 0]);

    let fields = json!({ "limit": "5/minute", "exempt_routes": ["GET:/health"], "shadow": true, "cost": 2,
            "include_force_active": true });
    let made = server.post(path, fields).await.expect(201);
    assert_eq!(
        (&made["exempt_routes"], &made["shadow"], &made["cost"]),
        (&json!(["GET:/health"]), &json!(true), &json!(2))
    );
    assert_eq!(made["include_force_active"], true);
    let shown = async || -> Value { server.get(path).await.expect(200) };
    let state = shown().await;
    assert_eq!(state.as_object().unwrap().len(), 2);
    assert_eq!((&state["enabled"], &state["policy"]), (&json!(true), &made));
    server.post(&at("/promote"), json!({})).await.expect(200);
    assert_eq!(shown().await["policy"]["shadow"], false);
    server.post(&at("/disable"), json!({})).await.expect(200);
    assert_eq!(
        (
            &shown().await["enabled"],
            &shown().await["policy"]["enabled"]
        ),
        (&json!(false), &json!(false))
    );
    server.post(&at("/enable"), json!({})).await.expect(200);
    server.delete(&at("/reset")).await.expect(200);
    server.post(&at("/shadow"), json!({})).await.expect(200);
    let updated = server
        .post(path, json!({ "limit": "6/minute" }))
        .await
        .expect(201);
    assert_eq!(
        (&updated["shadow"], &updated["exempt_routes"]),
        (&json!(false), &json!([]))
    );
    assert_eq!(updated["include_force_active"], false);
    server.delete(path).await.expect(200);
    assert_eq!(shown().await, none);
    let actions = [
        "deleted", "updated", "updated", "reset", "enabled", "disabled", "updated", "set",
    ];
    let lines = actions.map(|action| format!("{prefix}_{action} admin cli"));
    assert_eq!(audit(server, log).await, lines);

    for (body, problem) in [
        (json!({}), "limit is required"),
        (
            json!({ "limit": "lots" }),
            "Invalid rate limit string 'lots'",
        ),
        (
            json!({ "limit": "1/minute", "exempt_routes": "x" }),
            "exempt_routes must be a list",
        ),
        (
            json!({ "limit": "1/minute", "exempt_routes": ["x"] }),
            "exempt_routes[0]",
        ),
        (
            json!({ "limit": "1/minute", "path": "/x" }),
            "unknown field `path`",
        ),
        (
            json!({ "limit": "1/minute", "key_strategy": "custom" }),
            "the code declares no policy",
        ),
    ] {
        let text = server.post(path, body).await.refused(400);
        assert!(text.contains(problem), "{text}");
    }
}

#[tokio::test]
async fn shared_policies_are_set_paused_and_reset() {
    let server = Server::start().await;
    drive(
        &server,
        "/api/global-rate-limit",
        "__global_rl__",
        "global_rl",
    )
    .await;
    // A policy of a service that this process is not part of is kept and listed, and enforced elsewhere.
    let path = "/api/services/shop/rate-limit";
    drive(&server, path, "__waygate:svc_rl:shop__", "svc_rl").await;
    server
        .post(path, json!({ "limit": "0/minute" }))
        .await
        .expect(201);
    let request = || Request::get("/orders").body(Body::empty()).unwrap();
    assert_eq!(server.call(request()).await.status, 200);
    assert_eq!(server.get("/api/rate-limits").await.expect(200), json!([]));
    let global = "/api/global-rate-limit";
    server
        .post(global, json!({ "limit": "0/minute" }))
        .await
        .expect(201);
    assert_eq!(server.call(request()).await.status, 429);
}

async fn named(server: &Server, path: &str) {
    let at = |rest: &str| format!("{path}{rest}");
    let key = |name: &str| match path {
        "/api/global-rate-limit" => format!("*#{name}"),
        _ => format!("service:billing#{name}"),
    };
    server
        .post(path, json!({ "limit": "100/minute" }))
        .await
        .expect(201);
    let fields = json!({ "name": "daily", "limit": "1000/day", "key_strategy": "api_key" });
    let made = server.post(path, fields).await.expect(201);
    assert_eq!(
        (&made["name"], &made["key"]),
        (&json!("daily"), &json!(key("daily")))
    );
    let keys = async || -> Vec<String> {
        let listed = server.get(&at("/policies")).await.expect(200);
        let listed = listed.as_array().unwrap().iter();
        listed
            .map(|policy| policy["key"].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(keys().await, [key("daily"), key("default")]);
    let shown = async |name: &str| -> Value {
        let path = at(&format!("?name={name}"));
        server.get(&path).await.expect(200)
    };
    assert_eq!(shown("daily").await["policy"], made);
    assert_eq!(shown("default").await, server.get(path).await.expect(200));
    // A change of one policy does not affect the other.
    let daily = json!({ "name": "daily" });
    for (rest, field, value) in [
        ("/disable", "enabled", json!(false)),
        ("/enable", "enabled", json!(true)),
        ("/shadow", "shadow", json!(true)),
        ("/promote", "shadow", json!(false)),
    ] {
        let before = shown("default").await;
        server.post(&at(rest), daily.clone()).await.expect(200);
        assert_eq!(shown("daily").await["policy"][field], value, "{rest}");
        assert_eq!(shown("default").await, before, "{rest}");
        let text = server
            .post(&at(rest), json!({ "name": "dialy" }))
            .await
            .refused(404);
        assert!(text.contains(&key("dialy")), "{text}");
    }
    server.delete(&at("?name=daily")).await.expect(200);
    server.delete(&at("?name=daily")).await.expect(200);
    assert_eq!(shown("daily").await["policy"], Value::Null);
    assert_eq!(keys().await, [key("default")]);
    for rest in ["?name=a%20b", "?nme=a", "/top?name=a%20b"] {
        server.get(&at(rest)).await.refused(400);
    }
    server.delete(path).await.expect(200);
}

#[tokio::test]
async fn a_scope_can_have_several_named_policies() {
    let server = Server::start().await;
    named(&server, "/api/global-rate-limit").await;
    named(&server, "/api/services/billing/rate-limit").await;
}

/// Sends a request to the application with this API key.
async fn ask(server: &Server, key: &str) -> u16 {
    let request = Request::get("/orders").header("x-api-key", key);
    let answer = server.call(request.body(Body::empty()).unwrap()).await;
    answer.status.as_u16()
}

#[tokio::test]
async fn keys_of_shared_policies_are_listed_and_reset_one_by_one() {
    let server = Server::start().await;
    let (path, top) = ("/api/global-rate-limit", "/api/global-rate-limit/top");
    server.get(top).await.refused(404);
    let fields = json!({ "name": "each", "limit": "1/minute", "key_strategy": "api_key" });
    server.post(path, fields).await.expect(201);
    for key in ["a", "b", "b"] {
        let first = ask(&server, key).await;
        assert_eq!((first == 200, ask(&server, key).await), (true, 429));
        server
            .post(
                &format!("{path}/reset"),
                json!({ "name": "each", "key": [key] }),
            )
            .await
            .expect(200);
    }
    assert_eq!(
        (ask(&server, "a").await, ask(&server, "b").await),
        (200, 200)
    );
    let listed = server.get(&format!("{top}?name=each")).await.expect(200);
    let refused: Vec<_> = listed.as_array().unwrap().iter().collect();
    assert_eq!(
        refused
            .iter()
            .map(|key| &key["refused"])
            .collect::<Vec<_>>(),
        [&json!(2), &json!(1)]
    );
    let one = server.get(&format!("{top}?name=each&limit=1")).await;
    assert_eq!(one.expect(200), json!([listed[0]]));
    let lines = audit(&server, "__global_rl__").await;
    assert_eq!(lines[..3], ["global_rl_reset admin cli"; 3]);
    // The counters of a service may all be in other processes.
    let path = "/api/services/shop/rate-limit";
    let reset = format!("{path}/reset");
    let body = json!({ "key": ["192.0.2.1"] });
    server.post(&reset, body.clone()).await.refused(404);
    server
        .post(path, json!({ "limit": "1/minute" }))
        .await
        .expect(201);
    server.post(&reset, body).await.expect(200);
    server
        .post(&reset, json!({ "key": ["no address"] }))
        .await
        .refused(400);
    assert_eq!(
        server.get(&format!("{path}/top")).await.expect(200),
        json!([])
    );
    assert_eq!(
        audit(&server, "__waygate:svc_rl:shop__").await,
        ["svc_rl_reset admin cli", "svc_rl_set admin cli"]
    );
}
