use std::{sync::Arc, time::Duration};

use axum::body::Body;
use futures_util::FutureExt;
use http::{Method, Request, StatusCode};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tower::ServiceExt;
use waygate::{
    ofrep::{Audience, Ofrep},
    port::MemoryBackend,
};

use super::support::{BULK, CLIENT, SERVER, Server, boolean, for_half, user, with_tokens};
use crate::support::{builder, clock};

#[tokio::test]
async fn a_change_sends_an_event() {
    let server = Server::start().await;
    let mut search = for_half("search");
    search["client_visible"] = json!(true);
    server.set(search).await;
    let mut stream = server.stream(CLIENT, &[]).await;
    assert_eq!(stream.status, 200);
    assert_eq!(stream.headers["content-type"], "text/event-stream");
    assert_eq!(stream.headers["referrer-policy"], "no-referrer");
    // Another change of the store sends none.
    server
        .waygate
        .system()
        .disable_global_maintenance()
        .await
        .unwrap();
    server
        .waygate
        .system()
        .disable_flag("search")
        .await
        .unwrap();
    let event = stream.next().await.unwrap();
    assert_eq!(event.event, "message");
    let data = event.json();
    assert_eq!(data["type"], "refetchEvaluation");
    assert_eq!(data["etag"], event.id.as_str());
    assert_eq!(data["lastModified"], 1_893_456_000);
    server.waygate.system().delete_flag("search").await.unwrap();
    let deleted = stream.next().await.unwrap();
    assert_ne!(deleted.id, event.id);
    assert_eq!(deleted.json()["lastModified"], Value::Null);
}

#[tokio::test]
async fn missed_events_are_replayed_as_one() {
    let server = Server::start().await;
    let path = server.all(&[], user()).await.stream();
    let mut stream = server.stream_at(&path, &[]).await;
    server.set(boolean("a", json!({}))).await;
    let last = stream.next().await.unwrap().id;
    drop(stream);
    // Nothing was missed.
    let mut idle = server.stream_at(&path, &[("last-event-id", &last)]).await;
    assert!(idle.read().now_or_never().is_none());
    drop(idle);
    for key in ["b", "c", "d"] {
        server.set(boolean(key, json!({}))).await;
    }
    let mut resumed = server.stream_at(&path, &[("last-event-id", &last)]).await;
    let event = resumed.next().await.unwrap();
    assert_ne!(event.id, last);
    assert!(resumed.read().now_or_never().is_none());
    // The ids of another process are the same; text that is no id counts as none.
    let mut known = server
        .stream_at(&path, &[("last-event-id", &event.id)])
        .await;
    server.set(boolean("e", json!({}))).await;
    let latest = known.next().await.unwrap();
    assert_ne!(latest.id, event.id);
    let mut other = server
        .stream_at(&path, &[("last-event-id", "evt-1234")])
        .await;
    assert_eq!(other.next().await.unwrap().id, latest.id);
}

#[tokio::test]
async fn a_change_between_the_flags_and_the_stream_is_not_missed() {
    let server = Server::start().await;
    let path = server.all(&[], user()).await.stream();
    server.set(boolean("a", json!({}))).await;
    let mut stream = server.stream_at(&path, &[]).await;
    assert_eq!(
        stream.next().await.unwrap().json()["type"],
        "refetchEvaluation"
    );
}

#[tokio::test]
async fn a_burst_of_changes_is_merged() {
    let server = Server::start().await;
    let mut stream = server.stream(SERVER, &[]).await;
    for at in 0..50 {
        server
            .set(boolean("search", json!({"description": at.to_string()})))
            .await;
    }
    let version = server.all(&[], user()).await.json()["metadata"]["version"].clone();
    let mut events = 0;
    loop {
        let event = stream.next().await.unwrap();
        events += 1;
        if event.id.starts_with(version.as_str().unwrap()) {
            break;
        }
    }
    assert!(events < 50, "{events} events for 50 changes");
}

#[tokio::test]
async fn other_processes_send_the_same_events() {
    let backend = Arc::new(MemoryBackend::new());
    let mut servers = Vec::new();
    for _ in 0..2 {
        let clock = clock();
        let waygate = builder()
            .backend(backend.clone())
            .clock(clock.clone())
            .build()
            .await
            .unwrap();
        let router = waygate.ofrep(with_tokens());
        servers.push(Server::of(waygate, clock, router).await);
    }
    let [one, other] = &servers[..] else { panic!() };
    // A ticket of one process opens the stream of the other.
    let path = one.all(&[], user()).await.stream();
    let mut stream = other.stream_at(&path, &[]).await;
    one.set(boolean("search", json!({}))).await;
    let event = stream.next().await.unwrap();
    let mut own = one.stream_at(&path, &[]).await;
    assert_eq!(own.next().await.unwrap(), event);
    let [first, second] = [one.all(&[], user()).await, other.all(&[], user()).await];
    assert_eq!(first.header("etag"), second.header("etag"));
}

