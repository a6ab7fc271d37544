//! Users and tokens that are limited to services.

use std::collections::BTreeSet;

use axum::{body::Body, extract::Request};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use http::header;
use serde_json::{Value, json};
use waygate::{
    Waygate,
    admin::{Credentials, Role},
    model::RouteState,
};
use waygate_backends::MemoryBackend;

use super::{
    document::{Operation, document, operations},
    support::{Answer, Server, at},
};

/// A word in records of other services.
const CANARY: &str = "canary";

/// `admin` for all services, and two administrators of one each.
pub(super) fn users() -> Credentials {
    let mut users = Credentials::new("admin", "secret");
    for service in ["shop", "billing"] {
        users = users.with(service, "secret");
        let rights = Role::Admin.of([service]).unwrap();
        users = users.with_role(service, rights).unwrap();
    }
    users
}

/// A process of the service `shop`, which also lists a route of `billing`.
pub(super) async fn start() -> Server {
    let server = Server::built(Waygate::builder().service("shop"), users()).await;
    for key in ["billing:GET:/bills", "depot:GET:/canary"] {
        let state = RouteState::default();
        let registered = server.waygate.register(key.parse().unwrap(), state);
        registered.await.unwrap();
    }
    server
}

pub(super) async fn login(server: &Server, user: &str) -> String {
    let body = json!({ "username": user, "password": "secret" });
    let made = server.post("/api/auth/login", body).await.expect(200);
    made["token"].as_str().unwrap().to_owned()
}

pub(super) async fn send(
    server: &Server,
    token: &str,
    method: &str,
    path: &str,
    body: &Value,
) -> Answer {
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header(header::CONTENT_TYPE, "application/json")
        .header("x-waygate-token", token);
    let body = match body {
        Value::Null => Body::empty(),
        body => body.to_string().into(),
    };
    server.send(request.body(body).unwrap()).await
}

async fn get(server: &Server, token: &str, path: &str) -> Answer {
    send(server, token, "GET", path, &Value::Null).await
}

/// The path of an operation, for a route and a service.
fn path(operation: &Operation, route: &str, service: &str) -> String {
    let template = operation.template.split('/');
    let path = template.map(|part| match part {
        "{pk}" => URL_SAFE_NO_PAD.encode(route),
        "{service}" => service.to_owned(),
        part if part.starts_with('{') => "x".to_owned(),
        part => part.to_owned(),
    });
    path.collect::<Vec<_>>().join("/")
}

fn reach(operation: &Operation) -> &str {
    let reach = &operation.described["x-waygate-services"];
    assert!(reach.is_null() || reach.is_string(), "{}", operation.name());
    reach.as_str().unwrap_or("all")
}

/// Records of `shop` in every list.
async fn fill(server: &Server) {
    let reason = json!({ "reason": CANARY });
    let window = json!({
        "start": "2026-11-25T00:00:00Z", "end": "2026-11-25T01:00:00Z", "reason": CANARY,
    });
    for (path, body) in [
        (at("GET:/orders", "/disable"), &reason),
        (at("GET:/windowed", "/schedule"), &window),
        ("/api/services/shop/maintenance/enable".to_owned(), &reason),
    ] {
        server.post(&path, body.clone()).await.expect(200);
    }
    let nightly = json!({ "every": "0 3 * * *", "for": "30m", "reason": CANARY });
    for path in ["/api/services/depot/maintenance", "/api/global"] {
        let path = format!("{path}/schedule");
        server.post(&path, nightly.clone()).await.expect(200);
    }
    let limit = json!({
        "path": "/limited", "method": "GET", "limit": "1/minute", "name": CANARY,
        "key_strategy": "global",
    });
    server.post("/api/rate-limits", limit).await.expect(201);
    let limit = json!({ "path": "/limited", "method": "GET", "limit": 5, "name": CANARY });
    server
        .post("/api/concurrency-limits", limit)
        .await
        .expect(201);
    let ended = server
        .post("/api/services/shop/maintenance/disable", json!({}))
        .await;
    ended.expect(200);
    for _ in 0..2 {
        let request = Request::get("/limited").body(Body::empty()).unwrap();
        server.call(request).await;
    }
}

