//! Answers that follow an event of another process.

use std::{sync::Arc, time::Duration};

use axum::Router;
use http::StatusCode;
use serde_json::{Value, json};
use waygate::{
    Waygate,
    admin::Credentials,
    flags::Flag,
    health::Component,
    ofrep::{Audience, Ofrep},
    port::{MemoryBackend, OnStoreReset},
    testing::TestApp,
};

use super::support::{SERVER, Server, boolean, for_pro, user, with_tokens};
use crate::{
    reseed::{Link, poll},
    support::{builder, clock},
};

const BULK: &str = "/ofrep/v1/evaluate/flags";

#[tokio::test]
async fn the_metadata_of_an_event_is_accepted() {
    let server = Server::start().await;
    server.set(for_pro("search")).await;
    let tag = server.all(&[], user()).await.header("etag").to_owned();
    let mut stream = server.stream(SERVER, &[]).await;
    server.set(boolean("other", json!({}))).await;
    let event = stream.next().await.unwrap().json();
    let (etag, modified) = (event["etag"].as_str().unwrap(), &event["lastModified"]);
    let body = json!({ "context": user() });
    // A new etag of the configuration is never answered with 304.
    let path = format!("{BULK}?flagConfigEtag={etag}&flagConfigLastModified={modified}");
    let fresh = server
        .post(&path, SERVER, &[("if-none-match", &tag)], &body)
        .await;
    assert_eq!(fresh.status, 200);
    assert_eq!(fresh.keys(), ["other", "search"]);
    let tag = fresh.header("etag").to_owned();
    let again = server
        .post(&path, SERVER, &[("if-none-match", &tag)], &body)
        .await;
    assert_eq!(again.status, 304);
    // Those of other servers, and nonsense, are ignored.
    for query in [
        "flagConfigEtag=%22550e8400-e29b-41d4-a716-446655440000%22&flagConfigLastModified=2026-02-20T21:28:18Z",
        "flagConfigEtag=&flagConfigLastModified=soon",
        "flagConfigEtag=%FF&flagConfigEtag=1",
    ] {
        let path = format!("{BULK}?{query}");
        assert_eq!(
            server.post(&path, SERVER, &[], &body).await.status,
            200,
            "{query}"
        );
    }
}

async fn replica(backend: &Arc<MemoryBackend>) -> (Waygate, TestApp) {
    let waygate = builder().backend(backend.clone()).build().await.unwrap();
    let app = TestApp::new(waygate.ofrep(Ofrep::open(Audience::Server)));
    (waygate, app)
}

/// The etag of the event of the next change.
async fn next_etag(waygate: &Waygate, app: &TestApp) -> String {
    let all: Value = app.post(BULK, &json!({})).await.json();
    let version = all["metadata"]["version"].as_str().unwrap();
    let revision = waygate.revision();
    format!("{version}.{}-{}", revision.epoch, revision.number + 1)
}

#[tokio::test]
async fn an_answer_is_not_older_than_the_event_it_follows() {
    let backend = Arc::new(MemoryBackend::new());
    let ((one, _), (other, app)) = (replica(&backend).await, replica(&backend).await);
    one.system().disable_flag("missing").await.unwrap_err();
    let etag = next_etag(&other, &app).await;
    let path = format!("{BULK}?flagConfigEtag={etag}");
    let (context, flag) = (json!({}), boolean("search", json!({})));
    let asked = app.post(&path, &context);
    let change = async {
        let flag = Flag::parse(&flag).unwrap();
        one.system().create_flag(flag).await.unwrap();
    };
    let (answer, ()) = tokio::join!(asked, change);
    assert_eq!(answer.status(), StatusCode::OK);
    assert_eq!(answer.json::<Value>()["flags"][0]["key"], "search");
}

