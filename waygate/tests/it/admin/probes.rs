//! Liveness, readiness and versions.

use std::sync::Arc;

use axum::{body::Body, extract::Request};
use serde_json::json;
use waygate::{
    Waygate,
    admin::{Admin, Credentials},
    health::Require,
    testing::TestApp,
};

use super::support::{Answer, Server};
use crate::faults::{DOWN, FINE, Faulty};

fn admin() -> Admin {
    Admin::new(Credentials::new("admin", "secret"))
}

/// A request without a token, of a client elsewhere.
async fn ask(server: &Server, method: &str, path: &str) -> Answer {
    let request = Request::builder()
        .method(method)
        .uri(path)
        .body(Body::empty());
    server
        .send_from(Some("198.51.100.1"), request.unwrap())
        .await
}

#[tokio::test]
async fn probes_need_no_token_and_no_credentials() {
    for admin in [admin(), Admin::new(Credentials::none())] {
        let server = Server::with(admin).await;
        assert_eq!(
            ask(&server, "GET", "/livez").await.expect(200),
            json!({ "ok": true })
        );
        assert_eq!(
            ask(&server, "GET", "/readyz").await.expect(200),
            json!({ "ready": true })
        );
        let verbose = ask(&server, "GET", "/readyz?verbose").await.expect(200);
        let parts = json!({ "process": "ok", "state": "ok", "store": "ok" });
        assert_eq!(verbose, json!({ "ready": true, "parts": parts }));
        for path in ["/livez", "/readyz", "/version"] {
            assert_eq!(ask(&server, "HEAD", path).await.status, 200);
            // Only these methods, and exactly these paths.
            let status = ask(&server, "POST", path).await.status.as_u16();
            assert!([401, 403].contains(&status), "{status}");
            for other in [format!("{path}/"), format!("{path}/x"), path.to_uppercase()] {
                let status = ask(&server, "GET", &other).await.status.as_u16();
                assert!([401, 403].contains(&status), "{other}: {status}");
            }
        }
        ask(&server, "GET", "/readyz?unknown").await.refused(400);
    }
}

#[tokio::test]
async fn only_authenticated_clients_see_the_version_of_waygate() {
    let server = Server::with(admin()).await;
    assert_eq!(
        ask(&server, "GET", "/version").await.expect(200),
        json!({ "api_version": "1" })
    );
    let version = env!("CARGO_PKG_VERSION");
    assert_eq!(
        server.get("/version").await.expect(200),
        json!({ "api_version": "1", "version": version })
    );
    // Every response names the version of the API, and none that of Waygate.
    for path in ["/livez", "/api/routes", "/api/nothing", "/api/auth/login"] {
        let answer = ask(&server, "GET", path).await;
        assert_eq!(answer.header("x-waygate-api-version"), "1", "{path}");
        assert!(!format!("{:?}", answer.headers).contains(version));
    }
}

#[tokio::test]
async fn a_process_that_shuts_down_is_not_ready() {
    let server = Server::with(admin()).await;
    let probes = TestApp::new(server.waygate.probes(Require::None));
    assert_eq!(probes.get("/readyz").await.status(), 200);
    server.waygate.shutdown().await;
    let answer = ask(&server, "GET", "/readyz").await;
    assert_eq!(answer.header("retry-after"), "1");
    assert_eq!(answer.refused(503), "The process is not ready: process.");
    assert_eq!(probes.get("/readyz").await.status(), 503);
    ask(&server, "GET", "/livez").await.expect(200);
}

#[tokio::test(start_paused = true)]
async fn readiness_needs_the_state_that_is_required() {
    let backend = Arc::new(Faulty::default());
    let start = async || {
        Waygate::builder()
            .backend(backend.clone())
            .build()
            .await
            .unwrap()
    };
    let status = async |waygate: &Waygate, require| {
        let probes = TestApp::new(waygate.probes(require));
        assert_eq!(probes.get("/livez").await.status(), 200);
        let answer = probes.get("/readyz?verbose").await;
        (answer.status().as_u16(), answer.text())
    };
    let waygate = start().await;
    for require in [Require::None, Require::Cache, Require::Live] {
        assert_eq!(status(&waygate, require).await.0, 200);
    }
    // A process that has read the store, and lost it.
    backend.set(DOWN);
    while waygate.is_ready(Require::Live) {
        tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    }
    let (code, body) = status(&waygate, Require::Cache).await;
    assert_eq!(code, 200);
    assert!(
        body.contains("\"store\":\"missing, and not required\""),
        "{body}"
    );
    let (code, body) = status(&waygate, Require::Live).await;
    assert_eq!(code, 503);
    assert!(
        body.contains("process: ok; state: ok; store: missing"),
        "{body}"
    );
    assert!(!body.contains("connection refused"));
    // A process that has never read it.
    let other = start().await;
    assert_eq!(status(&other, Require::None).await.0, 200);
    assert_eq!(status(&other, Require::Cache).await.0, 503);
    backend.set(FINE);
    while !other.is_ready(Require::Live) {
        tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    }
    assert_eq!(status(&other, Require::Cache).await.0, 200);
}
