//! Concurrency limits: setting, listing and deleting.

use axum::body::Body;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use http::header;
use serde_json::{Value, json};
use waygate::audit::AuditQuery;

use super::support::{Answer, Server};

const ROUTES: &str = "/api/concurrency-limits";

fn of_route(key: &str, rest: &str) -> String {
    format!("{ROUTES}/{}{rest}", URL_SAFE_NO_PAD.encode(key))
}

/// The warning of a deletion that matches nothing.
fn nothing(key: &str) -> Value {
    json!(format!(
        "There was no limit `{key}` of an operator, so nothing has changed"
    ))
}

async fn lines(server: &Server) -> Vec<String> {
    let lines = server.waygate.audit(AuditQuery::newest(20)).await.unwrap();
    let text = |line: &waygate::audit::AuditEntry| {
        let (action, actor, path, reason) = (&line.action, &line.actor, &line.path, &line.reason);
        format!("{action} {actor} {path} {reason}")
    };
    let lines = lines.iter().map(text);
    let lines = lines.filter(|line| line.starts_with("concurrency"));
    lines.collect()
}

async fn conditional(server: &Server, method: &str, path: &str, tag: &str, body: Value) -> Answer {
    let request = server.request(method, path).header(header::IF_MATCH, tag);
    let body = match body {
        Value::Null => Body::empty(),
        body => body.to_string().into(),
    };
    server.send(request.body(body).unwrap()).await
}

#[tokio::test]
async fn route_limits_are_set_listed_and_deleted() {
    let server = Server::start().await;
    assert_eq!(server.get(ROUTES).await.expect(200), json!([]));
    let fields = json!({
        "path": "/orders", "method": "post", "name": "heavy", "limit": 3, "key_strategy": "user, header:x-id",
        "exempt_ips": ["10.0.0.0/8"], "exempt_roles": ["ops"],
    });
    let made = server.post(ROUTES, fields).await.expect(201);
    assert_eq!(
        made,
        json!({
            "path": "/orders", "method": "POST", "name": "heavy", "limit": 3, "key_strategy": "user, header:x-id",
            "exempt_ips": ["10.0.0.0/8"], "exempt_roles": ["ops"], "key": "POST:/orders#heavy",
            "meaning": made["meaning"], "in_use": 0, "refused": 0, "effective_on_missing_key": "exempt", "skipped": 0,
            "warning": made["warning"], "overridden": true, "drifted": false, "etag": made["etag"],
        })
    );
    let warning = made["warning"].as_str().unwrap();
    assert!(warning.contains("`.principal::<YourType>()`"), "{warning}");
    let meaning = made["meaning"].as_str().unwrap();
    assert!(
        meaning.starts_with("at most 3 requests at a time"),
        "{meaning}"
    );
    let fields = json!({ "path": "/orders", "method": "GET", "limit": 5, "key_strategy": null });
    let default = server.post(ROUTES, fields).await.expect(201);
    assert_eq!(
        (
            &default["method"],
            &default["name"],
            &default["key_strategy"]
        ),
        (&json!("GET"), &json!("default"), &json!("global"))
    );
    assert_eq!(server.get(ROUTES).await.expect(200), json!([default, made]));
    let of_post = server.get(&of_route("POST:/orders", "")).await;
    assert_eq!(of_post.expect(200), json!([made]));

    let path = of_route("POST:/orders", "?name=heavy");
    let mut deleted = json!({ "ok": true, "path": "/orders", "method": "POST", "name": "heavy" });
    for warning in [Value::Null, nothing("POST:/orders#heavy")] {
        if !warning.is_null() {
            deleted["warning"] = warning;
        }
        assert_eq!(server.delete(&path).await.expect(200), deleted);
    }
    server.delete(&of_route("GET:/ghost", "")).await.expect(200);
    assert_eq!(server.get(ROUTES).await.expect(200), json!([default]));
    assert_eq!(
        lines(&server).await,
        [
            "concurrency_policy_deleted admin POST:/orders ",
            "concurrency_policy_set admin GET:/orders 5 at a time · global",
            "concurrency_policy_set admin POST:/orders 3 at a time · user, header:x-id",
        ]
    );
}

#[tokio::test]
async fn each_limit_has_its_own_etag() {
    let server = Server::start().await;
    let fields = |limit: u32| json!({ "path": "/orders", "method": "GET", "limit": limit });
    let made = server.post(ROUTES, fields(1)).await;
    let seen = made.header("etag").to_owned();
    assert_eq!(made.expect(201)["etag"], json!(seen));
    // A change of another limit keeps the tag.
    let other = json!({ "path": "/orders", "method": "GET", "name": "other", "limit": 1 });
    server.post(ROUTES, other).await.expect(201);
    let changed = conditional(&server, "POST", ROUTES, &seen, fields(2)).await;
    let next = changed.header("etag").to_owned();
    changed.expect(201);
    let path = of_route("GET:/orders", "");
    for (method, path, body) in [
        ("POST", ROUTES, fields(3)),
        ("DELETE", path.as_str(), Value::Null),
    ] {
        let lost = conditional(&server, method, path, &seen, body).await;
        assert_eq!(lost.header("etag"), next);
        lost.refused(412);
    }
    let deleted = conditional(&server, "DELETE", &path, &next, Value::Null).await;
    deleted.expect(200);
}

