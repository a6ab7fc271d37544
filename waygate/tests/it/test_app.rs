//! Requests of `TestApp`.

use axum::{
    Json, Router,
    body::Body,
    extract::Request,
    http::{HeaderMap, Method, header},
    routing::{any, post},
};
use serde_json::{Value, json};
use waygate::testing::TestApp;

use crate::support::builder;

/// Returns the method, and all values of `content-type`.
async fn seen(method: Method, headers: HeaderMap) -> String {
    let types = headers.get_all(header::CONTENT_TYPE).iter();
    let types: Vec<&str> = types.map(|value| value.to_str().unwrap()).collect();
    format!("{method} {}", types.join("+"))
}

#[tokio::test]
async fn json_requests_have_one_content_type() {
    let echo = |Json(body): Json<Value>| async { Json(body) };
    let router = Router::new()
        .route("/echo", post(echo).patch(echo))
        .route("/seen", any(seen));
    let waygate = builder().build().await.unwrap();
    let app = TestApp::new(waygate.guard(router).await.unwrap());

    let body = json!({ "a": 1 });
    assert_eq!(app.post("/echo", &body).await.json::<Value>(), body);
    let patched = app.json(Method::PATCH, "/echo", &body).await;
    assert_eq!(patched.json::<Value>(), body);
    assert_eq!(
        app.post("/seen", &body).await.text(),
        "POST application/json"
    );

    let typed = app.with_header("content-type", "application/merge-patch+json");
    assert_eq!(
        typed.json(Method::PATCH, "/seen", &body).await.text(),
        "PATCH application/merge-patch+json"
    );
    let both = typed.with_header("Content-Type", "application/json");
    assert_eq!(
        both.json(Method::PATCH, "/seen", &body).await.text(),
        "PATCH application/json",
        "the last one replaces the others"
    );
    let own = Request::put("/seen").header("content-type", "text/plain");
    let own = own.body(Body::empty()).unwrap();
    assert_eq!(
        typed.send(own).await.text(),
        "PUT text/plain",
        "the request's own"
    );
    let csv = app.with_header("Content-Type", "text/csv");
    let sent = csv.request(Method::PUT, "/seen", "a,b").await;
    assert_eq!(sent.text(), "PUT text/csv");
    let raw = app.request(Method::PUT, "/seen", "a,b").await;
    assert_eq!(raw.text(), "PUT ", "no content type unless set");
}