#[tokio::test]
async fn a_ticket_opens_a_stream_and_expires() {
    let server = Server::start().await;
    let first = server.all(&[], user()).await;
    let path = first.stream();
    assert_eq!(
        path,
        server.all(&[], json!({"a": 1})).await.stream(),
        "clients keep their stream"
    );
    assert!(!path.contains(SERVER));
    assert_eq!(server.stream_at(&path, &[]).await.status, 200);
    let (bare, ticket) = path.split_once("?ticket=").unwrap();
    let forged = format!("{bare}?ticket=A{}", &ticket[1..]);
    for wrong in [
        bare,
        &forged,
        &path[..path.len() - 1],
        &format!("{bare}?ticket={SERVER}"),
        &format!("{path}&ticket={ticket}"),
    ] {
        let refused = server.stream_at(wrong, &[]).await;
        assert_eq!(refused.status, 401, "{wrong}");
    }
    // The token itself is no ticket, in no header.
    assert_eq!(
        server
            .stream_at(bare, &[("x-api-key", SERVER)])
            .await
            .status,
        401
    );
    // Half an hour later, the tag has changed too, so a client that asks again gets a new ticket.
    server
        .clock
        .set_wall("2030-01-01T00:30:00Z".parse().unwrap());
    assert_eq!(server.stream_at(&path, &[]).await.status, 401);
    let again = server
        .all(&[("if-none-match", first.header("etag"))], user())
        .await;
    assert_eq!(again.status, 200);
    assert_eq!(server.stream_at(&again.stream(), &[]).await.status, 200);
}

#[tokio::test]
async fn streams_end_with_the_engine() {
    let server = Server::start().await;
    let mut stream = server.stream(SERVER, &[]).await;
    server.waygate.shutdown().await;
    assert_eq!(stream.next().await, None);
}

#[tokio::test(start_paused = true)]
async fn a_quiet_stream_has_heartbeats() {
    let waygate = builder().build().await.unwrap();
    let app = waygate.ofrep(Ofrep::open(Audience::Client));
    let send = async |method: Method, path: &str| {
        let request = Request::builder().method(method).uri(path);
        let request = request.body(Body::from("{}")).unwrap();
        app.clone().oneshot(request).await.unwrap()
    };
    let all = send(Method::POST, "/ofrep/v1/evaluate/flags").await;
    let all: Value =
        serde_json::from_slice(&all.into_body().collect().await.unwrap().to_bytes()).unwrap();
    let path = all["eventStreams"][0]["endpoint"]["requestUri"]
        .as_str()
        .unwrap();
    let stream = send(Method::GET, path).await;
    assert_eq!(stream.status(), StatusCode::OK);
    let mut body = stream.into_body();
    let start = tokio::time::Instant::now();
    for _ in 0..3 {
        let frame = body.frame().await.unwrap().unwrap().into_data().unwrap();
        assert_eq!(frame, ":\n\n", "a comment, which clients ignore");
    }
    assert!(start.elapsed() <= Duration::from_secs(60));
}

#[tokio::test]
async fn clients_depend_on_what_they_see() {
    let server = Server::start().await;
    server.set(boolean("base", json!({}))).await;
    server.set(boolean("hidden", json!({}))).await;
    let needs = json!([{"flag_key": "base", "variation": "on"}]);
    let shown = json!({"client_visible": true, "prerequisites": needs});
    server.set(boolean("shown", shown)).await;
    let context = json!({ "context": user() });
    let first = server.post(BULK, CLIENT, &[], &context).await;
    let tag = first.headers["etag"].to_str().unwrap();
    let known = [("if-none-match", tag)];
    let mut stream = server.stream(CLIENT, &[]).await;
    let mut services = server.stream(SERVER, &[]).await;
    // A flag that no page can see changes nothing for pages.
    let system = server.waygate.system();
    system.disable_flag("hidden").await.unwrap();
    services.next().await.unwrap();
    let again = server.post(BULK, CLIENT, &known, &context).await;
    assert_eq!(again.status, 304);
    // One that a visible flag needs does.
    let base = system.disable_flag("base").await.unwrap();
    let event = stream.next().await.unwrap();
    let seen = event.id.rsplit_once('-').unwrap().1;
    assert_eq!(seen, base.revision.number.to_string(), "the first event");
    let next = server.post(BULK, CLIENT, &known, &context).await;
    assert_eq!(next.status, 200);
}
