//! Tokens for programs.

use std::time::Duration;

use axum::{body::Body, extract::Request};
use serde_json::{Value, json};
use waygate::{
    admin::Credentials,
    audit::{Action, AuditQuery},
};
use waygate_backends::MemoryBackend;
use waygate_core::port::{Backend, Batch, EntityKey};

use super::support::{Server, at};

fn ask(name: &str, scopes: &[&str], seconds: u64) -> Value {
    json!({ "name": name, "scopes": scopes, "expires_in_seconds": seconds })
}

#[tokio::test]
async fn tokens_are_shown_once_and_stored_as_a_hash() {
    let backend = MemoryBackend::new();
    let server = Server::on(backend.clone(), Credentials::new("admin", "secret")).await;
    let made = server
        .post(
            "/api/auth/tokens",
            ask("deploy", &["read", "write:routes"], 3600),
        )
        .await
        .expect(201);
    let token = made["token"].as_str().unwrap();
    assert_eq!((token.len(), &token[..3]), (46, "wg_"));
    let mut about = made.clone();
    about.as_object_mut().unwrap().remove("token");
    assert_eq!(
        about,
        json!({
            "id": made["id"],
            "name": "deploy",
            "username": "admin",
            "platform": "cli",
            "scopes": ["read", "write:routes"],
            "services": null,
            "created_at": "2026-11-22T22:16:28.050033Z",
            "expires_at": "2026-11-22T23:16:28.050033Z",
            "last_used_at": null,
            "current": false,
        })
    );
    let list = server.get("/api/auth/tokens").await;
    assert!(
        !String::from_utf8(list.body.clone())
            .unwrap()
            .contains(token)
    );
    let list = list.json();
    // Both were made at the same time, so their order is arbitrary.
    let list = list.as_array().unwrap();
    let (own, others): (Vec<_>, Vec<_>) = list.iter().partition(|it| it["current"] == true);
    assert_eq!(others, [&about]);
    assert_eq!((own.len(), &own[0]["name"]), (1, &Value::Null));
    let stored = format!("{:?}", backend.load().await.unwrap());
    assert!(!stored.contains(token));
    assert!(!stored.contains(&server.token));
    assert_eq!(stored.matches("token/").count(), 2);
}

#[tokio::test]
async fn the_audit_log_names_the_token() {
    let server = Server::start().await;
    let made = server
        .post("/api/auth/tokens", ask("deploy", &["write:routes"], 3600))
        .await
        .expect(201);
    let request = Request::builder()
        .method("POST")
        .uri(at("GET:/orders", "/disable"))
        .header("x-waygate-token", made["token"].as_str().unwrap());
    let answer = server.send(request.body(Body::empty()).unwrap()).await;
    answer.expect(200);
    let path = format!("/api/auth/tokens/{}", made["id"].as_str().unwrap());
    server.delete(&path).await.expect(200);
    let lines = server.waygate.audit(AuditQuery::newest(3)).await.unwrap();
    let entries: Vec<_> = lines
        .iter()
        .map(|line| {
            (
                &line.action,
                line.path.as_str(),
                line.actor.as_str(),
                line.reason.as_str(),
            )
        })
        .collect();
    assert_eq!(
        entries,
        [
            (&Action::TokenRevoked, "auth:admin", "admin", "deploy"),
            (&Action::Disable, "GET:/orders", "admin/deploy", ""),
            (&Action::TokenCreated, "auth:admin", "admin", "deploy"),
        ]
    );
    assert_eq!(lines[2].new.as_ref().unwrap()["token"], made["id"]);
}

#[tokio::test]
async fn a_token_grants_no_more_than_its_creator_has() {
    let server = Server::start().await;
    let made = server
        .post("/api/auth/tokens", ask("manager", &["admin"], 3600))
        .await
        .expect(201);
    let create = async |scopes: &[&str]| {
        let request = Request::builder()
            .method("POST")
            .uri("/api/auth/tokens")
            .header("x-waygate-token", made["token"].as_str().unwrap());
        let body = ask("more", scopes, 3600).to_string();
        server.send(request.body(Body::from(body)).unwrap()).await
    };
    create(&["admin"]).await.expect(201);
    assert_eq!(
        create(&["admin", "write:global"]).await.refused(403),
        "A token cannot give the scope `write:global`, which it lacks itself."
    );
}

