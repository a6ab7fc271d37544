//! Authorization: every operation with every kind of token.

use std::time::Duration;

use axum::{body::Body, extract::Request};
use serde_json::{Value, json};

use super::{
    document::{ENTRY, document, operations, with_entry},
    support::{Answer, Server, at},
};

const SCOPES: [&str; 6] = [
    "read",
    "write:routes",
    "write:global",
    "admin",
    "evaluate",
    "evaluate:client",
];

/// The scope required by the wire contract and the design, repeated here to compare with the document.
fn needed(method: &str, path: &str) -> Option<&'static str> {
    match (method, path) {
        ("POST", "/api/auth/login" | "/api/auth/logout") => None,
        ("POST", "/api/auth/device" | "/api/auth/device/token") => None,
        (_, "/livez" | "/readyz" | "/version") => None,
        (_, "/api/auth/device/approve") => Some(""),
        (_, "/api/auth/me" | "/api/auth/sessions" | "/api/auth/sessions/{id}") => Some(""),
        (_, path) if path.starts_with("/api/auth/tokens") => Some("admin"),
        ("GET", _) => Some("read"),
        (_, path) if path.starts_with("/api/webhooks") => Some("admin"),
        (_, path)
            if ["/evaluate", "/preview"]
                .iter()
                .any(|end| path.ends_with(end)) =>
        {
            Some("read")
        }
        (_, path)
            if [
                "routes",
                "rate-limits",
                "concurrency-limits",
                "changes",
                "audit",
            ]
            .iter()
            .any(|group| path.starts_with(&format!("/api/{group}"))) =>
        {
            Some("write:routes")
        }
        _ => Some("write:global"),
    }
}

async fn send(
    server: &Server,
    operation: (&str, &str, &Value),
    header: Option<(&str, &str)>,
) -> Answer {
    let (method, template, body) = operation;
    let id = server.get("/api/auth/tokens").await;
    let id = match id.status.as_u16() {
        // The newest one, to spare the server's own.
        200 => id.json().as_array().unwrap().last().unwrap()["id"]
            .as_str()
            .unwrap()
            .to_owned(),
        _ => "0123456789abcdef".to_owned(),
    };
    let key = at("GET:/orders", "").replace("/api/routes/", "");
    let path = template
        .replace("{pk}", &key)
        .replace("{id}", &id)
        .replace("{entry}", ENTRY)
        .replace("{service}", "billing")
        .replace("{name}", "upgrade")
        .replace("segments/{key}", "segments/beta")
        .replace("{key}", "search")
        .replace("{change}", "change-1");
    let query = match path.ends_with("/difference") {
        true => format!("?from={ENTRY}"),
        false => String::new(),
    };
    let body = match body {
        Value::Null => Vec::new(),
        body => body.to_string().into_bytes(),
    };
    let (path, body) = with_entry(server, &format!("{path}{query}"), &body).await;
    let mut request = Request::builder().method(method).uri(path);
    if let Some((name, value)) = header {
        request = request.header(name, value);
    }
    let answer = server.send(request.body(body.into()).unwrap()).await;
    assert_secured(&answer);
    answer
}

#[track_caller]
fn assert_secured(answer: &Answer) {
    for (name, value) in [
        ("cache-control", "no-store"),
        ("x-content-type-options", "nosniff"),
        ("referrer-policy", "no-referrer"),
        (
            "content-security-policy",
            "default-src 'none'; frame-ancestors 'none'",
        ),
        ("cross-origin-resource-policy", "same-origin"),
    ] {
        assert_eq!(answer.header(name), value, "{name}");
    }
}

/// Creates a token with these scopes that lasts a minute.
async fn token(server: &Server, scopes: &[&str]) -> (String, String) {
    let ask = json!({ "name": "test", "scopes": scopes, "expires_in_seconds": 60 });
    let made = server.post("/api/auth/tokens", ask).await.expect(201);
    let text = |name: &str| made[name].as_str().unwrap().to_owned();
    (text("token"), text("id"))
}

