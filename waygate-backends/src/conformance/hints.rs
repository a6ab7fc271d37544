//! Streams of hints.

use std::time::Duration;

use futures_util::StreamExt;
use serde_json::json;
use tokio::time;
use waygate_core::{model::Revision, port::BoxStream};

use super::{Harness, kit::*};

/// Waits for a hint of at least this revision. Others may come before it.
pub(super) async fn hinted(changes: &mut BoxStream<'static, Revision>, due: Revision) {
    let wait = async {
        while let Some(hint) = changes.next().await {
            if hint == due || hint.is_newer_than(&due) {
                return;
            }
        }
        panic!("the stream ended before {due}");
    };
    let waited = time::timeout(Duration::from_secs(10), wait).await;
    waited.unwrap_or_else(|_| panic!("no hint of {due} within 10 s"));
}

pub async fn a_commit_is_hinted<H: Harness>(new: impl Fn() -> H) {
    let (_harness, store) = store(new).await;
    let mut changes = store.changes();
    for nth in 0..3 {
        let made = store.commit(put("a", json!(nth))).await.unwrap();
        hinted(&mut changes, made).await;
    }
}

pub async fn a_waiting_stream_is_woken<H: Harness>(new: impl Fn() -> H) {
    let (_harness, store) = store(new).await;
    let mut changes = store.changes();
    let first = tokio::spawn(async move { changes.next().await });
    tokio::task::yield_now().await;
    let made = store.commit(put("a", json!(1))).await.unwrap();
    let hint = time::timeout(Duration::from_secs(10), first).await;
    let hint = hint
        .expect("no hint within 10 s")
        .unwrap()
        .expect("the stream ended");
    assert_eq!(hint.epoch, made.epoch);
}

pub async fn every_stream_is_hinted<H: Harness>(new: impl Fn() -> H) {
    let (_harness, store) = store(new).await;
    let mut streams = [store.changes(), store.changes(), store.changes()];
    let made = store.commit(put("a", json!(1))).await.unwrap();
    for changes in &mut streams {
        hinted(changes, made).await;
    }
}

pub async fn a_stream_may_start_late<H: Harness>(new: impl Fn() -> H) {
    let (_harness, store) = store(new).await;
    commit(&store, put("a", json!(1))).await;
    let mut changes = store.changes();
    let made = store.commit(put("a", json!(2))).await.unwrap();
    hinted(&mut changes, made).await;
}

pub async fn a_hint_is_never_ahead_of_the_store<H: Harness>(new: impl Fn() -> H) {
    let (_harness, store) = store(new).await;
    let mut changes = store.changes();
    let writer = tokio::spawn({
        let store = store.clone();
        async move {
            for nth in 0..20 {
                commit(&store, put("a", json!(nth))).await;
            }
        }
    });
    let watch = async {
        let mut seen = 0;
        while seen < 20 {
            let hint = changes.next().await.expect("the stream ended");
            seen = revision(&store).await.number;
            assert!(hint.number <= seen, "hinted {hint}, found {seen}");
        }
    };
    time::timeout(Duration::from_secs(10), watch)
        .await
        .expect("no last hint within 10 s");
    writer.await.unwrap();
}

pub async fn a_dropped_stream_blocks_no_other<H: Harness>(new: impl Fn() -> H) {
    let (_harness, store) = store(new).await;
    let mut kept = store.changes();
    drop(store.changes());
    let made = store.commit(put("a", json!(1))).await.unwrap();
    hinted(&mut kept, made).await;
    drop(kept);
    assert_eq!(commit(&store, put("a", json!(2))).await, 2);
}

pub async fn an_unread_stream_blocks_no_other<H: Harness>(new: impl Fn() -> H) {
    let (_harness, store) = store(new).await;
    let mut unread = store.changes();
    for nth in 1..=300 {
        assert_eq!(commit(&store, put("a", json!(nth))).await, nth);
    }
    hinted(&mut unread, revision(&store).await).await;
}

pub async fn a_stream_may_be_sent_and_outlive_its_borrow<H: Harness>(new: impl Fn() -> H) {
    let (_harness, store) = store(new).await;
    let mut changes = store.changes();
    let other = store.clone();
    let made = tokio::spawn(async move { other.commit(put("a", json!(1))).await.unwrap() });
    let made = made.await.unwrap();
    tokio::spawn(async move { hinted(&mut changes, made).await })
        .await
        .unwrap();
}

pub async fn an_idle_stream_does_not_end<H: Harness>(new: impl Fn() -> H) {
    let (_harness, store) = store(new).await;
    let mut changes = store.changes();
    // A hint without a change is allowed, an end is not.
    for _ in 0..10 {
        tokio::select! {
            biased;
            hint = changes.next() => assert!(hint.is_some(), "the stream ended"),
            () = tokio::task::yield_now() => {}
        }
    }
    let made = store.commit(put("a", json!(1))).await.unwrap();
    hinted(&mut changes, made).await;
}

pub async fn a_hundred_streams_are_hinted<H: Harness>(new: impl Fn() -> H) {
    let (_harness, store) = store(new).await;
    let mut streams: Vec<_> = (0..100).map(|_| store.changes()).collect();
    let made = store.commit(put("a", json!(1))).await.unwrap();
    for changes in &mut streams {
        hinted(changes, made).await;
    }
}