#[tokio::test]
async fn invalid_token_requests_are_refused() {
    let server = Server::start().await;
    let refused = async |body: Value| server.post("/api/auth/tokens", body).await.refused(400);
    assert_eq!(
        refused(ask("x", &["root"], 60)).await,
        "scopes[0]: unknown variant `root`, expected one of `read`, `write:routes`, `write:global`, `admin`, `evaluate`, `evaluate:client`"
    );
    assert_eq!(
        refused(ask("x", &[], 60)).await,
        "scopes: give at least one"
    );
    for seconds in [0, 59, 31_536_001, u64::MAX] {
        assert_eq!(
            refused(ask("x", &["read"], seconds)).await,
            "expires_in_seconds: expected 60 to 31536000"
        );
    }
    assert!(
        refused(ask("", &["read"], 60))
            .await
            .contains("use 1 to 128 characters")
    );
    assert!(
        refused(ask("a/b", &["read"], 60))
            .await
            .contains("`/` is not allowed")
    );
    assert_eq!(refused(json!({})).await, "missing field `name`");
    let unknown = server.delete("/api/auth/tokens/0000").await;
    assert_eq!(unknown.refused(404), "There is no token `0000`.");
}

#[tokio::test]
async fn tokens_survive_a_restart_and_are_shared_by_replicas() {
    let backend = MemoryBackend::new();
    let credentials = || Credentials::new("admin", "secret");
    let first = Server::on(backend.clone(), credentials()).await;
    let mut second = Server::on(backend.clone(), credentials()).await;
    second.token.clone_from(&first.token);
    assert_eq!(second.get("/api/auth/me").await.status, 200);
    // After it is revoked on one replica, the other refuses it as soon as it has synchronized.
    let mut version = first.waygate.subscribe();
    second.post("/api/auth/logout", json!({})).await.expect(200);
    second
        .post(&at("GET:/orders", "/disable"), json!({}))
        .await
        .refused(401);
    let made = second
        .waygate
        .system()
        .disable("GET:/orders", "")
        .await
        .unwrap();
    while first.waygate.revision() != made.revision {
        version.next().await.unwrap();
    }
    first.get("/api/auth/me").await.refused(401);
}

#[tokio::test]
async fn tokens_of_removed_users_are_refused() {
    let backend = MemoryBackend::new();
    let credentials = Credentials::new("admin", "secret").with("bob", "builder");
    let before = Server::on(backend.clone(), credentials).await;
    let login = json!({ "username": "bob", "password": "builder" });
    let login = before.post("/api/auth/login", login).await.expect(200);
    let mut after = Server::on(backend, Credentials::new("admin", "secret")).await;
    after.token = login["token"].as_str().unwrap().to_owned();
    after.get("/api/auth/me").await.refused(401);
}

/// The status of a request with this token.
async fn status(server: &Server, token: &Value) -> u16 {
    let request = Request::builder()
        .uri("/api/auth/me")
        .header("x-waygate-token", token.as_str().unwrap());
    let answer = server.send(request.body(Body::empty()).unwrap()).await;
    answer.status.as_u16()
}

/// A user's login, a service's login and a program's token.
async fn all_kinds(server: &Server, password: &str) -> [Value; 3] {
    let login = |platform: &str| {
        let (user, path) = ("admin", "/api/auth/login");
        let login = json!({ "username": user, "password": password, "platform": platform });
        server.post(path, login)
    };
    let (cli, sdk) = (login("cli").await, login("sdk").await);
    let program = ask("deploy", &["read"], 3_600).to_string();
    let cli = cli.expect(200)["token"].clone();
    let request = Request::builder()
        .method("POST")
        .uri("/api/auth/tokens")
        .header("x-waygate-token", cli.as_str().unwrap());
    let program = server.send(request.body(Body::from(program)).unwrap());
    let program = program.await.expect(201)["token"].clone();
    [cli, sdk.expect(200)["token"].clone(), program]
}

#[tokio::test]
async fn changing_a_password_revokes_its_tokens() {
    let backend = MemoryBackend::new();
    let on = |password: &str| {
        let credentials = Credentials::new("admin", password).with("bob", "builder");
        Server::on(backend.clone(), credentials)
    };
    let before = on("secret").await;
    let tokens = all_kinds(&before, "secret").await;
    let bob = json!({ "username": "bob", "password": "builder" });
    let bob = before.post("/api/auth/login", bob).await.expect(200)["token"].clone();
    let (after, again) = (on("another").await, on("secret").await);
    for token in &tokens {
        assert_eq!(status(&after, token).await, 401);
        assert_eq!(status(&again, token).await, 200);
    }
    assert_eq!(status(&after, &bob).await, 200);
    // It cannot log out, revoke itself, or do anything else.
    let shown = after
        .post("/api/auth/tokens", ask("more", &["read"], 60))
        .await;
    assert_eq!(shown.status, 401);
}

