//! The server of the admin API, and its tokens.

use std::time::Duration;

use axum::Router;
use http::Method;
use serde_json::{Value, json};
use tokio::time::timeout;
use waygate::{
    admin::{Admin, Credentials, Role},
    ofrep::{Ofrep, Token},
};

use super::support::{SERVER, Server, boolean};
use crate::support::{builder, clock};

const BULK: &str = "/waygate/ofrep/v1/evaluate/flags";

async fn server(credentials: impl Into<Admin>) -> Server {
    let clock = clock();
    let waygate = builder().clock(clock.clone()).build().await.unwrap();
    let own = Ofrep::new().token(Token::server(SERVER).unwrap());
    let admin = credentials.into().ofrep(own);
    let router = waygate.guard(Router::new()).await.unwrap();
    let router = router.admin("/waygate", admin).into_router();
    let server = Server::of(waygate, clock, router).await;
    server.set(boolean("other", json!({}))).await;
    server
        .set(boolean("shown", json!({"client_visible": true})))
        .await;
    server
}

async fn login(server: &Server) -> String {
    let body = json!({"username": "admin", "password": "secret"});
    let answer = server.post("/waygate/api/auth/login", "", &[], &body).await;
    answer.json()["token"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn tokens_of_the_admin_api_are_accepted_by_their_scopes() {
    let server = server(Credentials::new("admin", "secret")).await;
    let login = login(&server).await;
    let create = async |scopes: &[&str]| {
        let body = json!({"name": "flags", "scopes": scopes, "expires_in_seconds": 3600});
        let made = server
            .post("/waygate/api/auth/tokens", &login, &[], &body)
            .await;
        made.json()
    };
    let keys = async |token: &str| {
        let all = server.post(BULK, token, &[], &json!({})).await;
        (all.status == 200).then(|| all.keys())
    };
    let [all, shown] = [
        Some(vec!["other".to_owned(), "shown".to_owned()]),
        Some(vec!["shown".to_owned()]),
    ];
    for (scopes, expected) in [
        (&["evaluate"][..], &all),
        (&["read"], &all),
        (&["evaluate:client", "evaluate"], &all),
        (&["evaluate:client"], &shown),
        (&["write:routes"], &None),
    ] {
        let token = create(scopes).await["token"].as_str().unwrap().to_owned();
        assert_eq!(keys(&token).await, *expected, "{scopes:?}");
    }
    assert_eq!(keys(&login).await, all);
    assert_eq!(keys(SERVER).await, all, "its own tokens");
    assert_eq!(keys("wg_wrong_wrong_wrong").await, None);
    // A token for flags does nothing else, and the admin API is still there.
    let token = create(&["evaluate"]).await["token"]
        .as_str()
        .unwrap()
        .to_owned();
    let bearer = format!("Bearer {token}");
    let routes = server
        .send(
            Method::GET,
            "/waygate/api/routes",
            &[("authorization", &bearer)],
            "",
        )
        .await;
    assert_eq!(routes.status, 403);
}

#[tokio::test]
async fn a_revoked_token_ends_its_streams() {
    let server = server(Credentials::new("admin", "secret")).await;
    let login = login(&server).await;
    let body = json!({"name": "page", "scopes": ["evaluate:client"], "expires_in_seconds": 3600});
    let made = server
        .post("/waygate/api/auth/tokens", &login, &[], &body)
        .await
        .json();
    let token = made["token"].as_str().unwrap();
    let path = server.post(BULK, token, &[], &json!({})).await.stream();
    assert!(
        path.starts_with("/waygate/ofrep/v1/events?ticket="),
        "{path}"
    );
    let mut stream = server.stream_at(&path, &[]).await;
    server
        .set(boolean(
            "shown",
            json!({"client_visible": true, "enabled": false}),
        ))
        .await;
    let event = stream.next().await.unwrap();
    assert_eq!(event.json()["type"], "refetchEvaluation");

    let revoke = format!("/waygate/api/auth/tokens/{}", made["id"].as_str().unwrap());
    let bearer = format!("Bearer {login}");
    let revoked = server
        .send(Method::DELETE, &revoke, &[("authorization", &bearer)], "")
        .await;
    assert!(revoked.status.is_success(), "{}", revoked.status);
    server
        .set(boolean("shown", json!({"client_visible": true})))
        .await;
    assert_eq!(stream.next().await, None);
    assert_eq!(server.stream_at(&path, &[]).await.status, 401);
}

#[tokio::test]
async fn an_expired_token_ends_its_streams_without_a_change() {
    let server = server(Credentials::new("admin", "secret")).await;
    let login = login(&server).await;
    let path = server.post(BULK, &login, &[], &json!({})).await.stream();
    let mut stream = server.stream_at(&path, &[]).await;
    server.clock.advance(Duration::from_secs(24 * 3600));
    let end = timeout(Duration::from_secs(5), stream.next()).await;
    assert_eq!(end.unwrap(), None);
}

#[tokio::test]
async fn a_token_that_is_limited_to_services_sees_no_flags() {
    let rights = Role::Admin.of(["billing"]).unwrap();
    let users = Credentials::new("admin", "secret").with_role("admin", rights);
    let server = server(users.unwrap()).await;
    let login = login(&server).await;
    let all = server.post(BULK, &login, &[], &json!({})).await;
    assert_eq!(all.status, 401);
}

#[tokio::test]
async fn without_credentials_only_this_machine_sees_flags() {
    let server = server(Credentials::none()).await;
    let json_body = ("content-type", "application/json");
    let all = server.send(Method::POST, BULK, &[json_body], "{}").await;
    assert_eq!(all.keys(), ["other", "shown"]);
    let path = all.stream();
    assert_eq!(server.stream_at(&path, &[]).await.status, 200);
    let proxied = [json_body, ("x-forwarded-for", "192.0.2.1")];
    let refused = server.send(Method::POST, BULK, &proxied, "{}").await;
    assert_eq!(refused.status, 403);
    assert!(
        refused.json()["errorDetails"]
            .as_str()
            .unwrap()
            .contains("proxy")
    );
    assert_eq!(server.stream_at(&path, &proxied[1..]).await.status, 403);
    // Its own tokens are for clients elsewhere.
    let elsewhere = [
        json_body,
        ("x-forwarded-for", "192.0.2.1"),
        ("x-api-key", SERVER),
    ];
    let allowed = server.send(Method::POST, BULK, &elsewhere, "{}").await;
    assert_eq!(allowed.keys(), ["other", "shown"]);
    assert_eq!(
        server
            .stream_at(&allowed.stream(), &proxied[1..])
            .await
            .status,
        200
    );
    let value: Value = allowed.json();
    assert!(value["eventStreams"].is_array());
}