#[tokio::test(start_paused = true)]
async fn a_process_that_stays_behind_says_so() {
    let backend = Arc::new(MemoryBackend::new());
    let (waygate, app) = replica(&backend).await;
    let path = format!("{BULK}?flagConfigEtag={}", next_etag(&waygate, &app).await);
    let begun = tokio::time::Instant::now();
    let answer = app.post(&path, &json!({})).await;
    assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
    // Anyone can name a revision that no store has, and holds nothing with it.
    assert!(begun.elapsed() < Duration::from_millis(300));
    assert_eq!(answer.header("retry-after"), Some("1"));
    assert_eq!(answer.json::<Value>()["errorCode"], "GENERAL");
}

async fn on(link: &Link, policy: OnStoreReset) -> Waygate {
    let builder = builder().backend(link.clone()).on_store_reset(policy);
    builder.build().await.unwrap()
}

async fn set(waygate: &Waygate, definition: Value) {
    let flag = Flag::parse(&definition).unwrap();
    waygate.system().set_flag(flag).await.unwrap();
}

/// A process that has never reached its store.
async fn cut_off(link: &Link) -> (Link, Waygate) {
    let cut = link.beside();
    cut.cut(true);
    let waygate = on(&cut, OnStoreReset::Keep).await;
    (cut, waygate)
}

#[tokio::test(start_paused = true)]
async fn a_process_that_never_read_its_store_says_so() {
    let link = Link::default();
    let one = on(&link, OnStoreReset::Keep).await;
    set(&one, boolean("search", json!({}))).await;
    let (cut, waygate) = cut_off(&link).await;
    let app = TestApp::new(waygate.ofrep(Ofrep::open(Audience::Server)));
    let single = format!("{BULK}/search");
    let following = format!("{BULK}?flagConfigEtag=1.{}", one.revision());
    for path in [BULK, &single, &following] {
        let answer = app.post(path, &json!({})).await;
        assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE, "{path}");
        assert_eq!(answer.header("retry-after"), Some("1"), "{path}");
        assert_eq!(answer.json::<Value>()["errorCode"], "GENERAL", "{path}");
    }
    // So may be a token of the store, of which this process knows none.
    let with_tokens = TestApp::new(waygate.ofrep(with_tokens()));
    assert_eq!(
        with_tokens.post(BULK, &json!({})).await.status(),
        StatusCode::UNAUTHORIZED
    );
    let unknown = with_tokens.with_header("x-api-key", "a-token-of-the-store");
    for path in [BULK, &single] {
        let answer = unknown.post(path, &json!({})).await;
        assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE, "{path}");
    }
    let guarded = waygate.guard(Router::new()).await.unwrap();
    let credentials = Credentials::new("admin", "secret");
    let admin = TestApp::new(guarded.admin("/waygate", credentials).into_router());
    assert_eq!(
        admin.get("/waygate/api/routes").await.status(),
        StatusCode::UNAUTHORIZED
    );
    let admin = admin.with_header("x-waygate-token", "a-token-of-the-store");
    let answer = admin.get("/waygate/api/routes").await;
    assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(answer.header("retry-after"), Some("1"));
    cut.cut(false);
    poll().await;
    assert_eq!(
        admin.get("/waygate/api/routes").await.status(),
        StatusCode::UNAUTHORIZED
    );
    assert_eq!(
        unknown.post(BULK, &json!({})).await.status(),
        StatusCode::UNAUTHORIZED
    );
    let answer = app.post(BULK, &json!({})).await;
    assert_eq!(answer.json::<Value>()["flags"][0]["key"], "search");
    assert_eq!(app.post(&single, &json!({})).await.status(), StatusCode::OK);
    // An outage after that changes nothing.
    cut.cut(true);
    poll().await;
    assert_eq!(app.post(&single, &json!({})).await.status(), StatusCode::OK);
}

#[tokio::test]
async fn the_first_change_of_an_empty_store_is_a_known_state() {
    let (cut, waygate) = cut_off(&Link::default()).await;
    let app = TestApp::new(waygate.ofrep(Ofrep::open(Audience::Server)));
    cut.cut(false);
    set(&waygate, boolean("search", json!({}))).await;
    let answer = app.post(BULK, &json!({})).await;
    assert_eq!(answer.json::<Value>()["flags"][0]["key"], "search");
}

