//! The use of flags in this process, and evaluations as they happen.

use axum::body::Body;
use http_body_util::BodyExt;
use serde_json::{Value, json};
use waygate::{
    admin::{Admin, Credentials},
    flags::EvaluationContext,
};

use super::{super::support::Server, definition};

#[tokio::test]
async fn usage_counts_evaluations_and_not_previews() {
    let server = Server::start().await;
    server
        .post("/api/flags", definition("search"))
        .await
        .expect(201);
    let flags = server.waygate.flags();
    for at in 0..3 {
        flags.evaluate("search", &EvaluationContext::new(format!("user-{at}")));
    }
    let ask = json!({ "context": { "key": "user-1" }, "explain": true });
    server
        .post("/api/flags/search/evaluate", ask)
        .await
        .expect(200);
    let ask = json!({ "patch": {}, "contexts": [{ "key": "user-1" }] });
    server
        .post("/api/flags/search/preview", ask)
        .await
        .expect(200);
    let usage = server.get("/api/flags/search/usage").await.expect(200);
    assert_eq!(
        (&usage["evaluations"], &usage["errors"]),
        (&json!(3), &json!(0))
    );
    let variations = usage["variations"].as_array().unwrap();
    let sum: u64 = variations
        .iter()
        .map(|it| it["evaluations"].as_u64().unwrap())
        .sum();
    assert_eq!(sum, 3);
    for variation in variations {
        let reasons = variation["reasons"].as_array().unwrap().iter();
        let by_reason = reasons.map(|of| of["evaluations"].as_u64().unwrap());
        assert_eq!(by_reason.sum::<u64>(), variation["evaluations"]);
    }
    let list = server.get("/api/flag-usage").await.expect(200);
    assert_eq!(list[0]["key"], "search");
    server.get("/api/flags/ghost/usage").await.refused(404);
}

#[tokio::test]
async fn evaluations_are_streamed_as_they_happen() {
    let server = Server::start().await;
    server
        .post("/api/flags", definition("search"))
        .await
        .expect(201);
    let unknown = server.waygate.guard(axum::Router::new()).await.unwrap();
    let admin = Admin::new(Credentials::none()).flags(true);
    let app = unknown.admin("/open", admin).into_router();
    let request = axum::extract::Request::get("/open/api/flag-evaluations")
        .header("host", "localhost:8000")
        .extension(axum::extract::ConnectInfo(std::net::SocketAddr::from((
            [127, 0, 0, 1],
            40_000,
        ))))
        .body(Body::empty());
    let answer = tower::ServiceExt::oneshot(app, request.unwrap())
        .await
        .unwrap();
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.headers()["content-type"], "text/event-stream");
    let mut body = answer.into_body();
    server
        .waygate
        .flags()
        .evaluate("search", &EvaluationContext::new("user-1"));
    let frame = body.frame().await.unwrap().unwrap().into_data().unwrap();
    let text = String::from_utf8(frame.to_vec()).unwrap();
    let data = text.strip_prefix("event: evaluation\ndata: ").expect(&text);
    let seen: Value = serde_json::from_str(data.trim_end()).unwrap();
    assert_eq!(
        (&seen["flag_key"], &seen["reason"]),
        (&json!("search"), &json!("SPLIT"))
    );
    // The key of the subject is hashed.
    assert_eq!(seen["subject"].as_str().unwrap().len(), 16);
    assert!(!text.contains("user-1"));
    // Without a token there is no stream.
    let request = axum::extract::Request::get("/api/flag-evaluations").body(Body::empty());
    server.send(request.unwrap()).await.refused(401);
}

#[tokio::test]
async fn missing_flags_are_listed() {
    let server = Server::start().await;
    let flags = server.waygate.flags();
    for _ in 0..2 {
        assert!(
            flags
                .evaluate("serch", &EvaluationContext::new("user-1"))
                .is_none()
        );
    }
    let missing = server.get("/api/missing-flags").await.expect(200);
    let expected = json!({"total": 2, "keys": [{"key": "serch", "evaluations": 2}]});
    assert_eq!(missing, expected);
}
