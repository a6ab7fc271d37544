//! The effects of `Waygate::shutdown`.

use std::time::Duration;

use axum::{Router, routing::get};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::oneshot,
    time::timeout,
};
use waygate::testing::TestApp;

use crate::support::{app, builder};

/// Longer than anything here takes.
const LONG: Duration = Duration::from_secs(30);

/// Reads until `end` was read, or until the server closes the connection if nothing is expected.
async fn read_until(client: &mut TcpStream, end: Option<&str>) -> String {
    let mut text = String::new();
    let mut buffer = [0; 4_096];
    while end.is_none_or(|end| !text.contains(end)) {
        match timeout(LONG, client.read(&mut buffer)).await {
            Ok(Ok(0)) => break,
            Ok(Ok(count)) => text.push_str(&String::from_utf8_lossy(&buffer[..count])),
            other => panic!("{other:?} after {text}"),
        }
    }
    text
}

#[tokio::test]
async fn an_open_page_does_not_block_a_graceful_shutdown() {
    let waygate = builder().build().await.unwrap();
    let router = Router::new().route("/x", get(async || "x"));
    let guarded = waygate.guard(router).await.unwrap().docs("/docs");
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel::<()>();
    let engine = waygate.clone();
    let server = axum::serve(listener, guarded.into_make_service_with_connect_info());
    let server = server.with_graceful_shutdown(async move {
        let _ = stopped.await;
        engine.shutdown().await;
    });
    let server = tokio::spawn(server.into_future());

    let mut page = TcpStream::connect(address).await.unwrap();
    let ask = b"GET /docs/events HTTP/1.1\r\nhost: x\r\n\r\n";
    page.write_all(ask).await.unwrap();
    let begun = read_until(&mut page, Some("data:")).await;
    assert!(begun.starts_with("HTTP/1.1 200"), "{begun}");
    let mut events = waygate.subscribe();

    stop.send(()).unwrap();
    let rest = read_until(&mut page, None).await;
    assert!(
        rest.ends_with("0\r\n\r\n"),
        "the stream has a proper end: {rest}"
    );
    assert!(timeout(LONG, events.next()).await.unwrap().is_none());
    timeout(LONG, server).await.unwrap().unwrap().unwrap();
}

#[tokio::test]
async fn requests_are_still_decided_after_it() {
    let waygate = builder().build().await.unwrap();
    let app: TestApp = app(&waygate, &["GET:/x"]).await;
    let system = waygate.system();
    system.disable("GET:/x", "").await.unwrap();
    waygate.shutdown().await;
    waygate.shutdown().await;
    assert_eq!(app.get("/x").await.status(), 503);
    system.enable("GET:/x", "").await.unwrap();
    assert_eq!(app.get("/x").await.status(), 200);
    assert!(waygate.subscribe().next().await.is_none());
}

#[cfg(feature = "file")]
#[tokio::test]
async fn it_writes_counters() {
    let file = std::env::temp_dir().join(format!("waygate-{}.counters", uuid::Uuid::new_v4()));
    let builder = || builder().counter_snapshot(&file);
    let waygate = builder().build().await.unwrap();
    let app = app(&waygate, &["GET:/x"]).await;
    let limit = serde_json::json!({"limit": "1/day", "key_strategy": "global"});
    crate::limits::set(&waygate, "GET:/x#default", limit).await;
    assert_eq!(app.get("/x").await.status(), 200);
    waygate.shutdown().await;
    assert!(std::fs::metadata(&file).unwrap().len() > 0);
    std::fs::remove_file(&file).unwrap();
}
