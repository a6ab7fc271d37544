//! Without credentials, only this machine may administer, and other sites cannot use its browser to do so.

use axum::{body::Body, extract::Request};
use serde_json::json;
use waygate::{admin::Credentials, audit::AuditQuery};

use super::support::{Answer, Server, at};

async fn ask(
    server: &Server,
    peer: Option<&str>,
    method: &str,
    host: Option<&str>,
    headers: &[(&str, &str)],
    body: &str,
) -> Answer {
    let mut request = Request::builder().method(method).uri(match method {
        "GET" => "/api/routes".to_owned(),
        _ => at("GET:/orders", "/disable"),
    });
    if let Some(host) = host {
        request = request.header("host", host);
    }
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let body = Body::from(body.to_owned());
    server.send_from(peer, request.body(body).unwrap()).await
}

const LOCAL: Option<&str> = Some("127.0.0.1");
const HOST: Option<&str> = Some("localhost:8000");

#[tokio::test]
async fn this_machine_may_administer() {
    let server = Server::with(Credentials::none()).await;
    for peer in ["127.0.0.1", "127.8.8.8", "::1", "::ffff:127.0.0.1"] {
        for host in [
            "localhost",
            "localhost:8000",
            "127.0.0.1:8000",
            "[::1]:8000",
            "api.localhost",
        ] {
            let answer = ask(&server, Some(peer), "GET", Some(host), &[], "").await;
            assert_eq!(answer.status, 200, "{peer} {host}");
        }
    }
    let line = [
        ("x-waygate-actor", "mallory"),
        ("x-waygate-platform", "dashboard"),
    ];
    ask(&server, LOCAL, "POST", HOST, &line, "")
        .await
        .expect(200);
    let lines = server.waygate.audit(AuditQuery::newest(1)).await.unwrap();
    assert_eq!(
        (lines[0].actor.as_str(), lines[0].platform.as_str()),
        ("anonymous", "cli")
    );
}

#[tokio::test]
async fn other_machines_are_refused_with_instructions() {
    let server = Server::with(Credentials::none()).await;
    let before = server.state().await;
    let refused = async |peer: Option<&str>, host: Option<&str>, headers: &[(&str, &str)]| {
        for method in ["GET", "POST"] {
            ask(&server, peer, method, host, headers, "")
                .await
                .refused(403);
        }
        ask(&server, peer, "GET", host, headers, "")
            .await
            .refused(403)
    };
    let text = refused(None, HOST, &[]).await;
    assert!(
        text.contains("`Guarded::into_make_service_with_connect_info`"),
        "{text}"
    );
    for peer in [
        "192.0.2.1",
        "10.0.0.1",
        "2001:db8::1",
        "::ffff:10.0.0.1",
        "0.0.0.0",
    ] {
        let text = refused(Some(peer), HOST, &[]).await;
        assert!(
            text.contains("on another machine: configure credentials"),
            "{text}"
        );
    }
    for header in [
        "forwarded",
        "x-forwarded-for",
        "x-real-ip",
        "x-forwarded-host",
        "via",
    ] {
        let text = refused(LOCAL, HOST, &[(header, "127.0.0.1")]).await;
        assert!(
            text.contains(&format!("it has the header `{header}`")),
            "{text}"
        );
    }
    for host in [
        None,
        Some("evil.example"),
        Some("localhost.evil.example"),
        Some("10.0.0.1"),
        Some(""),
    ] {
        let text = refused(LOCAL, host, &[]).await;
        assert!(
            text.contains("use `localhost` or `127.0.0.1`"),
            "{host:?}: {text}"
        );
    }
    let text = refused(LOCAL, HOST, &[("host", "localhost:8000")]).await;
    assert!(text.contains("use `localhost`"), "{text}");
    for headers in [
        [("origin", "https://evil.example")],
        [("origin", "null")],
        [("origin", "http://localhost:3000")],
        [("sec-fetch-site", "cross-site")],
        [("sec-fetch-site", "same-site")],
    ] {
        let text = refused(LOCAL, HOST, &headers).await;
        assert!(text.contains("another site made the browser"), "{text}");
    }
    assert_eq!(server.state().await, before);
}

#[tokio::test]
async fn forms_of_other_sites_cannot_post() {
    let server = Server::with(Credentials::none()).await;
    let before = server.state().await;
    for content_type in [
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "text/plain; application/json",
        "",
    ] {
        let headers = [("content-type", content_type)];
        let body = r#"{"reason":"forged"}"#;
        let answer = ask(&server, LOCAL, "POST", HOST, &headers, body).await;
        let text = answer.refused(415);
        assert!(text.contains("`Content-Type: application/json`"), "{text}");
    }
    let unsaid = [("content-length", "2")];
    ask(&server, LOCAL, "POST", HOST, &unsaid, "{}")
        .await
        .refused(415);
    assert_eq!(server.state().await, before);
    for headers in [
        &[("content-type", "application/json")][..],
        &[("content-type", "Application/JSON; charset=utf-8")],
        &[("content-type", "application/yaml")],
        &[("content-type", "application/x-yaml")],
        &[("content-type", "Text/YAML; charset=utf-8")],
        &[("content-type", "text/x-yaml")],
        &[
            ("content-type", "text/plain"),
            ("x-waygate-platform", "cli"),
        ],
        &[
            ("content-type", "application/json"),
            ("origin", "http://localhost:8000"),
        ],
        &[
            ("content-type", "application/json"),
            ("sec-fetch-site", "same-origin"),
        ],
    ] {
        ask(&server, LOCAL, "POST", HOST, headers, "{}")
            .await
            .expect(200);
    }
}

#[tokio::test]
async fn login_is_refused_without_credentials() {
    let server = Server::with(Credentials::none()).await;
    let login = json!({ "username": "a", "password": "b" });
    let text = server.post("/api/auth/login", login).await.refused(501);
    assert_eq!(text, "Auth not configured on this server");
    let ask = json!({ "name": "x", "scopes": ["read"], "expires_in_seconds": 60 });
    server.post("/api/auth/tokens", ask).await.refused(501);
    server.get("/api/auth/tokens").await.refused(501);
    server.post("/api/auth/logout", json!({})).await.expect(200);
}

#[tokio::test]
async fn unauthenticated_access_can_be_allowed_but_not_to_other_sites() {
    let server = Server::with(Credentials::none().open_to_everyone_i_accept_the_risk()).await;
    for peer in [None, Some("192.0.2.1")] {
        let answer = ask(
            &server,
            peer,
            "GET",
            Some("admin.example"),
            &[("x-forwarded-for", "x")],
            "",
        )
        .await;
        assert_eq!(answer.status, 200);
    }
    let headers = [
        ("content-type", "application/json"),
        ("origin", "https://evil.example"),
    ];
    let answer = ask(&server, None, "POST", Some("admin.example"), &headers, "{}").await;
    answer.refused(403);
    let headers = [("content-type", "text/plain")];
    let answer = ask(&server, None, "POST", Some("admin.example"), &headers, "{}").await;
    answer.refused(415);
}
