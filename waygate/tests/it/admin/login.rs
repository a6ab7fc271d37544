//! Logins and their throttling.

use std::time::Duration;

use axum::{body::Body, extract::Request};
use serde_json::json;
use waygate::{
    admin::{Admin, CredentialError, Credentials},
    audit::{Action, AuditQuery},
};
use waygate_backends::MemoryBackend;

use super::support::{Answer, Server};
use crate::log::{Log, hostile, is_harmless};

async fn login(server: &Server, peer: Option<&str>, user: &str, password: &str) -> Answer {
    let body = json!({ "username": user, "password": password }).to_string();
    let request = Request::builder().method("POST").uri("/api/auth/login");
    let request = request.body(Body::from(body)).unwrap();
    server.send_from(peer, request).await
}

const HERE: Option<&str> = Some("192.0.2.1");

#[tokio::test]
async fn unknown_users_and_wrong_passwords_get_the_same_answer() {
    let server = Server::start().await;
    let wrong = login(&server, HERE, "admin", "wrong").await;
    let unknown = login(&server, HERE, "unknown", "secret").await;
    let impossible = login(&server, HERE, "a/\u{202e}b", "secret").await;
    assert_eq!(wrong.body, unknown.body);
    assert_eq!(wrong.body, impossible.body);
    for answer in [wrong, unknown, impossible] {
        assert_eq!(
            answer.header("www-authenticate"),
            "Bearer realm=\"waygate\""
        );
        assert_eq!(answer.refused(401), "Invalid credentials");
    }
}

#[tokio::test]
async fn delays_grow_after_five_failures() {
    let server = Server::start().await;
    for _ in 0..5 {
        login(&server, HERE, "admin", "wrong").await.refused(401);
    }
    // The correct password has to wait, too.
    let answer = login(&server, HERE, "admin", "secret").await;
    assert_eq!(answer.header("retry-after"), "1");
    assert_eq!(
        answer.refused(429),
        "Too many login attempts. Try again in 1 s."
    );
    server.clock.advance(Duration::from_millis(300));
    assert_eq!(
        login(&server, HERE, "admin", "secret")
            .await
            .header("retry-after"),
        "1"
    );
    server.clock.advance(Duration::from_millis(700));
    login(&server, HERE, "admin", "wrong").await.refused(401);
    assert_eq!(
        login(&server, HERE, "admin", "secret")
            .await
            .header("retry-after"),
        "2"
    );
    server.clock.advance(Duration::from_secs(2));
    login(&server, HERE, "admin", "secret").await.expect(200);
    // Other addresses can still use the account.
    login(&server, Some("192.0.2.2"), "admin", "secret")
        .await
        .expect(200);
}

#[tokio::test]
async fn a_known_user_can_log_in_while_the_account_is_attacked() {
    let server = Server::start().await;
    let home = Some("198.51.100.7");
    login(&server, home, "admin", "secret").await.expect(200);
    let mut checked = 0;
    for attack in 0..60 {
        let peer = format!("10.0.{}.{}", attack / 200, attack % 200);
        let answer = login(&server, Some(&peer), "admin", "guess").await;
        checked += usize::from(answer.status == 401);
    }
    // The first login of this test and that of the server's start came from unknown networks.
    assert_eq!(checked, 18);
    let answer = login(&server, Some("203.0.113.1"), "admin", "secret").await;
    assert_eq!(answer.header("retry-after"), "60");
    answer.refused(429);
    login(&server, home, "admin", "secret").await.expect(200);
    // An unknown client is slowed down, not locked out.
    server.clock.advance(Duration::from_secs(60));
    login(&server, Some("203.0.113.1"), "admin", "secret")
        .await
        .expect(200);
}

fn credentials() -> Credentials {
    Credentials::new("admin", "secret")
}