#[tokio::test]
async fn every_operation_requires_a_valid_token_with_the_right_scope() {
    let mut server = Server::start().await;
    let text = json!({ "text": "Soon." });
    let set = server.put("/api/announcements/upgrade", text).await;
    set.expect(200);
    for operation in operations(&document(&server).await) {
        #[cfg(feature = "flags")]
        super::flags::prepare(&server).await;
        let (method, path) = (operation.method.as_str(), operation.template.as_str());
        #[cfg(feature = "webhooks")]
        if path.starts_with("/api/webhooks/") {
            let webhook = json!({ "url": "https://hooks.invalid/", "events": ["segment.*"] });
            let set = server.put("/api/webhooks/upgrade", webhook).await;
            assert!(set.status.is_success(), "{}", set.status);
        }
        if path.starts_with("/api/audit/") {
            let system = server.waygate.system();
            system.disable("GET:/orders", "to revert").await.unwrap();
        }
        if method == "PATCH" && path.contains("limit") {
            super::support::set_limits(&server).await;
        }
        let body = &operation.body;
        let needed = needed(method, path);
        let security = match needed {
            None => json!([{}]),
            Some("") => json!([{ "token": [] }, { "bearer": [] }]),
            Some(scope) => json!([{ "token": [scope] }, { "bearer": [scope] }]),
        };
        assert_eq!(operation.described["security"], security, "{method} {path}");
        let (expired, _) = token(&server, &SCOPES).await;
        server.clock.advance(Duration::from_secs(60));
        let (revoked, id) = token(&server, &SCOPES).await;
        server
            .delete(&format!("/api/auth/tokens/{id}"))
            .await
            .expect(200);
        let (good, _) = token(&server, &SCOPES).await;
        let cookie = format!("waygate_session={good}; __Host-waygate={good}");
        let invalid = [
            None,
            Some(("x-waygate-token", "wg_garbage")),
            Some(("x-waygate-token", "")),
            Some(("x-waygate-token", expired.as_str())),
            Some(("x-waygate-token", revoked.as_str())),
            Some(("authorization", "Bearer wg_garbage")),
            Some(("authorization", "Basic YWRtaW46c2VjcmV0")),
            Some(("cookie", cookie.as_str())),
            Some(("x-waygate-actor", "admin")),
        ];
        for header in invalid {
            let before = server.state().await;
            let answer = send(&server, (method, path, body), header).await;
            if needed.is_none() {
                // The code of a device is wrong.
                let expected = if path.ends_with("/device/token") {
                    400
                } else {
                    200
                };
                assert_eq!(answer.status, expected, "{method} {path}");
                break;
            }
            assert_eq!(
                answer.header("www-authenticate"),
                "Bearer realm=\"waygate\""
            );
            let text = answer.refused(401);
            assert_eq!(
                text,
                "Authentication required. Use POST /api/auth/login to obtain a token."
            );
            assert_eq!(server.state().await, before, "{method} {path} {header:?}");
        }
        if let Some(scope) = needed.filter(|scope| !scope.is_empty()) {
            let others: Vec<&str> = SCOPES.into_iter().filter(|other| *other != scope).collect();
            let (weak, _) = token(&server, &others).await;
            let before = server.state().await;
            let header = Some(("x-waygate-token", weak.as_str()));
            let answer = send(&server, (method, path, body), header).await;
            assert!(
                answer
                    .header("www-authenticate")
                    .contains(&format!("scope=\"{scope}\""))
            );
            let text = answer.refused(403);
            assert_eq!(text, format!("The token lacks the scope `{scope}`."));
            assert_eq!(server.state().await, before, "{method} {path}");
        }
        let bearer = format!("bearer {good}");
        let header = match method {
            "GET" => ("authorization", bearer.as_str()),
            _ => ("x-waygate-token", good.as_str()),
        };
        let answer = send(&server, (method, path, body), Some(header)).await;
        let expected = match (method, path) {
            ("POST", "/api/auth/tokens" | "/api/rate-limits" | "/api/flags" | "/api/segments") => {
                201
            }
            ("POST", path) if path.ends_with("/rate-limit") => 201,
            ("POST", path) if path.ends_with("/scheduled-changes") => 201,
            ("POST", path) if path.ends_with("concurrency-limits") => 201,
            ("POST", "/api/global-rate-limit" | "/api/webhooks") => 201,
            // The request to explain is missing.
            ("GET", "/api/rate-limits/explain") => 400,
            ("POST", "/api/auth/device/token") => 400,
            // The token is that of a program.
            ("POST", "/api/auth/device/approve") => 403,
            // Only routes that the code no longer has can be purged.
            ("DELETE", "/api/routes/{pk}") => 409,
            // The id is that of a token for a program.
            ("DELETE", "/api/auth/sessions/{id}") => 404,
            _ => 200,
        };
        assert_eq!(answer.status, expected, "{method} {path}");
        if (method, path) == ("DELETE", "/api/auth/sessions") {
            // The login of this test is over, too.
            server.log_in().await;
        }
        if method == "GET" && expected == 200 {
            let head = send(&server, ("HEAD", path, &Value::Null), Some(header)).await;
            assert_eq!((head.status.as_u16(), head.body.len()), (200, 0), "{path}");
            let head = send(&server, ("HEAD", path, &Value::Null), None).await;
            let expected = if needed.is_none() { 200 } else { 401 };
            assert_eq!(head.status, expected, "{path}");
        }
    }
}

