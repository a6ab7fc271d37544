//! Every operation of the document with every credential. The document says which are refused.

use std::time::Duration;

use axum::{body::Body, extract::Request};
use http::header;
use serde_json::{Value, json};
use waygate::admin::{Credentials, Role};
use waygate_core::view::{TokenScope, TokenScopes};

use super::{
    document::{document, operations},
    support::{Answer, Server},
};

/// A credential, and the scopes that it has. `None` if it is not valid.
struct Credential {
    name: String,
    token: String,
    scopes: Option<TokenScopes>,
}

impl Credential {
    fn new(name: impl Into<String>, token: impl Into<String>, scopes: Option<TokenScopes>) -> Self {
        Self {
            name: name.into(),
            token: token.into(),
            scopes,
        }
    }
}

async fn login(server: &Server, user: &str) -> String {
    let body = json!({ "username": user, "password": "secret" });
    let made = server.post("/api/auth/login", body).await.expect(200);
    made["token"].as_str().unwrap().to_owned()
}

async fn token(server: &Server, scopes: &TokenScopes, seconds: u64) -> Value {
    let ask = json!({ "name": "matrix", "scopes": scopes, "expires_in_seconds": seconds });
    server.post("/api/auth/tokens", ask).await.expect(201)
}

async fn credentials(server: &Server) -> Vec<Credential> {
    let all: TokenScopes = TokenScope::ALL.into();
    let text = |made: &Value| made["token"].as_str().unwrap().to_owned();
    let expired = text(&token(server, &all, 60).await);
    server.clock.advance(Duration::from_secs(60));
    let revoked = token(server, &all, 3600).await;
    let path = format!("/api/auth/tokens/{}", revoked["id"].as_str().unwrap());
    server.delete(&path).await.expect(200);
    let mut credentials = vec![
        Credential::new("none", "", None),
        Credential::new("garbage", "wg_garbage", None),
        Credential::new("expired", expired, None),
        Credential::new("revoked", text(&revoked), None),
    ];
    for role in Role::ALL {
        let token = login(server, role.as_str()).await;
        credentials.push(Credential::new(role.as_str(), token, Some(role.scopes())));
    }
    for scope in TokenScope::ALL {
        let scopes = TokenScopes::from([scope]);
        let token = text(&token(server, &scopes, 3600).await);
        credentials.push(Credential::new(scope.as_str(), token, Some(scopes)));
    }
    credentials
}

/// The status that the document describes for a credential. An admitted request has a query that no operation has.
fn expected(security: &Value, scopes: Option<&TokenScopes>) -> u16 {
    let needed = security[0].get("token").and_then(Value::as_array);
    match (needed, scopes) {
        (None, _) => 400,
        (Some(_), None) => 401,
        (Some(needed), Some(scopes)) => {
            let has = |scope: &Value| {
                let scope: TokenScope = scope.as_str().unwrap().parse().unwrap();
                scopes.contains(&scope)
            };
            if needed.iter().all(has) { 400 } else { 403 }
        }
    }
}

async fn send(server: &Server, method: &str, path: &str, credential: &Credential) -> Answer {
    let request = Request::builder()
        .method(method)
        .uri(format!("{path}?no_operation_has_this=1"))
        .header(header::CONTENT_TYPE, "application/json")
        .header("x-waygate-token", &credential.token);
    server.send(request.body(Body::empty()).unwrap()).await
}

#[tokio::test]
async fn the_document_decides_for_every_credential() {
    let mut users = Credentials::new("viewer", "secret");
    for name in ["operator", "admin"] {
        users = users.with(name, "secret");
    }
    for role in Role::ALL {
        users = users.with_role(role.as_str(), role).unwrap();
    }
    let server = Server::with(users).await;
    let credentials = credentials(&server).await;
    let document = document(&server).await;
    let before = server.state().await;
    let mut seen = std::collections::BTreeSet::new();
    for operation in operations(&document) {
        let path: String = operation
            .template
            .split('/')
            .map(|part| if part.starts_with('{') { "x" } else { part })
            .collect::<Vec<_>>()
            .join("/");
        let security = &operation.described["security"];
        assert!(security[0].is_object(), "{}", operation.name());
        for credential in &credentials {
            let answer = send(&server, &operation.method, &path, credential).await;
            let status = expected(security, credential.scopes.as_ref());
            let name = format!("{} as {}", operation.name(), credential.name);
            assert_eq!(answer.status.as_u16(), status, "{name}");
            answer.error();
            seen.insert(status);
        }
    }
    assert_eq!(seen.into_iter().collect::<Vec<_>>(), [400, 401, 403]);
    assert_eq!(server.state().await, before);
}

/// What does not need the scope that its method suggests: to read, `read`, and to change, one to write.
#[cfg(all(feature = "flags", feature = "webhooks"))]
const EXCEPTIONS: [(&str, &str); 26] = [
    ("DELETE /api/auth/sessions", "own"),
    ("DELETE /api/auth/sessions/{id}", "own"),
    ("DELETE /api/auth/tokens/{id}", "admin"),
    ("DELETE /api/webhooks/{name}", "admin"),
    ("GET /api/auth/me", "own"),
    ("GET /api/auth/sessions", "own"),
    ("GET /api/auth/tokens", "admin"),
    ("GET /livez", "public"),
    ("GET /readyz", "public"),
    ("GET /version", "public"),
    ("PATCH /api/webhooks/{name}", "admin"),
    ("POST /api/auth/device", "public"),
    ("POST /api/auth/device/approve", "own"),
    ("POST /api/auth/device/token", "public"),
    ("POST /api/auth/login", "public"),
    ("POST /api/auth/logout", "public"),
    ("POST /api/auth/tokens", "admin"),
    ("POST /api/flags/{key}/evaluate", "read"),
    ("POST /api/flags/{key}/preview", "read"),
    ("POST /api/segments/{key}/preview", "read"),
    ("POST /api/webhooks", "admin"),
    ("POST /api/webhooks/{name}/enable", "admin"),
    ("POST /api/webhooks/{name}/replay", "admin"),
    ("POST /api/webhooks/{name}/rotate", "admin"),
    ("POST /api/webhooks/{name}/test", "admin"),
    ("PUT /api/webhooks/{name}", "admin"),
];

#[cfg(all(feature = "flags", feature = "webhooks"))]
#[tokio::test]
async fn each_operation_needs_the_role_of_its_effect() {
    let server = Server::start().await;
    let mut exceptions = Vec::new();
    for operation in operations(&document(&server).await) {
        let security = &operation.described["security"][0];
        let needed = match security["token"].as_array().map(Vec::as_slice) {
            None => "public",
            Some([]) => "own",
            Some([scope]) => scope.as_str().unwrap(),
            Some(several) => panic!("{}: {several:?}", operation.name()),
        };
        let is_usual = match operation.method.as_str() {
            "GET" => needed == "read",
            _ => needed.starts_with("write:"),
        };
        if !is_usual {
            exceptions.push((operation.name(), needed.to_owned()));
        }
    }
    exceptions.sort();
    let expected = EXCEPTIONS.map(|(name, needed)| (name.to_owned(), needed.to_owned()));
    assert_eq!(exceptions, expected);
}