#[tokio::test]
async fn the_document_says_what_a_limited_user_may_do() {
    let server = start().await;
    fill(&server).await;
    let (shop, billing) = (
        login(&server, "shop").await,
        login(&server, "billing").await,
    );
    let before = server.state().await;
    let mut seen = BTreeSet::new();
    let query = "?no_operation_has_this=1";
    for operation in operations(&document(&server).await) {
        let name = operation.name();
        if operation.described["security"][0].get("token").is_none() {
            continue;
        }
        let of_shop = path(&operation, "GET:/orders", "shop");
        let method = &operation.method;
        let names_one = of_shop != path(&operation, "GET:/bills", "billing");
        assert_eq!(names_one, reach(&operation) == "path", "{name}");
        match reach(&operation) {
            "path" => {
                let asked = send(&server, &billing, method, &of_shop, &operation.body).await;
                assert_eq!(asked.status, 403, "{name}");
                let text = asked.error();
                assert!(
                    text.starts_with("The token is limited to some services"),
                    "{text}"
                );
                // Whatever the spelling of the key.
                for key in [
                    "/orders",
                    "shop:GET:/orders",
                    "depot:GET:/canary",
                    "GET:/unknown",
                ] {
                    let other = path(&operation, key, "depot");
                    let asked = send(&server, &billing, method, &other, &operation.body).await;
                    assert_eq!(asked.status, 403, "{name}: {key}");
                }
                let own = format!("{of_shop}{query}");
                let own = send(&server, &shop, method, &own, &Value::Null).await;
                assert_eq!(own.status, 400, "{name}");
            }
            "all" => {
                let path = format!("{of_shop}{query}");
                let asked = send(&server, &shop, method, &path, &operation.body).await;
                assert_eq!(asked.status, 403, "{name}");
            }
            "checked" => {
                seen.insert(name);
                if method == "GET" && operation.template != "/api/openapi.json" {
                    let shown = get(&server, &billing, &of_shop).await;
                    assert!(shown.status.is_success(), "{}", operation.name());
                    let text = String::from_utf8_lossy(&shown.body);
                    for word in [CANARY, "shop", "/orders", "depot"] {
                        assert!(!text.contains(word), "{}: {text}", operation.name());
                    }
                }
            }
            other => panic!("{name}: {other}"),
        }
    }
    // Each of these has a test below, or concerns only the user.
    seen.retain(|name| !name.starts_with("GET "));
    assert_eq!(
        seen.into_iter().collect::<Vec<_>>(),
        [
            "DELETE /api/auth/sessions",
            "DELETE /api/auth/sessions/{id}",
            "POST /api/audit/{entry}/revert",
            "POST /api/auth/device/approve",
            "POST /api/changes",
            "POST /api/concurrency-limits",
            "POST /api/rate-limits",
        ]
    );
    assert_eq!(server.state().await, before);
}

#[tokio::test]
async fn lists_show_the_services_of_the_user() {
    let server = start().await;
    fill(&server).await;
    let (shop, billing) = (
        login(&server, "shop").await,
        login(&server, "billing").await,
    );
    for list in [
        "/api/routes",
        "/api/rate-limits",
        "/api/concurrency-limits",
        "/api/rate-limits/hits",
        "/api/windows",
        "/api/traffic",
        "/api/audit",
    ] {
        let shown = get(&server, &shop, list).await;
        let text = shown.expect(200).to_string();
        assert!(
            text.contains(CANARY) || text.contains("/limited"),
            "{list}: {text}"
        );
        for word in ["billing", "bills", "depot", "\"*\""] {
            assert!(!text.contains(word), "{list}: {text}");
        }
    }
    let calendar = get(&server, &shop, "/api/windows.ics").await;
    assert!(String::from_utf8_lossy(&calendar.body).contains(CANARY));
    let services = async |token: &str| get(&server, token, "/api/services").await.expect(200);
    assert_eq!(services(&shop).await, json!(["shop"]));
    assert_eq!(services(&billing).await, json!(["billing"]));
    assert_eq!(
        services(&server.token).await,
        json!(["billing", "depot", "shop"])
    );
    let routes = get(&server, &billing, "/api/routes").await.expect(200);
    assert_eq!(routes.as_array().unwrap().len(), 1);
    assert_eq!(routes[0]["path"], "billing:GET:/bills");
}