#[tokio::test]
async fn no_path_is_public_because_of_its_name() {
    let server = Server::start().await;
    let before = server.state().await;
    let paths = [
        "/login",
        "/logout",
        "/static/app.js",
        "/",
        "/api/login",
        "/api/routes/login",
        "/api/routes/logout",
        "/api/routes/static",
        "/api/routes/static/enable",
        "/api/routes/login/disable",
        "/api/auth/tokens/login",
        "/api/auth/tokens/logout",
        "/api/auth/login/",
        "/api/auth/login/login",
        "/x/api/auth/login",
        "/api/auth/%6cogin",
        "/api/auth/LOGIN",
        "/api/global/static/login",
        "/static/../api/global/enable",
    ];
    for path in paths {
        for method in ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "TRACE"] {
            let request = Request::builder()
                .method(method)
                .uri(path)
                .body(Body::empty());
            let answer = server.send(request.unwrap()).await;
            assert_eq!(answer.status, 401, "{method} {path}");
            assert_secured(&answer);
        }
    }
    for method in ["GET", "HEAD", "PUT", "DELETE", "OPTIONS", "TRACE"] {
        let request = Request::builder()
            .method(method)
            .uri("/api/auth/login")
            .body(Body::empty());
        let answer = server.send(request.unwrap()).await;
        assert_eq!(answer.status, 405, "{method}: its path is public");
        assert_eq!(answer.header("allow"), "POST", "{method}");
        assert_secured(&answer);
    }
    assert_eq!(server.state().await, before);
}

#[tokio::test]
async fn unknown_paths_and_methods_are_problems() {
    let server = Server::start().await;
    for path in [
        "/",
        "/login",
        "/api",
        "/api/",
        "/api/nope",
        "/api/routes/",
        "/static/x",
    ] {
        let text = server.get(path).await.refused(404);
        assert_eq!(text, "Not Found", "{path}");
    }
    for (method, path, allow) in [
        ("PUT", "/api/routes", "GET, HEAD"),
        ("OPTIONS", "/api/routes", "GET, HEAD"),
        ("TRACE", "/api/global", "GET, HEAD"),
        ("GET", "/api/auth/login", "POST"),
        ("PATCH", "/api/auth/tokens", "GET, POST, HEAD"),
        ("GET", "/api/routes/eA/schedule", "DELETE, POST"),
    ] {
        let request = server.request(method, path).body(Body::empty());
        let answer = server.send(request.unwrap()).await;
        assert_eq!(answer.header("allow"), allow, "{method} {path}");
        assert!(answer.refused(405).starts_with("Method Not Allowed"));
    }
}

#[tokio::test]
async fn two_tokens_count_as_none_and_blank_tokens_are_skipped() {
    let server = Server::start().await;
    let bearer = format!("Bearer {}", server.token);
    let ask = async |headers: &[(&str, &str)]| {
        let mut request = Request::builder().uri("/api/auth/me");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let answer = server.send(request.body(Body::empty()).unwrap()).await;
        answer.status.as_u16()
    };
    let token = server.token.as_str();
    assert_eq!(ask(&[("x-waygate-token", token)]).await, 200);
    assert_eq!(ask(&[("authorization", &bearer)]).await, 200);
    assert_eq!(
        ask(&[("x-waygate-token", " "), ("authorization", &bearer)]).await,
        200
    );
    assert_eq!(
        ask(&[("x-waygate-token", token), ("authorization", "Basic eA==")]).await,
        200
    );
    assert_eq!(
        ask(&[("x-waygate-token", token), ("x-waygate-token", token)]).await,
        401
    );
    assert_eq!(
        ask(&[("x-waygate-token", "wg_x"), ("authorization", &bearer)]).await,
        401
    );
}

#[tokio::test]
async fn the_interface_is_served_during_global_maintenance() {
    let server = Server::start().await;
    let all = json!({ "include_force_active": true });
    server.post("/api/global/enable", all).await.expect(200);
    assert_eq!(server.get("/api/routes").await.status, 200);
    server
        .post("/api/global/disable", json!({}))
        .await
        .expect(200);
}
