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

/// Runs with an active span of OpenTelemetry in this trace.
#[cfg(feature = "otel")]
fn in_span(trace: &str) -> opentelemetry::ContextGuard {
    use opentelemetry::trace::{
        SpanContext, SpanId, TraceContextExt, TraceFlags, TraceId, TraceState,
    };

    let context = SpanContext::new(
        TraceId::from_hex(trace).unwrap(),
        SpanId::from_hex("b7ad6b7169203331").unwrap(),
        TraceFlags::SAMPLED,
        false,
        TraceState::default(),
    );
    opentelemetry::Context::new()
        .with_remote_span_context(context)
        .attach()
}

#[cfg(feature = "otel")]
#[tokio::test]
async fn the_trace_of_the_client_wins_over_a_new_root() {
    let server = Server::start().await;
    let own = "0af7651916cd43dd8448eb211c80319c";
    let disable = at("GET:/orders", "/disable");
    for (trace, parents, expected) in [
        // A layer that does not read the header starts a trace of its own.
        (own, [PARENT].as_slice(), PARENT.to_owned()),
        // A span below the header's is nearer.
        (
            &PARENT[3..35],
            &[PARENT],
            format!("00-{}-b7ad6b7169203331-01", &PARENT[3..35]),
        ),
        (own, &[], format!("00-{own}-b7ad6b7169203331-01")),
        (own, &["invalid"], format!("00-{own}-b7ad6b7169203331-01")),
    ] {
        let guard = in_span(trace);
        post(&server, &disable, json!({}), parents)
            .await
            .expect(200);
        drop(guard);
        assert_eq!(newest(&server).await["traceparent"], expected);
    }
}