#[tokio::test]
async fn a_limited_user_changes_its_services_only() {
    let server = start().await;
    let (shop, billing) = (
        login(&server, "shop").await,
        login(&server, "billing").await,
    );
    let change = async |token: &str, path: &str, body: Value| {
        let answer = send(&server, token, "POST", path, &body).await;
        answer.status.as_u16()
    };
    let disable = at("GET:/orders", "/disable");
    assert_eq!(change(&billing, &disable, json!({})).await, 403);
    assert_eq!(change(&shop, &disable, json!({})).await, 200);
    // This process only lists the routes of other services.
    let disable = at("billing:GET:/bills", "/disable");
    assert_eq!(change(&shop, &disable, json!({})).await, 403);
    assert_eq!(change(&billing, &disable, json!({})).await, 404);
    for (user, other, service) in [(&shop, &billing, "shop"), (&billing, &shop, "billing")] {
        let enable = format!("/api/services/{service}/maintenance/enable");
        assert_eq!(change(other, &enable, json!({})).await, 403);
        assert_eq!(change(user, &enable, json!({})).await, 200);
    }
    for (kind, limit) in [("rate", json!("1/minute")), ("concurrency", json!(5))] {
        let list = format!("/api/{kind}-limits");
        for path in ["/orders", "/unknown", "GET:/orders", "shop:GET:/orders"] {
            let body = json!({ "path": path, "limit": limit });
            let status = change(&billing, &list, body).await;
            assert_eq!(status, 403, "{list} {path}");
        }
        let body = json!({ "path": "/limited", "method": "GET", "limit": limit });
        assert_eq!(change(&billing, &list, body.clone()).await, 403);
        assert_eq!(change(&shop, &list, body).await, 201, "{list}");
    }
}

#[tokio::test]
async fn the_audit_log_is_read_by_service_or_route() {
    let users = users().with("both", "secret");
    let both = Role::Viewer.of(["shop", "billing"]).unwrap();
    let users = users.with_role("both", both).unwrap();
    let server = Server::built(Waygate::builder().service("shop"), users).await;
    fill(&server).await;
    let (shop, both) = (login(&server, "shop").await, login(&server, "both").await);
    let lines = async |token: &str, query: &str| {
        let answer = get(&server, token, &format!("/api/audit{query}")).await;
        match answer.status.as_u16() {
            200 => Ok(answer.json().as_array().unwrap().len()),
            status => Err(status),
        }
    };
    // Those that an administrator of all services sees.
    let of_shop = lines(&server.token, "?service=shop").await;
    assert!(of_shop.is_ok_and(|count| count > 0));
    assert_eq!(lines(&shop, "").await, of_shop);
    assert_eq!(lines(&shop, "?service=shop").await, of_shop);
    assert_eq!(lines(&shop, "?service=depot").await, Err(403));
    assert_eq!(lines(&shop, "?route=GET:/orders").await, Ok(1));
    // A route of another service, and what is no route.
    for path in ["depot:GET:/canary", "auth:admin", "__global__"] {
        let found = lines(&shop, &format!("?route={path}")).await;
        assert_eq!(found, Ok(0), "{path}");
        assert_eq!(lines(&both, &format!("?route={path}")).await, Err(403));
    }
    assert_eq!(lines(&both, "").await, Err(403));
    assert_eq!(lines(&both, "?service=billing").await, Ok(0));
    assert_eq!(lines(&both, "?service=shop").await, of_shop);
}

