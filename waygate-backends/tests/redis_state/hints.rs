//! Hints over broken connections.

use std::time::{Duration, Instant};

use serde_json::json;
use tokio_stream::StreamExt;
use waygate_core::{
    model::Revision,
    port::{Backend, BoxStream},
};
use waygate_faultproxy::{FaultProxy, RedisProc};

use crate::kit::*;

async fn hinted(changes: &mut BoxStream<'static, Revision>, due: Revision) -> Duration {
    let begin = Instant::now();
    let wait = async {
        while let Some(hint) = changes.next().await {
            if hint == due || hint.is_newer_than(&due) {
                return;
            }
        }
        panic!("the stream has ended");
    };
    let waited = tokio::time::timeout(PATIENCE, wait).await;
    waited.unwrap_or_else(|_| panic!("no hint of {due} within {PATIENCE:?}"));
    begin.elapsed()
}

#[tokio::test]
async fn killed_subscriptions_still_hint() {
    let server = RedisProc::start();
    let (reader, writer) = (open(server.addr()), open(server.addr()));
    let mut changes = reader.changes();
    let mut longest = Duration::ZERO;
    for nth in 0..50 {
        server.command(&["CLIENT", "KILL", "TYPE", "pubsub"]);
        let made = writer.commit(put("a", json!(nth))).await.unwrap();
        longest = longest.max(hinted(&mut changes, made).await);
    }
    println!("50 commits, each after `CLIENT KILL TYPE pubsub`: the latest hint after {longest:?}");
}

#[tokio::test]
async fn missed_commits_are_hinted_after_a_reconnect() {
    let mut server = RedisProc::options().append_only().start();
    let proxy = FaultProxy::start(server.addr()).await;
    let reader = open(proxy.addr());
    let mut changes = reader.changes();
    let first = reader.commit(put("a", json!(1))).await.unwrap();
    hinted(&mut changes, first).await;
    proxy.set(waygate_faultproxy::Mode::Reset);
    let second = open(server.addr())
        .commit(put("a", json!(2)))
        .await
        .unwrap();
    server.kill();
    server.restart();
    proxy.set(waygate_faultproxy::Mode::Pass);
    let took = hinted(&mut changes, second).await;
    println!("a commit that was missed: hinted {took:?} after the server was back");
}

#[tokio::test]
async fn the_first_commit_after_a_flush_is_hinted() {
    let server = RedisProc::start();
    let backend = open(server.addr());
    let mut changes = backend.changes();
    let made = backend.commit(put("a", json!(1))).await.unwrap();
    hinted(&mut changes, made).await;
    server.flushall();
    let next = open(server.addr())
        .commit(put("a", json!(1)))
        .await
        .unwrap();
    assert_ne!(next.epoch, made.epoch);
    hinted(&mut changes, next).await;
}

#[tokio::test]
async fn a_stream_opened_before_the_server_hints_later() {
    let port = waygate_faultproxy::free_port();
    let backend = open(([127, 0, 0, 1], port).into());
    let mut changes = backend.changes();
    assert!(backend.load().await.is_err());
    let server = RedisProc::options().port(port).start();
    let made = open(server.addr())
        .commit(put("a", json!(1)))
        .await
        .unwrap();
    hinted(&mut changes, made).await;
}

#[tokio::test]
async fn a_dropped_backend_leaves_no_connection() {
    let server = RedisProc::start();
    let proxy = FaultProxy::start(server.addr()).await;
    let backend = open(proxy.addr());
    let mut changes = backend.changes();
    let made = backend.commit(put("a", json!(1))).await.unwrap();
    hinted(&mut changes, made).await;
    assert_eq!(proxy.counts().open, 2);
    drop((backend, changes));
    waygate_faultproxy::eventually(PATIENCE, "both connections are closed", || {
        proxy.counts().open == 0
    })
    .await;
}