#[tokio::test]
async fn replicas_with_old_and_new_passwords_keep_each_others_tokens() {
    let backend = MemoryBackend::new();
    let on = |password: &str| Server::on(backend.clone(), Credentials::new("admin", password));
    // Each token exists before the first login elsewhere.
    let (old, also_old) = (on("secret").await, on("secret").await);
    let (new, also_new) = (on("another").await, on("another").await);
    for _ in 0..2 {
        let (of_old, of_new) = (
            all_kinds(&old, "secret").await,
            all_kinds(&new, "another").await,
        );
        let seen = new.waygate.revision();
        for replica in [&old, &also_old, &also_new] {
            let mut versions = replica.waygate.subscribe();
            while replica.waygate.revision() != seen {
                versions.next().await.unwrap();
            }
        }
        for (mine, others) in [(&of_old, [&old, &also_old]), (&of_new, [&new, &also_new])] {
            for token in mine {
                for replica in [&old, &also_old, &new, &also_new] {
                    let own = others.iter().any(|other| std::ptr::eq(*other, replica));
                    let expected = if own { 200 } else { 401 };
                    assert_eq!(status(replica, token).await, expected);
                }
            }
        }
    }
}

#[tokio::test]
async fn tokens_of_other_hashes_and_earlier_versions_are_refused() {
    let phc = [
        "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
        "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$dTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
    ];
    let backend = MemoryBackend::new();
    let on = |phc: &str| {
        let credentials = Credentials::hashed("admin", phc).unwrap();
        Server::on(backend.clone(), credentials)
    };
    let server = on(phc[0]).await;
    let [token, ..] = all_kinds(&server, "password").await;
    assert_eq!(status(&on(phc[0]).await, &token).await, 200);
    assert_eq!(status(&on(phc[1]).await, &token).await, 401);
    // The stored form before tokens were bound to a password.
    let image = backend.load().await.unwrap();
    let is_token = |key: &EntityKey| key.name_in("token").is_some();
    let tokens = image.entities.into_iter().filter(|(key, _)| is_token(key));
    let puts = tokens.map(|(key, entity)| {
        let mut value = entity.value;
        assert!(value.as_object_mut().unwrap().remove("binding").is_some());
        (key, value)
    });
    let mut batch = Batch::new();
    batch.puts = puts.collect();
    backend.commit(batch).await.unwrap();
    assert_eq!(status(&on(phc[0]).await, &token).await, 401);
}

#[tokio::test]
async fn expired_tokens_are_removed_at_the_next_login() {
    let backend = MemoryBackend::new();
    let server = Server::on(backend.clone(), Credentials::new("admin", "secret")).await;
    for _ in 0..3 {
        server
            .post("/api/auth/tokens", ask("short", &["read"], 60))
            .await
            .expect(201);
    }
    server.clock.advance(Duration::from_secs(60));
    let list = server.get("/api/auth/tokens").await.expect(200);
    assert_eq!(list.as_array().unwrap().len(), 1);
    let stored = async || {
        let image = backend.load().await.unwrap();
        let tokens = image
            .entities
            .iter()
            .filter(|(key, _)| key.name_in("token").is_some());
        tokens.count()
    };
    assert_eq!(stored().await, 4);
    let login = json!({ "username": "admin", "password": "secret" });
    server.post("/api/auth/login", login).await.expect(200);
    assert_eq!(stored().await, 2);
}

#[tokio::test]
async fn the_list_has_an_etag() {
    let server = Server::start().await;
    let list = server.get("/api/auth/tokens").await;
    let known = async |tag: &str| {
        let request = server
            .request("GET", "/api/auth/tokens")
            .header("if-none-match", tag);
        server
            .send(request.body(Body::empty()).unwrap())
            .await
            .status
            .as_u16()
    };
    assert_eq!(known(list.header("etag")).await, 304);
    assert_eq!(known("\"other\"").await, 200);
}