#[tokio::test]
async fn known_networks_survive_restarts_and_are_shared_by_replicas() {
    let backend = MemoryBackend::new();
    let home = Some("2001:db8:1:2::7");
    let first = Server::on(backend.clone(), credentials()).await;
    login(&first, home, "admin", "secret").await.expect(200);
    let after = Server::on(backend.clone(), credentials()).await;
    for last in 1..=4 {
        for _ in 0..5 {
            let peer = format!("203.0.113.{last}");
            login(&after, Some(&peer), "admin", "wrong").await;
        }
    }
    login(&after, Some("203.0.113.9"), "admin", "secret")
        .await
        .refused(429);
    // Any address in the customer's network is known.
    for peer in [home, Some("2001:db8:1:2:ffff::1"), Some("127.0.0.1")] {
        login(&after, peer, "admin", "secret").await.expect(200);
    }
    let elsewhere = login(&after, Some("2001:db8:1:3::7"), "admin", "secret");
    elsewhere.await.refused(429);
    // Also if the password was changed because of the attack.
    let renewed = Server::on(backend, Credentials::new("admin", "another")).await;
    for index in 0..30 {
        login(&renewed, Some(&format!("10.0.{index}.1")), "admin", "x").await;
    }
    login(&renewed, home, "admin", "another").await.expect(200);
}

#[tokio::test]
async fn failures_of_neighbours_do_not_lock_a_known_network_out() {
    let server = Server::start().await;
    login(&server, HERE, "admin", "secret").await.expect(200);
    for index in 0..20 {
        login(&server, HERE, "admin", "wrong").await.refused(401);
        login(&server, HERE, &format!("user{index}"), "wrong").await;
    }
    let answer = login(&server, HERE, "admin", "secret").await;
    assert_eq!(answer.header("retry-after"), "1");
    server.clock.advance(Duration::from_secs(1));
    login(&server, HERE, "admin", "secret").await.expect(200);
    login(&server, HERE, "admin", "wrong").await.refused(401);
    login(&server, HERE, "admin", "secret").await.expect(200);
}

#[tokio::test]
async fn many_unknown_clients_do_not_delay_known_users() {
    let server = std::sync::Arc::new(Server::start().await);
    let home = Some("198.51.100.7");
    login(&server, home, "admin", "secret").await.expect(200);
    let crowd: Vec<_> = (0..80)
        .map(|index| {
            let server = server.clone();
            tokio::spawn(async move {
                for round in 0..4 {
                    let (peer, user) = (format!("10.{round}.{index}.1"), format!("user{index}"));
                    login(&server, Some(&peer), &user, "x").await;
                }
            })
        })
        .collect();
    for _ in 0..20 {
        login(&server, home, "admin", "secret").await.expect(200);
    }
    assert!(crowd.iter().any(|stranger| !stranger.is_finished()));
    crowd.iter().for_each(tokio::task::JoinHandle::abort);
}

#[tokio::test]
async fn login_bodies_are_limited_to_four_kibibytes() {
    let server = Server::start().await;
    let padded = |length: usize| {
        let login = json!({ "username": "admin", "password": "secret" }).to_string();
        format!("{}{login}", " ".repeat(length - login.len()))
    };
    let path = "/api/auth/login";
    server.post_raw(path, padded(4_096)).await.expect(200);
    let text = server.post_raw(path, padded(4_097)).await.refused(413);
    assert_eq!(text, "The body is larger than 4096 bytes.");
    // A declared length over the limit is refused before the body is read.
    let request = Request::builder()
        .method("POST")
        .uri(path)
        .header("content-length", "256000");
    let unfinished = Body::from_stream(futures_util::stream::pending::<Result<String, String>>());
    let answer = server.send(request.body(unfinished).unwrap()).await;
    answer.refused(413);
}

/// A login with a body that does not end.
fn unfinished() -> Request {
    let begun = futures_util::stream::iter([Ok::<_, String>("{\"username\":")]);
    let body = futures_util::StreamExt::chain(begun, futures_util::stream::pending());
    let request = Request::builder().method("POST").uri("/api/auth/login");
    request.body(Body::from_stream(body)).unwrap()
}

#[tokio::test]
async fn login_bodies_time_out_after_ten_seconds() {
    let server = Server::start().await;
    tokio::time::pause();
    let begun = tokio::time::Instant::now();
    let text = server.send(unfinished()).await.refused(408);
    assert_eq!(text, "The body did not arrive within 10 seconds.");
    assert_eq!(begun.elapsed().as_secs(), 10);
}

