//! Logins, the last use of tokens, and how they end.

use std::time::Duration;

use axum::{body::Body, extract::Request};
use serde_json::{Value, json};
use waygate::{
    Waygate,
    admin::{Admin, Credentials, Role},
};
use waygate_backends::MemoryBackend;

use super::support::{Answer, Server};

fn two_users() -> Credentials {
    let credentials = Credentials::new("admin", "secret").with("vera", "see");
    credentials.with_role("vera", Role::Viewer).unwrap()
}

async fn login(server: &Server, user: &str, password: &str) -> String {
    let body = json!({ "username": user, "password": password });
    let made = server.post("/api/auth/login", body).await.expect(200);
    made["token"].as_str().unwrap().to_owned()
}

async fn send(server: &Server, token: &str, method: &str, path: &str) -> Answer {
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header("x-waygate-token", token);
    server.send(request.body(Body::empty()).unwrap()).await
}

async fn status(server: &Server, token: &str) -> u16 {
    let answer = send(server, token, "GET", "/api/auth/me").await;
    answer.status.as_u16()
}

async fn ids(server: &Server, token: &str, path: &str) -> Vec<Value> {
    let list = send(server, token, "GET", path).await.expect(200);
    let list = list.as_array().unwrap().iter();
    list.map(|login| login["id"].clone()).collect()
}

#[tokio::test]
async fn a_user_sees_and_ends_its_own_logins_only() {
    let server = Server::with(two_users()).await;
    let (first, second) = (
        login(&server, "vera", "see").await,
        login(&server, "vera", "see").await,
    );
    let own = ids(&server, &first, "/api/auth/sessions").await;
    assert_eq!(own.len(), 2);
    let list = send(&server, &first, "GET", "/api/auth/sessions")
        .await
        .json();
    let current: Vec<&Value> = list
        .as_array()
        .unwrap()
        .iter()
        .map(|it| &it["current"])
        .collect();
    assert_eq!(current.iter().filter(|it| ***it == json!(true)).count(), 1);
    // Those of others need the scope `admin`, and do not exist for a viewer.
    let of_admin = ids(&server, &server.token, "/api/auth/sessions").await;
    for path in [
        "/api/auth/sessions?username=admin",
        "/api/auth/sessions?username=x",
    ] {
        for method in ["GET", "DELETE"] {
            let text = send(&server, &first, method, path).await.refused(403);
            assert_eq!(text, "Logins of another user need the scope `admin`.");
        }
    }
    let path = format!("/api/auth/sessions/{}", of_admin[0].as_str().unwrap());
    send(&server, &first, "DELETE", &path).await.refused(404);
    assert_eq!(server.get("/api/auth/me").await.status, 200);

    let is_second = list
        .as_array()
        .unwrap()
        .iter()
        .find(|it| it["current"] == false);
    let path = format!(
        "/api/auth/sessions/{}",
        is_second.unwrap()["id"].as_str().unwrap()
    );
    send(&server, &first, "DELETE", &path).await.expect(200);
    assert_eq!(
        (
            status(&server, &first).await,
            status(&server, &second).await
        ),
        (200, 401)
    );
    send(&server, &first, "DELETE", &path).await.refused(404);
}

#[tokio::test]
async fn an_admin_ends_all_logins_of_a_user_and_spares_tokens_of_programs() {
    let server = Server::with(two_users()).await;
    let logins = [
        login(&server, "vera", "see").await,
        login(&server, "vera", "see").await,
    ];
    let ask = json!({ "name": "deploy", "scopes": ["read"], "expires_in_seconds": 3600 });
    let program = server.post("/api/auth/tokens", ask).await.expect(201);
    let path = "/api/auth/sessions?username=vera";
    assert_eq!(ids(&server, &server.token, path).await.len(), 2);
    server.delete(path).await.expect(200);
    for token in &logins {
        assert_eq!(status(&server, token).await, 401);
    }
    assert_eq!(ids(&server, &server.token, path).await.len(), 0);
    // Its own logins, and not its tokens for programs.
    server.delete("/api/auth/sessions").await.expect(200);
    assert_eq!(status(&server, &server.token).await, 401);
    assert_eq!(
        status(&server, program["token"].as_str().unwrap()).await,
        200
    );
}

#[tokio::test]
async fn a_login_ends_after_some_time_without_a_request() {
    let idle = Duration::from_secs(1800);
    let server = Server::with(Admin::new(two_users()).login_idle(idle)).await;
    let busy = login(&server, "vera", "see").await;
    let unused = login(&server, "vera", "see").await;
    for _ in 0..3 {
        server.clock.advance(idle - Duration::from_secs(1));
        assert_eq!(status(&server, &busy).await, 200);
    }
    assert_eq!(status(&server, &unused).await, 401);
    server.clock.advance(idle);
    assert_eq!(status(&server, &busy).await, 401);
}

