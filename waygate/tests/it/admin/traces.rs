//! The trace of a request is in the audit log.

use axum::body::Body;
use http::header;
use serde_json::{Value, json};

use super::support::{Answer, Server, at};

const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

async fn post(server: &Server, path: &str, body: Value, parents: &[&str]) -> Answer {
    let mut request = server
        .request("POST", path)
        .header(header::CONTENT_TYPE, "application/json");
    for parent in parents {
        request = request.header("traceparent", *parent);
    }
    let request = request.body(Body::from(body.to_string())).unwrap();
    server.send(request).await
}

async fn newest(server: &Server) -> Value {
    server.get("/api/audit?limit=1").await.expect(200)[0].clone()
}

#[tokio::test]
async fn a_change_names_the_trace_of_its_request() {
    let server = Server::start().await;
    let disable = at("GET:/orders", "/disable");
    let token = json!({ "name": "ci", "scopes": ["read"], "expires_in_seconds": 60 });
    for (path, body) in [(&*disable, json!({})), ("/api/auth/tokens", token)] {
        let answer = post(&server, path, body, &[PARENT]).await;
        assert!(answer.status.is_success(), "{path}: {}", answer.status);
        assert_eq!(newest(&server).await["traceparent"], PARENT, "{path}");
    }
}

#[tokio::test]
async fn an_invalid_trace_is_ignored() {
    let server = Server::start().await;
    let invalid: [&[&str]; 4] = [&[], &["00-0-0-01"], &["\u{e9}"], &[PARENT, PARENT]];
    for (n, parents) in invalid.into_iter().enumerate() {
        let reason = json!({ "reason": format!("change {n}") });
        post(&server, &at("GET:/orders", "/disable"), reason, parents)
            .await
            .expect(200);
        let line = newest(&server).await;
        assert_eq!(line["reason"], format!("change {n}"));
        assert_eq!(line.get("traceparent"), None);
    }
}
