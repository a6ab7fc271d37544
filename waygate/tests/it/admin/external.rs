//! Authentication by the application.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use axum::{body::Body, extract::Request};
use serde_json::json;
use waygate::{
    admin::{Authenticate, AuthenticateError, Credentials, Identity, Rights, Role},
    port::BoxFuture,
    response::RequestParts,
};
use waygate_backends::MemoryBackend;

use super::support::{Answer, Server, at};

/// A directory with the user `lena`, and a proxy that sets `x-forwarded-user`.
#[derive(Debug, Clone, Default)]
struct Directory {
    logins: Arc<AtomicUsize>,
}

impl Authenticate for Directory {
    fn identify<'a>(
        &'a self,
        head: &'a RequestParts,
    ) -> BoxFuture<'a, Result<Option<Identity>, AuthenticateError>> {
        Box::pin(async move {
            let user = head.headers.get("x-forwarded-user");
            match user.map(|user| user.to_str()).transpose()? {
                Some("broken") => Err("no connection to hunter2".into()),
                Some("panics") => panic!("a mistake"),
                Some("bill") => {
                    let rights = Role::Operator.of(["billing"])?;
                    Ok(Some(Identity::new("bill", rights)))
                }
                Some(user) => Ok(Some(Identity::new(user, Role::Operator))),
                None => Ok(None),
            }
        })
    }

    fn log_in<'a>(
        &'a self,
        username: &'a str,
        password: &'a str,
    ) -> BoxFuture<'a, Result<Option<Rights>, AuthenticateError>> {
        Box::pin(async move {
            self.logins.fetch_add(1, Ordering::SeqCst);
            match (username, password) {
                ("broken", _) => Err("no connection to hunter2".into()),
                ("lena", "ldap") => Ok(Some(Role::Viewer.into())),
                ("bill", "ldap") => Ok(Some(Role::Viewer.of(["billing"])?)),
                _ => Ok(None),
            }
        })
    }
}

fn credentials() -> Credentials {
    Credentials::new("admin", "secret").with_authenticator(Directory::default())
}

async fn login(server: &Server, user: &str, password: &str) -> Answer {
    let body = json!({ "username": user, "password": password });
    server.post("/api/auth/login", body).await
}

