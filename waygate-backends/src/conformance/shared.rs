//! Several handles on one store.

use serde_json::json;
use tokio::task::JoinSet;
use waygate_core::port::{AuditQuery, Expected};

use super::{
    Harness,
    concurrency::{increment, write_and_load},
    hints::hinted,
    kit::*,
};

async fn two<H: Harness>(new: impl Fn() -> H) -> (H, Store, Store) {
    let harness = new();
    let (one, other) = (harness.open().await, harness.open().await);
    (harness, one, other)
}

pub async fn a_commit_is_seen_through_the_other_handle<H: Harness>(new: impl Fn() -> H) {
    let (_harness, one, other) = two(new).await;
    let made = one.commit(put("a", json!(1))).await.unwrap();
    assert_eq!(revision(&other).await, made);
    assert_eq!(entities(&other).await["a"], (json!(1), 1));
}

pub async fn a_delete_is_seen_through_the_other_handle<H: Harness>(new: impl Fn() -> H) {
    let (_harness, one, other) = two(new).await;
    commit(&one, put("a", json!(1))).await;
    assert_eq!(value(&other, "a").await, Some(json!(1)));
    commit(&one, delete("a")).await;
    assert_eq!(value(&other, "a").await, None);
}

pub async fn both_handles_share_the_epoch<H: Harness>(new: impl Fn() -> H) {
    let (_harness, one, other) = two(new).await;
    let first = one.commit(put("a", json!(1))).await.unwrap();
    let second = other.commit(put("b", json!(1))).await.unwrap();
    assert_eq!((second.epoch, second.number), (first.epoch, 2));
}

pub async fn handles_share_the_revisions<H: Harness>(new: impl Fn() -> H) {
    let (_harness, one, other) = two(new).await;
    for number in 1..=10 {
        let store = if number % 2 == 0 { &one } else { &other };
        assert_eq!(commit(store, put("a", json!(number))).await, number);
    }
    assert_eq!(entities(&one).await, entities(&other).await);
}

pub async fn expectations_hold_across_handles<H: Harness>(new: impl Fn() -> H) {
    let (_harness, one, other) = two(new).await;
    commit(&one, put("a", json!(1))).await;
    let found = conflict(&other, put("a", json!(2)).expect("a", Expected::Absent)).await;
    assert_eq!(found.2, Expected::Revision(1));
    commit(
        &other,
        put("a", json!(2)).expect("a", Expected::Revision(1)),
    )
    .await;
    let found = conflict(&one, put("a", json!(3)).expect("a", Expected::Revision(1))).await;
    assert_eq!(found.2, Expected::Revision(2));
}

pub async fn the_log_is_one_across_handles<H: Harness>(new: impl Fn() -> H) {
    let (_harness, one, other) = two(new).await;
    commit(&one, audit([entry("/a")])).await;
    commit(&other, audit([entry("/b")])).await;
    commit(&one, audit([entry("/c")])).await;
    for store in [&one, &other] {
        assert_eq!(
            paths(store, AuditQuery::newest(5)).await,
            ["/c", "/b", "/a"]
        );
    }
}

pub async fn two_handles_lose_no_increment<H: Harness>(new: impl Fn() -> H) {
    let (_harness, one, other) = two(new).await;
    let mut writers = JoinSet::new();
    for store in [one.clone(), other.clone(), one.clone(), other.clone()] {
        writers.spawn(async move {
            for _ in 0..10 {
                increment(&store, "count", "/count").await;
            }
        });
    }
    writers.join_all().await;
    for store in [&one, &other] {
        assert_eq!(entities(store).await["count"], (json!(40), 40));
        assert_eq!(log(store).await.len(), 40);
    }
}

pub async fn a_commit_is_hinted_through_the_other_handle<H: Harness>(new: impl Fn() -> H) {
    let (_harness, one, other) = two(new).await;
    let mut changes = other.changes();
    for nth in 0..3 {
        let made = one.commit(put("a", json!(nth))).await.unwrap();
        hinted(&mut changes, made).await;
    }
}

pub async fn a_handle_may_be_closed<H: Harness>(new: impl Fn() -> H) {
    let (_harness, one, other) = two(new).await;
    commit(&one, put("a", json!(1))).await;
    drop(one);
    assert_eq!(commit(&other, put("b", json!(2))).await, 2);
    assert_eq!(entities(&other).await.len(), 2);
}

pub async fn a_handle_may_come_later<H: Harness>(new: impl Fn() -> H) {
    let (harness, one, other) = two(new).await;
    commit(&one, put("a", json!(1))).await;
    commit(&other, put("b", json!(2))).await;
    let third = harness.open().await;
    assert_eq!(entities(&third).await, entities(&one).await);
    assert_eq!(commit(&third, put("c", json!(3))).await, 3);
}

pub async fn two_first_commits_both_hold<H: Harness>(new: impl Fn() -> H) {
    let (_harness, one, other) = two(new).await;
    let (first, second) = tokio::join!(
        one.commit(put("one", json!(1))),
        other.commit(put("other", json!(2))),
    );
    let (first, second) = (first.unwrap(), second.unwrap());
    assert_eq!(first.epoch, second.epoch);
    assert_eq!(first.number + second.number, 3);
    assert_eq!(entities(&one).await.len(), 2);
    assert_eq!(entities(&other).await.len(), 2);
}

pub async fn ten_handles_work_together<H: Harness>(new: impl Fn() -> H) {
    let harness = new();
    let mut writers = JoinSet::new();
    for nth in 0..10 {
        let store = harness.open().await;
        writers.spawn(async move { commit(&store, put(format!("k/{nth}"), json!(nth))).await });
    }
    let mut numbers = writers.join_all().await;
    numbers.sort_unstable();
    assert_eq!(numbers, (1..=10).collect::<Vec<_>>());
    assert_eq!(entities(&harness.open().await).await.len(), 10);
}

pub async fn an_image_is_of_one_revision_across_handles<H: Harness>(new: impl Fn() -> H) {
    let (_harness, one, other) = two(new).await;
    write_and_load(one, other).await;
}
