use axum::Router;
use http::Method;
use serde_json::{Value, json};
use waygate::ofrep::{Audience, Ofrep, Token};

use super::support::{CLIENT, SERVER, Server, boolean, for_half, for_pro, user, with_tokens};
use crate::{
    log::Log,
    support::{builder, clock},
};

const BULK: &str = "/ofrep/v1/evaluate/flags";
const SEARCH: &str = "/ofrep/v1/evaluate/flags/search";

#[tokio::test]
async fn a_token_is_accepted_in_either_header() {
    let server = Server::start().await;
    server.set(boolean("search", json!({}))).await;
    let bearer = format!("Bearer {SERVER}");
    let lower = format!("bearer  {SERVER}");
    for headers in [
        vec![("authorization", bearer.as_str())],
        vec![("authorization", lower.as_str())],
        vec![("x-api-key", SERVER)],
        // A proxy's own credentials.
        vec![
            ("authorization", "Basic dXNlcjpwYXNz"),
            ("x-api-key", SERVER),
        ],
    ] {
        let answer = server.send(Method::POST, SEARCH, &headers, "{}").await;
        assert_eq!(answer.status, 200, "{headers:?}");
    }
    for headers in [
        vec![],
        vec![("x-api-key", "srv_5a2f0f9e7c6d4b1b")],
        vec![("x-api-key", "")],
        vec![("authorization", SERVER)],
        vec![("authorization", "Bearer ")],
        vec![("x-api-key", SERVER), ("x-api-key", SERVER)],
        vec![("cookie", "x-api-key=srv_5a2f0f9e7c6d4b1a")],
    ] {
        for path in [SEARCH, BULK] {
            let answer = server.send(Method::POST, path, &headers, "{}").await;
            assert_eq!(answer.status, 401, "{headers:?}");
            assert_eq!(
                answer.header("www-authenticate"),
                "Bearer realm=\"waygate\""
            );
            assert_eq!(answer.json()["value"], Value::Null);
            assert!(answer.json()["errorDetails"].is_string());
        }
    }
}

#[tokio::test]
async fn client_tokens_see_only_what_is_marked_for_clients() {
    let server = Server::start().await;
    server.set(boolean("secret", json!({}))).await;
    let mut shown = for_half("shown");
    shown["client_visible"] = json!(true);
    shown["prerequisites"] = json!([{"flag_key": "secret", "variation": "on"}]);
    server.set(shown).await;
    let body = json!({ "context": user() });
    let all = server.post(BULK, CLIENT, &[], &body).await;
    assert_eq!(all.keys(), ["shown"]);
    // No rule, bucket or other flag is revealed.
    assert_eq!(all.json()["flags"][0]["metadata"], Value::Null);
    let single = async |key: &str| {
        let path = format!("{BULK}/{key}");
        server.post(&path, CLIENT, &[], &body).await
    };
    assert_eq!(single("shown").await.json(), all.json()["flags"][0]);
    let (hidden, missing) = (single("secret").await, single("missing").await);
    assert_eq!([hidden.status, missing.status], [404, 404]);
    let neutral = |text: &str| text.replace("missing", "secret");
    assert_eq!(hidden.text(), neutral(missing.text()));
    assert_eq!(server.all(&[], user()).await.keys(), ["secret", "shown"]);

    let tag = all.header("etag").to_owned();
    let server_tag = server.all(&[("if-none-match", &tag)], user()).await;
    assert_eq!(server_tag.status, 200, "the tag belongs to the audience");
}

#[tokio::test]
async fn a_server_without_tokens_is_open_only_if_it_says_so() {
    for (ofrep, keys) in [
        (Ofrep::open(Audience::Server), Some(vec!["other", "shown"])),
        (Ofrep::open(Audience::Client), Some(vec!["shown"])),
        (Ofrep::new(), None),
    ] {
        let server = Server::with(ofrep).await;
        server.set(boolean("other", json!({}))).await;
        server
            .set(boolean("shown", json!({"client_visible": true})))
            .await;
        let all = server.send(Method::POST, BULK, &[], "{}").await;
        match keys {
            Some(keys) => {
                assert_eq!(all.keys(), keys);
                assert_eq!(server.stream_at(&all.stream(), &[]).await.status, 200);
            }
            None => assert_eq!(all.status, 401),
        }
    }
    // A token sees more.
    let server = Ofrep::open(Audience::Client).token(Token::server(SERVER).unwrap());
    let server = Server::with(server).await;
    server.set(boolean("other", json!({}))).await;
    assert_eq!(
        server.send(Method::POST, BULK, &[], "{}").await.keys(),
        [""; 0]
    );
    assert_eq!(server.all(&[], user()).await.keys(), ["other"]);
    let wrong = server
        .post(BULK, "srv_wrong_wrong_wrong", &[], &json!({}))
        .await;
    assert_eq!(wrong.status, 401);
}