#[tokio::test]
async fn unfinished_bodies_make_room_for_new_ones() {
    let server = std::sync::Arc::new(Server::start().await);
    let slow: Vec<_> = (0..500)
        .map(|index| {
            let server = server.clone();
            let peer = format!("10.0.{}.{}", index / 250, index % 250);
            tokio::spawn(async move { server.send_from(Some(&peer), unfinished()).await })
        })
        .collect();
    // The oldest are dropped, so that the others do not wait.
    let mut refused = Vec::new();
    for slow in slow {
        if refused.len() == 500 - 128 {
            slow.abort();
        } else {
            refused.push(slow.await.unwrap());
        }
    }
    for answer in refused {
        assert_eq!(answer.header("retry-after"), "1");
        answer.refused(503);
    }
    login(&server, HERE, "admin", "secret").await.expect(200);
}

#[tokio::test]
async fn logins_are_audited_and_throttled_ones_are_not() {
    let server = Server::start().await;
    for _ in 0..20 {
        login(&server, HERE, "admin", "wrong").await;
    }
    let lines = server.waygate.audit(AuditQuery::newest(100)).await.unwrap();
    let refused: Vec<_> = lines
        .iter()
        .filter(|line| line.action == Action::LoginRefused)
        .collect();
    assert_eq!(refused.len(), 5);
    let line = refused[0];
    assert_eq!(
        (
            line.path.as_str(),
            line.actor.as_str(),
            line.reason.as_str()
        ),
        ("auth:admin", "anonymous", "from 192.0.2.1")
    );
    let login = lines
        .iter()
        .find(|line| line.action == Action::Login)
        .unwrap();
    assert_eq!(
        (login.path.as_str(), login.actor.as_str()),
        ("auth:admin", "admin")
    );
    assert_eq!(login.reason, "from 127.0.0.1");
    let log = serde_json::to_string(&lines).unwrap();
    for secret in [server.token.as_str(), "secret", "wrong"] {
        assert!(!log.contains(secret), "{secret}");
    }
}

#[tokio::test]
async fn unknown_user_names_are_not_stored() {
    let server = Server::start().await;
    login(&server, HERE, "my password by mistake", "x")
        .await
        .refused(401);
    let lines = server.waygate.audit(AuditQuery::newest(1)).await.unwrap();
    assert_eq!(
        (&lines[0].action, lines[0].path.as_str()),
        (&Action::LoginRefused, "auth:?")
    );
}

#[tokio::test]
async fn logging_out_revokes_only_its_own_token() {
    let server = Server::start().await;
    let other = login(&server, HERE, "admin", "secret").await.expect(200);
    server.post("/api/auth/logout", json!({})).await.expect(200);
    server.get("/api/auth/me").await.refused(401);
    // Logging out without a valid token succeeds.
    server.post("/api/auth/logout", json!({})).await.expect(200);
    let request = Request::builder()
        .uri("/api/auth/me")
        .header("x-waygate-token", other["token"].as_str().unwrap());
    let answer = server.send(request.body(Body::empty()).unwrap()).await;
    assert_eq!(answer.status, 200);
    let lines = server.waygate.audit(AuditQuery::newest(1)).await.unwrap();
    assert_eq!(
        (&lines[0].action, lines[0].actor.as_str()),
        (&Action::Logout, "admin")
    );
}

#[tokio::test]
async fn floods_of_logins_are_refused() {
    let server = std::sync::Arc::new(Server::start().await);
    let logins: Vec<_> = (0..200)
        .map(|index| {
            let server = server.clone();
            tokio::spawn(async move {
                let peer = format!("10.0.0.{index}");
                login(&server, Some(&peer), &format!("user{index}"), "x").await
            })
        })
        .collect();
    let mut turned_away = 0;
    for login in logins {
        let answer = login.await.unwrap();
        if answer.status == 503 {
            assert_eq!(answer.header("retry-after"), "1");
            assert_eq!(
                answer.error(),
                "Too many logins at a time. Try again in a second."
            );
            turned_away += 1;
        } else {
            answer.refused(401);
        }
    }
    assert!(turned_away > 0);
}

