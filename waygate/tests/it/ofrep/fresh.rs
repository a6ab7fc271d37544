//! Answers that follow an event of another process.

use std::{sync::Arc, time::Duration};

use http::StatusCode;
use serde_json::{Value, json};
use waygate::{
    Waygate,
    ofrep::{Audience, Ofrep},
    port::MemoryBackend,
    testing::TestApp,
};

use super::support::{SERVER, Server, boolean, for_pro, user};
use crate::support::builder;

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
        let flag = waygate::flags::Flag::parse(&flag).unwrap();
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
