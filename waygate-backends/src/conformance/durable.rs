//! A store that was closed and opened again.

use serde_json::json;
use waygate_core::port::{AuditQuery, Batch, Expected};

use super::{Harness, hints::hinted, kit::*, values::samples};

async fn reopened<H: Harness>(harness: &H, store: Store) -> Store {
    drop(store);
    harness.open().await
}

pub async fn entities_survive<H: Harness>(new: impl Fn() -> H) {
    let (harness, store) = store(new).await;
    commit(&store, put("a", json!(1)).put("b", json!({ "c": [2] }))).await;
    commit(&store, put("a", json!(3))).await;
    let before = entities(&store).await;
    let store = reopened(&harness, store).await;
    assert_eq!(entities(&store).await, before);
}

pub async fn the_revision_survives<H: Harness>(new: impl Fn() -> H) {
    let (harness, store) = store(new).await;
    commit(&store, put("a", json!(1))).await;
    let before = store.commit(Batch::default()).await.unwrap();
    let store = reopened(&harness, store).await;
    assert_eq!(revision(&store).await, before);
}

pub async fn the_revision_continues<H: Harness>(new: impl Fn() -> H) {
    let (harness, mut store) = store(new).await;
    for number in 1..=5 {
        assert_eq!(commit(&store, put("a", json!(number))).await, number);
        store = reopened(&harness, store).await;
    }
    assert_eq!(entities(&store).await["a"], (json!(5), 5));
}

pub async fn the_epoch_survives<H: Harness>(new: impl Fn() -> H) {
    let (harness, store) = store(new).await;
    let before = store.commit(put("a", json!(1))).await.unwrap().epoch;
    let store = reopened(&harness, store).await;
    assert_eq!(revision(&store).await.epoch, before);
    let after = store.commit(put("a", json!(2))).await.unwrap().epoch;
    assert_eq!(after, before);
}

pub async fn deletes_survive<H: Harness>(new: impl Fn() -> H) {
    let (harness, store) = store(new).await;
    commit(&store, put("a", json!(1)).put("b", json!(1))).await;
    commit(&store, delete("a")).await;
    let store = reopened(&harness, store).await;
    assert_eq!(
        entities(&store).await.into_keys().collect::<Vec<_>>(),
        ["b"]
    );
}

pub async fn an_emptied_store_stays_empty<H: Harness>(new: impl Fn() -> H) {
    let (harness, store) = store(new).await;
    commit(&store, put("a", json!(1))).await;
    let before = store.commit(delete("a")).await.unwrap();
    let store = reopened(&harness, store).await;
    assert_eq!(revision(&store).await, before);
    assert!(entities(&store).await.is_empty());
}

pub async fn the_log_survives<H: Harness>(new: impl Fn() -> H) {
    let (harness, store) = store(new).await;
    commit(&store, audit([full_entry(), entry("/b")])).await;
    commit(&store, audit([entry_of("desk", "/c")])).await;
    let before = log(&store).await;
    let store = reopened(&harness, store).await;
    assert_eq!(log(&store).await, before);
}

pub async fn the_log_continues<H: Harness>(new: impl Fn() -> H) {
    let (harness, store) = store(new).await;
    commit(&store, audit([entry("/a")])).await;
    let store = reopened(&harness, store).await;
    commit(&store, audit([entry("/b")])).await;
    assert_eq!(paths(&store, AuditQuery::newest(5)).await, ["/b", "/a"]);
    let store = reopened(&harness, store).await;
    assert_eq!(paths(&store, AuditQuery::newest(5)).await, ["/b", "/a"]);
}

pub async fn filters_work_on_a_log_that_survived<H: Harness>(new: impl Fn() -> H) {
    let (harness, store) = store(new).await;
    let entries = (0..1_500).map(|nth| entry_of(["shop", "desk"][nth % 2], &format!("/{nth}")));
    commit(&store, audit(entries)).await;
    let store = reopened(&harness, store).await;
    let query = AuditQuery::newest(5).service("desk").offset(748);
    assert_eq!(paths(&store, query).await, ["/3", "/1"]);
}

pub async fn expectations_hold_on_what_survived<H: Harness>(new: impl Fn() -> H) {
    let (harness, store) = store(new).await;
    commit(&store, put("a", json!(1))).await;
    commit(&store, put("b", json!(1))).await;
    let store = reopened(&harness, store).await;
    let found = conflict(&store, put("a", json!(2)).expect("a", Expected::Absent)).await;
    assert_eq!(found.2, Expected::Revision(1));
    commit(
        &store,
        put("a", json!(2)).expect("a", Expected::Revision(1)),
    )
    .await;
}

pub async fn a_conflict_leaves_nothing_behind<H: Harness>(new: impl Fn() -> H) {
    let (harness, store) = store(new).await;
    commit(&store, put("a", json!(1)).audit(entry("/a"))).await;
    let before = (store.load().await.unwrap(), log(&store).await);
    let doomed = put("a", json!(2))
        .audit(entry("/b"))
        .expect("a", Expected::Absent);
    conflict(&store, doomed).await;
    let store = reopened(&harness, store).await;
    assert_eq!((store.load().await.unwrap(), log(&store).await), before);
}

pub async fn values_of_every_kind_survive<H: Harness>(new: impl Fn() -> H) {
    let (harness, store) = store(new).await;
    let keyed = samples().into_iter().enumerate();
    let batch = keyed.fold(Batch::default(), |batch, (nth, value)| {
        batch.put(&*format!("k/{nth:03}"), value)
    });
    commit(&store, batch).await;
    let store = reopened(&harness, store).await;
    let found: Vec<_> = entities(&store).await.into_values().collect();
    let due: Vec<_> = samples().into_iter().map(|value| (value, 1)).collect();
    assert_eq!(found, due);
}

pub async fn large_values_survive<H: Harness>(new: impl Fn() -> H) {
    let (harness, store) = store(new).await;
    let text: String = ("grüße, \"").chars().cycle().take(1 << 20).collect();
    commit(&store, put("big", json!(text))).await;
    let store = reopened(&harness, store).await;
    assert_eq!(value(&store, "big").await, Some(json!(text)));
}

pub async fn a_reopened_store_is_healthy<H: Harness>(new: impl Fn() -> H) {
    let (harness, store) = store(new).await;
    commit(&store, put("a", json!(1))).await;
    let store = reopened(&harness, store).await;
    store.health().await.unwrap();
}

pub async fn hints_come_from_a_reopened_store<H: Harness>(new: impl Fn() -> H) {
    let (harness, store) = store(new).await;
    commit(&store, put("a", json!(1))).await;
    let store = reopened(&harness, store).await;
    let mut changes = store.changes();
    let made = store.commit(put("a", json!(2))).await.unwrap();
    hinted(&mut changes, made).await;
}

pub async fn a_hundred_commits_survive<H: Harness>(new: impl Fn() -> H) {
    let (harness, store) = store(new).await;
    for nth in 1..=100_u64 {
        commit(
            &store,
            put(format!("k/{}", nth % 7), json!(nth)).audit(entry("/k")),
        )
        .await;
    }
    let before = (entities(&store).await, log(&store).await);
    let store = reopened(&harness, store).await;
    assert_eq!((entities(&store).await, log(&store).await), before);
    assert_eq!(revision(&store).await.number, 100);
}