#[tokio::test]
async fn a_token_may_be_limited_and_never_has_more_than_its_user() {
    let backend = MemoryBackend::new();
    let built = |users| {
        let builder = Waygate::builder().service("shop").backend(backend.clone());
        Server::built(builder, users)
    };
    let free = Credentials::new("admin", "secret").with("shop", "secret");
    let server = built(free).await;
    let ask = |services: Value| {
        json!({
            "name": "deploy", "scopes": ["read"], "expires_in_seconds": 60, "services": services,
        })
    };
    for wrong in [json!([]), json!(["GET"]), json!("shop")] {
        let refused = server.post("/api/auth/tokens", ask(wrong)).await;
        refused.refused(400);
    }
    let both = ask(json!(["billing", "shop"]));
    let mut made = Vec::new();
    for token in [server.token.clone(), login(&server, "shop").await] {
        let answer = send(&server, &token, "POST", "/api/auth/tokens", &both).await;
        let token = answer.expect(201);
        assert_eq!(token["services"], json!(["billing", "shop"]));
        made.push(token["token"].as_str().unwrap().to_owned());
    }
    let of_admin = login(&server, "shop").await;
    let services = async |server: &Server, token: &str| {
        get(server, token, "/api/auth/me").await.expect(200)["services"].clone()
    };
    assert_eq!(services(&server, &server.token).await, Value::Null);
    assert_eq!(
        services(&server, &made[1]).await,
        json!(["billing", "shop"])
    );
    get(&server, &made[0], "/api/health").await.refused(403);
    let list = get(&server, &made[0], "/api/routes").await.expect(200);
    assert!(!list.as_array().unwrap().is_empty());

    // The user is limited later, and its tokens with it.
    let later = built(users()).await;
    assert_eq!(services(&later, &made[0]).await, json!(["billing", "shop"]));
    assert_eq!(services(&later, &made[1]).await, json!(["shop"]));
    assert_eq!(services(&later, &of_admin).await, json!(["shop"]));
    get(&later, &of_admin, "/api/auth/tokens")
        .await
        .refused(403);
    // A login keeps the limit that it was given.
    let limited = login(&later, "shop").await;
    let mut versions = server.waygate.subscribe();
    while server.waygate.revision() != later.waygate.revision() {
        versions.next().await.unwrap();
    }
    assert_eq!(services(&server, &limited).await, json!(["shop"]));
}

#[tokio::test]
async fn a_limited_admin_sees_its_own_logins_only() {
    let server = start().await;
    let shop = login(&server, "shop").await;
    let others = "/api/auth/sessions?username=admin";
    for method in ["GET", "DELETE"] {
        let asked = send(&server, &shop, method, others, &Value::Null).await;
        asked.refused(403);
    }
    let list = server.get("/api/auth/sessions").await.expect(200);
    let path = format!("/api/auth/sessions/{}", list[0]["id"].as_str().unwrap());
    send(&server, &shop, "DELETE", &path, &Value::Null)
        .await
        .refused(404);
    server.get("/api/auth/me").await.expect(200);
}

#[tokio::test]
async fn a_device_has_the_services_of_the_user() {
    let server = start().await;
    let shop = login(&server, "shop").await;
    let started = server.post("/api/auth/device", json!({})).await.expect(200);
    let approve = json!({ "user_code": started["user_code"] });
    let approved = send(&server, &shop, "POST", "/api/auth/device/approve", &approve).await;
    approved.expect(200);
    let ask = json!({ "device_code": started["device_code"] });
    let made = server.post("/api/auth/device/token", ask).await.expect(200);
    let token = made["access_token"].as_str().unwrap();
    let me = get(&server, token, "/api/auth/me").await.expect(200);
    assert_eq!(me["services"], json!(["shop"]));
    get(&server, token, "/api/health").await.refused(403);
}