/// The last uses of all tokens, oldest token first.
async fn last_uses(server: &Server) -> Vec<Value> {
    let list = server.get("/api/auth/tokens").await.expect(200);
    let list = list.as_array().unwrap().iter();
    list.map(|token| token["last_used_at"].clone()).collect()
}

#[tokio::test]
async fn last_uses_are_written_together_once_a_minute() {
    let backend = MemoryBackend::new();
    let server = Server::on(backend.clone(), two_users()).await;
    let other = Server::on(backend, two_users()).await;
    let vera = login(&server, "vera", "see").await;
    let mut versions = other.waygate.subscribe();
    while other.waygate.revision() != server.waygate.revision() {
        versions.next().await.unwrap();
    }
    let before = server.waygate.revision();
    tokio::time::pause();
    for _ in 0..100 {
        assert_eq!(status(&server, &vera).await, 200);
        assert_eq!(server.get("/api/auth/me").await.status, 200);
        server.clock.advance(Duration::from_millis(100));
    }
    assert_eq!(server.waygate.revision(), before, "no request writes");
    // Both tokens are in one commit, which reaches the other process.
    while server.waygate.revision() == before {
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    let once = server.waygate.revision();
    let uses = last_uses(&server).await;
    assert_eq!(
        uses.iter().filter(|at| at.is_string()).count(),
        2,
        "{uses:?}"
    );
    for _ in 0..10 {
        assert_eq!(status(&server, &vera).await, 200);
        tokio::time::sleep(Duration::from_secs(60)).await;
    }
    assert_eq!(server.waygate.revision(), once, "the minute is not over");
    server.clock.advance(Duration::from_secs(60));
    assert_eq!(status(&server, &vera).await, 200);
    while server.waygate.revision() == once {
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}

#[cfg(feature = "flags")]
#[tokio::test]
async fn a_stream_ends_when_its_token_is_revoked() {
    let server = Server::with(two_users()).await;
    let vera = login(&server, "vera", "see").await;
    let stream = send(&server, &vera, "GET", "/api/flag-evaluations");
    let stream = tokio::time::timeout(Duration::from_secs(5), stream);
    // The stream is open before the second request is sent.
    let (stream, revoked) = tokio::join!(stream, server.delete("/api/auth/sessions?username=vera"));
    revoked.expect(200);
    assert_eq!(stream.unwrap().status, 200);
}

#[cfg(feature = "flags")]
#[tokio::test]
async fn a_stream_ends_when_its_token_expires() {
    let server = Server::with(two_users()).await;
    let vera = login(&server, "vera", "see").await;
    let stream = send(&server, &vera, "GET", "/api/flag-evaluations");
    let stream = tokio::time::timeout(Duration::from_secs(5), stream);
    let (stream, ()) = tokio::join!(stream, async {
        server.clock.advance(Duration::from_secs(24 * 3600));
    });
    assert_eq!(stream.unwrap().status, 200);
}

/// Two processes that share a file.
#[cfg(feature = "file")]
#[tokio::test]
async fn a_revoked_token_is_refused_by_other_processes_within_five_seconds() {
    let directory = tempfile::tempdir().unwrap();
    let start = async || {
        let path = directory.path().join("waygate.json");
        let backend = waygate_backends::FileBackend::open(path).await.unwrap();
        Server::built(Waygate::builder().backend(backend), two_users()).await
    };
    let (first, second) = (start().await, start().await);
    let vera = login(&first, "vera", "see").await;
    let known = tokio::time::Instant::now() + Duration::from_secs(60);
    while status(&second, &vera).await != 200 {
        assert!(tokio::time::Instant::now() < known);
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    first
        .delete("/api/auth/sessions?username=vera")
        .await
        .expect(200);
    let revoked = tokio::time::Instant::now();
    while status(&second, &vera).await != 401 {
        assert!(revoked.elapsed() < Duration::from_secs(5));
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn a_token_of_a_program_does_not_end_logins() {
    let server = Server::start().await;
    let ask = json!({ "name": "page", "scopes": ["evaluate:client"], "expires_in_seconds": 60 });
    let made = server.post("/api/auth/tokens", ask).await.expect(201);
    let list = server.get("/api/auth/sessions").await.expect(200);
    let login = format!("/api/auth/sessions/{}", list[0]["id"].as_str().unwrap());
    for (method, path) in [
        ("GET", "/api/auth/sessions"),
        ("DELETE", "/api/auth/sessions"),
        ("DELETE", &*login),
    ] {
        let request = axum::extract::Request::builder()
            .method(method)
            .uri(path)
            .header("x-waygate-token", made["token"].as_str().unwrap());
        let request = request.body(axum::body::Body::empty());
        server.send(request.unwrap()).await.refused(403);
    }
    server.get("/api/auth/me").await.expect(200);
}