async fn send(server: &Server, method: &str, path: &str, headers: &[(&str, &str)]) -> Answer {
    let mut request = Request::builder().method(method).uri(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    server.send(request.body(Body::empty()).unwrap()).await
}

#[tokio::test]
async fn users_of_the_application_log_in_with_its_role() {
    let backend = MemoryBackend::new();
    let server = Server::on(backend.clone(), credentials()).await;
    let made = login(&server, "lena", "ldap").await.expect(200);
    let token = made["token"].as_str().unwrap();
    let me = send(
        &server,
        "GET",
        "/api/auth/me",
        &[("x-waygate-token", token)],
    )
    .await;
    assert_eq!(
        me.expect(200)["scopes"],
        json!(["read", "evaluate", "evaluate:client"])
    );
    for (user, password) in [("lena", "wrong"), ("unknown", "ldap"), ("a/b", "ldap")] {
        let text = login(&server, user, password).await.refused(401);
        assert_eq!(text, "Invalid credentials");
    }
    // Without the application, its tokens are not valid.
    let without = Server::on(backend, Credentials::new("admin", "secret")).await;
    send(
        &without,
        "GET",
        "/api/auth/me",
        &[("x-waygate-token", token)],
    )
    .await
    .refused(401);
}

#[tokio::test]
async fn attempts_are_throttled_before_the_application_sees_them() {
    let directory = Directory::default();
    let credentials = Credentials::new("admin", "secret").with_authenticator(directory.clone());
    let server = Server::with(credentials).await;
    for _ in 0..5 {
        login(&server, "lena", "wrong").await.refused(401);
    }
    login(&server, "lena", "ldap").await.refused(429);
    assert_eq!(directory.logins.load(Ordering::SeqCst), 5);
    // The users of Waygate are not asked for.
    login(&server, "admin", "wrong").await;
    assert_eq!(directory.logins.load(Ordering::SeqCst), 5);
}

#[tokio::test]
async fn a_failure_refuses_without_its_reason_and_is_no_attempt() {
    let server = Server::with(credentials()).await;
    for _ in 0..10 {
        let answer = login(&server, "broken", "x").await;
        assert_eq!(answer.header("retry-after"), "5");
        assert!(!answer.refused(503).contains("hunter2"));
    }
    for user in ["broken", "panics"] {
        let answer = send(&server, "GET", "/api/routes", &[("x-forwarded-user", user)]).await;
        assert!(!answer.refused(503).contains("hunter2"), "{user}");
        // A login does not depend on it.
        let body = json!({ "username": "admin", "password": "secret" }).to_string();
        let request = Request::builder()
            .method("POST")
            .uri("/api/auth/login")
            .header("x-forwarded-user", user);
        server
            .send(request.body(body.into()).unwrap())
            .await
            .expect(200);
    }
}

#[tokio::test]
async fn a_proxy_names_the_author_of_a_request() {
    let server = Server::with(credentials()).await;
    let user = ("x-forwarded-user", "petra");
    let disable = at("GET:/orders", "/disable");
    send(&server, "POST", &disable, &[user]).await.expect(200);
    let query = waygate::audit::AuditQuery::newest(1);
    let lines = server.waygate.audit(query).await.unwrap();
    assert_eq!(lines[0].actor, "petra");
    send(&server, "GET", "/api/auth/tokens", &[user])
        .await
        .refused(403);
    send(&server, "GET", "/api/routes", &[]).await.refused(401);
    // Such names belong in no log.
    for name in ["a/b", ""] {
        let answer = send(&server, "GET", "/api/routes", &[("x-forwarded-user", name)]).await;
        answer.refused(503);
    }
}

#[tokio::test]
async fn the_application_names_no_user_of_waygate() {
    let server = Server::with(credentials()).await;
    let admin = ("x-forwarded-user", "admin");
    for (method, path) in [
        ("GET", "/api/routes"),
        ("DELETE", "/api/auth/sessions"),
        ("POST", &*at("GET:/orders", "/disable")),
    ] {
        send(&server, method, path, &[admin]).await.refused(403);
    }
    server.get("/api/auth/me").await.expect(200);
}

/// A user of the application may have the name of one that Waygate had or gets.
#[tokio::test]
async fn users_of_the_application_see_their_own_logins_only() {
    let backend = MemoryBackend::new();
    let own = Credentials::new("admin", "secret").with("lena", "own");
    let first = Server::on(backend.clone(), own).await;
    let of_waygate = login(&first, "lena", "own").await.expect(200);
    let server = Server::on(backend, credentials()).await;
    let made = login(&server, "lena", "ldap").await.expect(200);
    let lena = ("x-waygate-token", made["token"].as_str().unwrap());
    let sessions = "/api/auth/sessions";
    let list = send(&server, "GET", sessions, &[lena]).await.expect(200);
    assert_eq!(list.as_array().unwrap().len(), 1, "{list}");
    let all = server.get("/api/auth/sessions?username=lena").await;
    assert_eq!(all.expect(200).as_array().unwrap().len(), 2);
    // Someone that a proxy names ends them as well, and no other.
    let proxied = ("x-forwarded-user", "lena");
    let ended = send(&server, "DELETE", sessions, &[proxied]).await;
    ended.expect(200);
    let mut versions = first.waygate.subscribe();
    while first.waygate.revision().number < server.waygate.revision().number {
        versions.next().await.unwrap();
    }
    let token = ("x-waygate-token", of_waygate["token"].as_str().unwrap());
    send(&first, "GET", "/api/auth/me", &[token])
        .await
        .expect(200);
}

#[tokio::test]
async fn the_application_may_limit_a_user_to_services() {
    let server = Server::with(credentials()).await;
    let made = login(&server, "bill", "ldap").await.expect(200);
    for who in [
        ("x-forwarded-user", "bill"),
        ("x-waygate-token", made["token"].as_str().unwrap()),
    ] {
        let me = send(&server, "GET", "/api/auth/me", &[who]).await;
        assert_eq!(me.expect(200)["services"], json!(["billing"]));
        send(&server, "GET", "/api/health", &[who])
            .await
            .refused(403);
        let route = at("GET:/orders", "");
        send(&server, "GET", &route, &[who]).await.refused(403);
        let list = send(&server, "GET", "/api/routes", &[who]).await;
        assert_eq!(list.expect(200), json!([]));
    }
}

#[tokio::test]
async fn requests_of_other_sites_are_refused_without_a_token() {
    let server = Server::with(credentials()).await;
    let user = ("x-forwarded-user", "petra");
    let disable = at("GET:/orders", "/disable");
    let before = server.state().await;
    for header in [
        ("origin", "https://evil.example"),
        ("sec-fetch-site", "cross-site"),
    ] {
        let text = send(&server, "POST", &disable, &[user, header])
            .await
            .refused(403);
        assert!(text.contains("another site"), "{text}");
    }
    let form = ("content-type", "text/plain");
    send(&server, "POST", &disable, &[user, form])
        .await
        .refused(415);
    assert_eq!(server.state().await, before);
    // A token is sent by no other site.
    let own = ("x-waygate-token", server.token.as_str());
    let origin = ("origin", "https://ops.example");
    send(&server, "POST", &disable, &[own, origin])
        .await
        .expect(200);
}
