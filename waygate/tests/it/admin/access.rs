//! Roles, and users in a file.

use std::{fs, path::Path, time::Duration};

use axum::{body::Body, extract::Request};
use serde_json::{Value, json};
use waygate::{
    admin::{Credentials, Role},
    health::Component,
};

use super::support::{Answer, Server, at};

/// The hash of `password`: a test vector of the reference implementation.
const PHC: &str =
    "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc";

async fn login(server: &Server, user: &str, password: &str) -> Answer {
    server.clock.advance(Duration::from_secs(3600));
    let body = json!({ "username": user, "password": password });
    server.post("/api/auth/login", body).await
}

async fn token(server: &Server, user: &str, password: &str) -> String {
    let made = login(server, user, password).await.expect(200);
    made["token"].as_str().unwrap().to_owned()
}

async fn send(server: &Server, token: &str, method: &str, path: &str) -> Answer {
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header("x-waygate-token", token);
    server.send(request.body(Body::empty()).unwrap()).await
}

async fn scopes(server: &Server, token: &str) -> Value {
    send(server, token, "GET", "/api/auth/me").await.expect(200)["scopes"].clone()
}

/// Waits until a condition holds.
async fn until(what: &str, holds: impl AsyncFn() -> bool) {
    let deadline = tokio::time::Instant::now() + Duration::from_secs(60);
    while !holds().await {
        assert!(tokio::time::Instant::now() < deadline, "{what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn a_role_limits_the_scopes_of_a_login() {
    let credentials = Credentials::new("admin", "secret")
        .with("olga", "op")
        .with("vera", "see")
        .with_role("olga", Role::Operator)
        .unwrap()
        .with_role("vera", Role::Viewer)
        .unwrap();
    let server = Server::with(credentials).await;
    let viewer = token(&server, "vera", "see").await;
    assert_eq!(
        scopes(&server, &viewer).await,
        json!(["read", "evaluate", "evaluate:client"])
    );
    let disable = at("GET:/orders", "/disable");
    send(&server, &viewer, "GET", "/api/routes")
        .await
        .expect(200);
    let refused = send(&server, &viewer, "POST", &disable).await.refused(403);
    assert_eq!(refused, "The token lacks the scope `write:routes`.");
    let operator = token(&server, "olga", "op").await;
    send(&server, &operator, "POST", &disable).await.expect(200);
    let refused = send(&server, &operator, "GET", "/api/auth/tokens").await;
    assert_eq!(refused.refused(403), "The token lacks the scope `admin`.");
    let admin = token(&server, "admin", "secret").await;
    assert_eq!(scopes(&server, &admin).await.as_array().unwrap().len(), 6);
}

#[test]
fn a_role_needs_a_user() {
    let error = Credentials::new("admin", "secret").with_role("adnim", Role::Viewer);
    let text = error.unwrap_err().to_string();
    assert!(text.contains("no user `adnim`"), "{text}");
}

/// Puts a new file in the place of another one.
fn replace(path: &Path, text: &str) {
    let next = path.with_extension("next");
    fs::write(&next, text).unwrap();
    fs::rename(next, path).unwrap();
}

#[tokio::test]
async fn users_of_a_file_come_go_and_change_while_the_server_runs() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("users");
    fs::write(&path, format!("vera:admin:{PHC}\nolga:operator:{PHC}\n")).unwrap();
    let credentials = Credentials::new("admin", "secret")
        .with_file(&path)
        .unwrap();
    let server = Server::with(credentials).await;
    let vera = token(&server, "vera", "password").await;
    let olga = token(&server, "olga", "password").await;
    login(&server, "ivan", "password").await.refused(401);
    assert_eq!(scopes(&server, &vera).await.as_array().unwrap().len(), 6);

    replace(&path, &format!("vera:viewer:{PHC}\nivan:viewer:{PHC}\n"));
    until("olga is gone", async || {
        send(&server, &olga, "GET", "/api/auth/me").await.status == 401
    })
    .await;
    // The token from before has the scopes of the new role.
    let of_viewers = json!(["read", "evaluate", "evaluate:client"]);
    assert_eq!(scopes(&server, &vera).await, of_viewers);
    let ivan = token(&server, "ivan", "password").await;
    assert_eq!(scopes(&server, &ivan).await, of_viewers);
    login(&server, "olga", "password").await.refused(401);

    // A password that changes ends the tokens of the old one.
    replace(&path, &format!("vera:viewer:another\nivan:viewer:{PHC}\n"));
    until("the password has changed", async || {
        send(&server, &vera, "GET", "/api/auth/me").await.status == 401
    })
    .await;
    let again = token(&server, "vera", "another").await;
    assert_eq!(scopes(&server, &again).await, of_viewers);
    assert_eq!(scopes(&server, &ivan).await, of_viewers);
}

#[tokio::test]
async fn a_broken_file_keeps_the_last_users_and_is_reported() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("users");
    fs::write(&path, format!("vera:viewer:{PHC}\n")).unwrap();
    let credentials = Credentials::new("admin", "secret")
        .with_file(&path)
        .unwrap();
    let server = Server::with(credentials).await;
    let vera = token(&server, "vera", "password").await;
    let cause = || {
        let health = server.waygate.health();
        health
            .get(&Component::AdminUsers)
            .map(|it| it.cause.clone())
    };
    for (text, problem) in [
        ("", "has no users"),
        ("vera:viewer:$hunter2", "line 1: expected a hash"),
        ("admin:admin:x", "the user `admin` is there twice"),
    ] {
        replace(&path, text);
        until(problem, async || {
            cause().is_some_and(|cause| cause.contains(problem))
        })
        .await;
        assert!(!cause().unwrap().contains("hunter2"));
        send(&server, &vera, "GET", "/api/routes").await.expect(200);
        login(&server, "vera", "password").await.expect(200);
    }
    fs::remove_file(&path).unwrap();
    until("it is missing", async || {
        cause().is_some_and(|cause| cause.contains("No such file"))
    })
    .await;
    send(&server, &vera, "GET", "/api/routes").await.expect(200);
    replace(&path, &format!("vera:viewer:{PHC}\n"));
    until("it is valid again", async || cause().is_none()).await;
}

#[cfg(unix)]
#[tokio::test]
async fn a_symbolic_link_that_moves_changes_the_users() {
    let directory = tempfile::tempdir().unwrap();
    let place = |name: &str| directory.path().join(name);
    // The layout of a mounted secret: `users` leads through `..data`.
    for (name, user) in [("1", "vera"), ("2", "olga")] {
        fs::create_dir(place(name)).unwrap();
        fs::write(place(name).join("users"), format!("{user}:viewer:{PHC}\n")).unwrap();
    }
    std::os::unix::fs::symlink("1", place("..data")).unwrap();
    std::os::unix::fs::symlink("..data/users", place("users")).unwrap();
    let credentials = Credentials::new("admin", "secret")
        .with_file(place("users"))
        .unwrap();
    let server = Server::with(credentials).await;
    let vera = token(&server, "vera", "password").await;
    std::os::unix::fs::symlink("2", place("..next")).unwrap();
    fs::rename(place("..next"), place("..data")).unwrap();
    until("vera is gone", async || {
        send(&server, &vera, "GET", "/api/auth/me").await.status == 401
    })
    .await;
    token(&server, "olga", "password").await;
}

#[test]
fn a_file_that_cannot_be_used_is_an_error_at_the_start() {
    let missing = Credentials::from_file("/no/such/users").unwrap_err();
    let text = missing.to_string();
    assert!(text.contains("`/no/such/users`"), "{text}");
}
