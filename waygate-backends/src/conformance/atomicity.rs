//! Atomicity: all of a batch, or nothing.

use serde_json::json;
use waygate_core::port::{Batch, Expected};

use super::{Harness, kit::*};

/// A batch that changes everything, and whose last expectation fails.
fn doomed() -> Batch {
    put("a", json!("changed"))
        .put("new", json!("created"))
        .delete("b")
        .audit(entry("/doomed"))
        .expect("a", Expected::Revision(1))
        .expect("b", Expected::Absent)
}

async fn prepared<H: Harness>(new: impl Fn() -> H) -> (H, Store) {
    let (harness, store) = store(new).await;
    let batch = put("a", json!(1)).put("b", json!(2)).audit(entry("/first"));
    commit(&store, batch).await;
    (harness, store)
}

pub async fn a_conflict_changes_no_entity<H: Harness>(new: impl Fn() -> H) {
    let (_harness, store) = prepared(new).await;
    let before = entities(&store).await;
    assert_eq!(conflict(&store, doomed()).await.0, "b");
    assert_eq!(entities(&store).await, before);
}

pub async fn a_conflict_makes_no_revision<H: Harness>(new: impl Fn() -> H) {
    let (_harness, store) = prepared(new).await;
    let before = revision(&store).await;
    conflict(&store, doomed()).await;
    assert_eq!(revision(&store).await, before);
}

pub async fn a_conflict_logs_nothing<H: Harness>(new: impl Fn() -> H) {
    let (_harness, store) = prepared(new).await;
    let before = log(&store).await;
    conflict(&store, doomed()).await;
    assert_eq!(log(&store).await, before);
}

pub async fn a_conflict_uses_no_revision<H: Harness>(new: impl Fn() -> H) {
    let (_harness, store) = prepared(new).await;
    for _ in 0..5 {
        conflict(&store, doomed()).await;
    }
    assert_eq!(
        commit(&store, put("c", json!(1)).audit(entry("/next"))).await,
        2
    );
    let revisions: Vec<_> = log(&store)
        .await
        .iter()
        .map(|entry| entry.revision)
        .collect();
    assert_eq!(revisions, [2, 1]);
}

pub async fn a_malformed_batch_changes_nothing<H: Harness>(new: impl Fn() -> H) {
    let (_harness, store) = prepared(new).await;
    let before = (store.load().await.unwrap(), log(&store).await);
    let batch = put("c", json!(1))
        .delete("a")
        .put("", json!(1))
        .audit(entry("/bad"));
    refused(&store, batch).await;
    assert_eq!((store.load().await.unwrap(), log(&store).await), before);
}

pub async fn a_malformed_batch_is_refused_before_a_conflict<H: Harness>(new: impl Fn() -> H) {
    let (_harness, store) = prepared(new).await;
    refused(&store, doomed().put("", json!(1))).await;
}

pub async fn a_large_batch_is_one_commit<H: Harness>(new: impl Fn() -> H) {
    let (_harness, store) = store(new).await;
    let puts = (0..500).map(|nth| (format!("k/{nth:03}").as_str().into(), json!(nth)));
    let mut batch = Batch::new();
    batch.puts = puts.collect();
    batch.audit = (0..500).map(|nth| entry(&format!("/{nth}"))).collect();
    assert_eq!(commit(&store, batch).await, 1);
    let entities = entities(&store).await;
    assert_eq!(entities.len(), 500);
    assert!(entities.values().all(|(_, revision)| *revision == 1));
    let log = log(&store).await;
    assert!(log.len() == 500 && log.iter().all(|entry| entry.revision == 1));
}

pub async fn a_large_batch_with_one_conflict_changes_nothing<H: Harness>(new: impl Fn() -> H) {
    let (_harness, store) = prepared(new).await;
    let before = entities(&store).await;
    let batch = (0..200).fold(Batch::default(), |batch, nth| {
        let key = format!("k/{nth}");
        batch.put(&*key, json!(nth)).expect(&*key, Expected::Absent)
    });
    conflict(&store, batch.expect("a", Expected::Absent)).await;
    assert_eq!(entities(&store).await, before);
}