#[tokio::test]
async fn a_token_of_another_environment_is_refused() {
    let own = Token::server("srv_of_production_0").unwrap();
    let other = Token::server("srv_of_the_staging_0").unwrap();
    let ofrep = Ofrep::new()
        .token(own.in_environment("production").unwrap())
        .token(other.in_environment("staging").unwrap());
    let server = Server::with(ofrep).await;
    server.set(boolean("search", json!({}))).await;
    assert_eq!(
        server
            .post(SEARCH, "srv_of_production_0", &[], &json!({}))
            .await
            .status,
        200
    );
    for path in [SEARCH, BULK] {
        let refused = server
            .post(path, "srv_of_the_staging_0", &[], &json!({}))
            .await;
        assert_eq!(refused.status, 403);
        assert_eq!(
            refused.json()["errorDetails"],
            "the token is for the environment `staging`; this process serves `production`"
        );
    }
    assert!(
        Token::server("srv_of_production_0")
            .unwrap()
            .in_environment("")
            .is_err()
    );
}

#[tokio::test]
async fn strangers_do_not_learn_the_environment() {
    let server = Server::start().await;
    server.set(for_pro("search")).await;
    for (method, path) in [
        (Method::POST, SEARCH),
        (Method::POST, BULK),
        (Method::GET, "/ofrep/v1/events"),
        (Method::GET, "/ofrep/v1/events?ticket=x"),
    ] {
        for headers in [&[][..], &[("x-api-key", "srv_wrong_wrong_wrong")]] {
            let ask = async |environment: &str| {
                let path = format!("/ofrep-env/{environment}{path}");
                let answer = server.send(method.clone(), &path, headers, "{}").await;
                assert_eq!(answer.status, 401, "{path}");
                answer.text().to_owned()
            };
            let own = ask("production").await;
            assert_eq!(ask("staging").await, own);
            for answer in [own, ask("%FF").await] {
                assert!(!answer.contains("production"), "{answer}");
            }
        }
    }
}

#[tokio::test]
async fn a_base_url_of_another_environment_is_404() {
    let clock = clock();
    let waygate = builder().clock(clock.clone()).build().await.unwrap();
    let router = Router::new().nest("/edge", waygate.ofrep(with_tokens()));
    let server = Server::of(waygate, clock, router).await;
    server.set(for_pro("search")).await;
    let (own, other) = ("/edge/ofrep-env/production", "/edge/ofrep-env/staging");
    for prefix in ["/edge", own] {
        let single = server
            .post(&format!("{prefix}{SEARCH}"), SERVER, &[], &json!({}))
            .await;
        assert_eq!(single.status, 200, "{prefix}");
        let all = server
            .post(&format!("{prefix}{BULK}"), SERVER, &[], &json!({}))
            .await;
        assert_eq!(all.keys(), ["search"]);
        let stream = all.stream();
        assert!(
            stream.starts_with(&format!("{prefix}/ofrep/v1/events?")),
            "{stream}"
        );
        assert_eq!(server.stream_at(&stream, &[]).await.status, 200);
    }
    for path in [format!("{other}{SEARCH}"), format!("{other}{BULK}")] {
        let answer = server.post(&path, SERVER, &[], &json!({})).await;
        assert_eq!(answer.status, 404);
        assert_eq!(
            answer.json()["errorDetails"],
            "this process serves the environment `production`, not `staging`"
        );
    }
    let all = server
        .post(&format!("/edge{BULK}"), SERVER, &[], &json!({}))
        .await;
    let stream = all.stream().replace("/edge", other);
    assert_eq!(server.stream_at(&stream, &[]).await.status, 404);
}

#[test]
fn weak_tokens_are_refused_without_being_repeated() {
    for secret in [
        "",
        "fifteen-letters",
        "with a space in it",
        "ünprintable-token-1",
        &"x".repeat(257),
    ] {
        let error = Token::client(secret).unwrap_err();
        assert!(
            error
                .to_string()
                .starts_with("invalid token: use 16 to 256"),
            "{error}"
        );
        assert!(secret.is_empty() || !error.to_string().contains(secret));
    }
    let token = Token::server(SERVER).unwrap();
    assert!(!format!("{token:?} {:?}", with_tokens()).contains("srv_"));
}

#[tokio::test]
async fn tokens_and_tickets_are_never_logged() {
    let (log, _guard) = Log::of_this_thread();
    let server = Server::with(Ofrep::new()).await;
    assert!(
        log.lines()
            .iter()
            .any(|line| line.contains("has no tokens")),
        "{:?}",
        log.lines()
    );
    drop(server);
    let server = Server::start().await;
    server.set(boolean("search", json!({}))).await;
    let stream = server.all(&[], user()).await.stream();
    let (_, ticket) = stream.split_once("ticket=").unwrap();
    let mut open = server.stream_at(&stream, &[]).await;
    server
        .set(boolean("search", json!({"enabled": false})))
        .await;
    open.next().await.unwrap();
    server.stream_at(&format!("{stream}x"), &[]).await;
    server
        .post(SEARCH, "srv_wrong_wrong_wrong", &[], &json!({}))
        .await;
    for line in log.lines() {
        for secret in [SERVER, ticket, "srv_wrong"] {
            assert!(!line.contains(secret), "{line}");
        }
    }
}