#[tokio::test]
async fn a_stream_of_a_process_that_never_read_its_store_sends_nothing_until_then() {
    let (link, clock) = (Link::default(), clock());
    let one = on(&link, OnStoreReset::Keep).await;
    set(&one, boolean("search", json!({}))).await;
    let server = Server::of(one.clone(), clock.clone(), one.ofrep(with_tokens())).await;
    let (cut, waygate) = cut_off(&link).await;
    let other = Server::of(waygate.clone(), clock, waygate.ofrep(with_tokens())).await;
    let path = server.all(&[], user()).await.stream();
    let mut stream = other.stream_at(&path, &[]).await;
    assert_eq!(stream.status, 200);
    // A change of its own without the store, and then one that it reads.
    waygate.bypass_lifecycle(true).await;
    set(&one, boolean("other", json!({}))).await;
    cut.cut(false);
    waygate.system().disable_flag("missing").await.unwrap_err();
    let version = &server.all(&[], user()).await.json()["metadata"]["version"];
    let event = stream.next().await.unwrap();
    assert!(event.id.starts_with(version.as_str().unwrap()), "{event:?}");
}

#[tokio::test]
async fn an_event_of_a_new_store_is_not_answered_with_flags_that_are_kept() {
    let link = Link::default();
    let one = on(&link, OnStoreReset::Reseed).await;
    set(&one, boolean("search", json!({}))).await;
    let keeps = on(&link.beside(), OnStoreReset::Keep).await;
    let app = TestApp::new(keeps.ofrep(Ofrep::open(Audience::Server)));
    link.empty();
    // A process that starts then knows nothing of the old content.
    drop(one);
    let one = on(&link.beside(), OnStoreReset::Keep).await;
    set(&one, boolean("other", json!({}))).await;
    let of_one = TestApp::new(one.ofrep(Ofrep::open(Audience::Server)));
    let all: Value = of_one.post(BULK, &json!({})).await.json();
    let version = all["metadata"]["version"].as_str().unwrap();
    let event = format!("{BULK}?flagConfigEtag={version}.{}", one.revision());
    let answer = app.post(&event, &json!({})).await;
    assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert!(keeps.health().contains_key(&Component::StoreReset));
    // Without an event, what is kept is served.
    let kept: Value = app.post(BULK, &json!({})).await.json();
    assert_eq!(kept["flags"][0]["key"], "search", "{kept}");
}

#[tokio::test]
async fn an_event_of_a_replaced_store_is_not_answered_with_older_flags() {
    let link = Link::default();
    let (one, near) = (on(&link, OnStoreReset::Reseed).await, link.beside());
    set(&one, boolean("search", json!({}))).await;
    let behind = on(&near, OnStoreReset::Reseed).await;
    // Its first look is over.
    behind.system().disable_flag("missing").await.unwrap_err();
    let app = TestApp::new(behind.ofrep(Ofrep::open(Audience::Server)));
    let event = async |waygate: &Waygate| {
        let app = TestApp::new(waygate.ofrep(Ofrep::open(Audience::Server)));
        let all: Value = app.post(BULK, &json!({})).await.json();
        let version = all["metadata"]["version"].as_str().unwrap();
        format!("{BULK}?flagConfigEtag={version}.{}", waygate.revision())
    };
    let before = event(&one).await;
    // The store is emptied; one process restores it, and another one has not seen that.
    link.empty();
    one.system().reseed_store().await.unwrap();
    set(&one, boolean("other", json!({}))).await;
    assert_ne!(behind.revision().epoch, one.revision().epoch);
    let after = event(&one).await;
    near.cut(true);
    let answer = app.post(&after, &json!({})).await;
    assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
    near.cut(false);
    let answer: Value = app.post(&after, &json!({})).await.json();
    assert_eq!(answer["flags"][0]["key"], "other", "{answer}");
    // An event from before has no place in the order of the new store.
    let answer = app.post(&before, &json!({})).await;
    assert_eq!(answer.status(), StatusCode::OK);
}