#[tokio::test]
async fn logins_expire() {
    let lifetime = Duration::from_secs(600);
    let admin = Admin::new(Credentials::new("admin", "secret")).login_lifetime(lifetime);
    let server = Server::with(admin).await;
    server.clock.advance(lifetime - Duration::from_millis(1));
    assert_eq!(server.get("/api/auth/me").await.status, 200);
    server.clock.advance(Duration::from_millis(1));
    server.get("/api/auth/me").await.refused(401);
}

#[tokio::test]
async fn services_that_log_in_can_only_read() {
    let server = Server::start().await;
    let ask = json!({ "username": "admin", "password": "secret", "platform": "sdk" });
    let made = server.post("/api/auth/login", ask).await.expect(200);
    assert_eq!(made["expires_at"], "2027-11-22T22:16:28.050033+00:00");
    let ask = async |method: &str, path: &str| {
        let token = made["token"].as_str().unwrap();
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("x-waygate-token", token);
        server.send(request.body(Body::empty()).unwrap()).await
    };
    let me = ask("GET", "/api/auth/me").await.expect(200);
    assert_eq!(
        me,
        json!({ "username": "admin", "platform": "sdk", "scopes": ["read"], "services": null })
    );
    assert_eq!(ask("GET", "/api/routes").await.status, 200);
    ask("POST", "/api/global/enable").await.refused(403);
    ask("GET", "/api/auth/tokens").await.refused(403);
}

#[tokio::test]
async fn several_users_with_hashes_or_passwords_can_log_in() {
    // A test vector of the reference implementation, for `password`.
    let phc =
        "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc";
    let credentials = Credentials::new("admin", "secret")
        .with("bob", "builder")
        .with("bob", "the second counts")
        .with("", "nameless")
        .with("a/b", "slash")
        .with("empty", "");
    let credentials = credentials.with_hashed("carol", phc).unwrap();
    let server = Server::with(credentials).await;
    let status = async |user: &str, password: &str| {
        server.clock.advance(Duration::from_secs(3600));
        login(&server, HERE, user, password).await.status.as_u16()
    };
    assert_eq!(status("admin", "secret").await, 200);
    assert_eq!(status("bob", "the second counts").await, 200);
    assert_eq!(status("bob", "builder").await, 401);
    assert_eq!(status("carol", "password").await, 200);
    assert_eq!(status("carol", "Password").await, 401);
    assert_eq!(status("a/b", "slash").await, 401);
    assert_eq!(status("empty", "").await, 400);
    assert_eq!(status("empty", " ").await, 401);
}

#[test]
fn unusable_credentials_are_refused() {
    let error = Credentials::hashed("", "").unwrap_err();
    assert!(matches!(error, CredentialError::User(_)), "{error}");
    let error = Credentials::hashed("admin", "$2b$12$abc")
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("the password hash of `admin` cannot be used"),
        "{error}"
    );
    assert!(error.contains("$argon2id$v=19$m=19456,t=2,p=1$"), "{error}");
}

#[tokio::test]
async fn a_server_without_a_usable_account_refuses_every_login() {
    let server = Server::with(Credentials::new("", "")).await;
    assert_eq!(server.token, "");
    login(&server, HERE, "admin", "secret").await.refused(401);
    server.get("/api/auth/me").await.refused(401);
}

#[tokio::test]
async fn secrets_do_not_show_in_debug_output() {
    let credentials = Credentials::new("admin", "hunter2");
    assert!(!format!("{credentials:?}").contains("hunter2"));
    let admin = Admin::new(credentials);
    assert!(!format!("{admin:?}").contains("hunter2"));
}

#[tokio::test]
async fn user_names_cannot_forge_log_lines() {
    let server = Server::start().await;
    let (log, _guard) = Log::of_this_thread();
    let names = ["ada\" user=\"admin", "ada\u{202e}\n", "unknown", &hostile()];
    for name in names.into_iter().chain(["admin"]) {
        login(&server, HERE, name, "wrong").await;
    }
    let lines = log.lines();
    is_harmless(&lines);
    let line = r#" message=a login was refused user="admin" from="from 192.0.2.1""#;
    assert!(lines.contains(&line.to_owned()), "{lines:?}");
    for strange in ["ada", "unknown", "forged"] {
        assert!(
            !lines.iter().any(|line| line.contains(strange)),
            "{lines:?}"
        );
    }
}