#[tokio::test]
async fn invalid_bodies_are_refused() {
    let server = Server::start().await;
    let before = server.state().await;
    for (change, status, error) in [
        (json!({ "limit": null }), 400, "path and limit are required"),
        (json!({ "path": "" }), 400, "path and limit are required"),
        (json!({ "limit": 0 }), 400, "limit: invalid value"),
        (json!({ "limit": "5" }), 400, "limit: invalid type"),
        (
            json!({ "limit": 4_294_967_296_u64 }),
            400,
            "limit: invalid value",
        ),
        (json!({ "limt": 1 }), 400, "did you mean `limit`?"),
        (json!({ "burst": 1 }), 400, "unknown field `burst`"),
        (json!({ "name": "a b" }), 400, "name: invalid policy name"),
        (
            json!({ "key_strategy": "moon" }),
            400,
            "key_strategy: invalid key",
        ),
        (
            json!({ "key_strategy": "custom" }),
            400,
            "the code declares no policy",
        ),
        (json!({ "exempt_ips": ["x"] }), 400, "exempt_ips"),
        (json!({ "method": "BREW" }), 400, "invalid method `BREW`"),
        (
            json!({ "method": "PUT" }),
            404,
            "Route 'PUT:/orders' is not registered",
        ),
        (
            json!({ "path": "/ghost" }),
            404,
            "Route '/ghost' is not registered",
        ),
    ] {
        let mut fields = json!({ "path": "/orders", "method": "GET", "limit": 1 });
        for (name, value) in change.as_object().unwrap() {
            fields[name] = value.clone();
        }
        let text = server.post(ROUTES, fields).await.refused(status);
        assert!(text.contains(error), "{change}: {text}");
    }
    let text = server.delete(&of_route("/orders", "")).await.refused(409);
    assert!(text.contains("is ambiguous"), "{text}");
    let text = server.delete(&of_route("/ghost", "")).await.refused(400);
    assert_eq!(text, "path_key must encode METHOD:path");
    server.get(&of_route("GET:/ghost", "")).await.refused(404);
    assert_eq!(server.state().await, before);
}

#[tokio::test]
async fn shared_limits_are_set_paused_and_deleted() {
    let server = Server::start().await;
    for (path, scope, log) in [
        ("/api/global-concurrency-limits", "*", "__global_rl__"),
        // Services that this process is not part of work, too.
        (
            "/api/services/billing/concurrency-limits",
            "service:billing",
            "__waygate:svc_rl:billing__",
        ),
    ] {
        assert_eq!(server.get(path).await.expect(200), json!([]));
        let made = server.post(path, json!({ "limit": 7 })).await.expect(201);
        assert_eq!(made["key"], format!("{scope}#default"));
        assert_eq!(made["include_force_active"], false);
        let fields = json!({ "name": "each", "limit": 2, "key_strategy": "ip", "include_force_active": true });
        let each = server.post(path, fields).await.expect(201);
        assert_eq!(each["include_force_active"], true);
        assert_eq!(server.get(path).await.expect(200), json!([made, each]));
        for (body, error) in [
            (json!({}), "limit is required"),
            (json!({ "limit": 1, "path": "/x" }), "unknown field `path`"),
            (
                json!({ "limit": 1, "key_strategy": "custom" }),
                "the code declares no policy",
            ),
        ] {
            let text = server.post(path, body).await.refused(400);
            assert!(text.contains(error), "{text}");
        }
        let named = format!("{path}?name=each");
        let reply = server.delete(&named).await.expect(200);
        assert_eq!(reply, json!({ "ok": true }));
        let reply = server.delete(&named).await.expect(200);
        let key = each["key"].as_str().unwrap();
        assert_eq!(reply, json!({ "ok": true, "warning": nothing(key) }));
        assert_eq!(server.get(path).await.expect(200), json!([made]));
        server.delete(path).await.expect(200);
        let entries = lines(&server).await;
        assert_eq!(
            entries[0],
            format!("concurrency_policy_deleted admin {log} ")
        );
    }
    assert_eq!(server.get(ROUTES).await.expect(200), json!([]));
    server
        .get("/api/services/a%20b/concurrency-limits")
        .await
        .refused(400);
}
