//! The effects of a commit on entities and revisions.

use serde_json::json;
use waygate_core::port::{Batch, Expected};

use super::{Harness, kit::*};

pub async fn a_new_store_is_empty_at_revision_zero<H: Harness>(new: impl Fn() -> H) {
    let (_harness, store) = store(new).await;
    let image = store.load().await.unwrap();
    assert_eq!((image.revision.number, image.entities), (0, vec![]));
}

pub async fn a_put_can_be_loaded<H: Harness>(new: impl Fn() -> H) {
    let (_harness, store) = store(new).await;
    commit(&store, put("route/GET:/payments", json!({ "open": false }))).await;
    let found = value(&store, "route/GET:/payments").await;
    assert_eq!(found, Some(json!({ "open": false })));
}

pub async fn a_put_replaces_the_whole_value<H: Harness>(new: impl Fn() -> H) {
    let (_harness, store) = store(new).await;
    commit(&store, put("a", json!({ "old": 1, "both": 1 }))).await;
    commit(&store, put("a", json!({ "new": 2, "both": 2 }))).await;
    assert_eq!(
        value(&store, "a").await,
        Some(json!({ "new": 2, "both": 2 }))
    );
}

pub async fn a_put_leaves_other_entities_alone<H: Harness>(new: impl Fn() -> H) {
    let (_harness, store) = store(new).await;
    commit(&store, put("a", json!(1))).await;
    commit(&store, put("b", json!(2))).await;
    assert_eq!(entities(&store).await["a"], (json!(1), 1));
}

pub async fn a_delete_removes_the_entity<H: Harness>(new: impl Fn() -> H) {
    let (_harness, store) = store(new).await;
    commit(&store, put("a", json!(1)).put("b", json!(2))).await;
    commit(&store, delete("a")).await;
    let left: Vec<_> = entities(&store).await.into_keys().collect();
    assert_eq!(left, ["b"]);
}

pub async fn a_delete_of_nothing_is_a_commit<H: Harness>(new: impl Fn() -> H) {
    let (_harness, store) = store(new).await;
    assert_eq!(commit(&store, delete("a")).await, 1);
    assert_eq!(revision(&store).await.number, 1);
}

pub async fn a_deleted_entity_can_be_put_again<H: Harness>(new: impl Fn() -> H) {
    let (_harness, store) = store(new).await;
    commit(&store, put("a", json!("first"))).await;
    commit(&store, delete("a")).await;
    commit(&store, put("a", json!("second"))).await;
    assert_eq!(entities(&store).await["a"], (json!("second"), 3));
}

pub async fn an_empty_batch_is_a_commit<H: Harness>(new: impl Fn() -> H) {
    let (_harness, store) = store(new).await;
    assert_eq!(commit(&store, Batch::default()).await, 1);
    assert_eq!(revision(&store).await.number, 1);
    assert!(entities(&store).await.is_empty());
}

pub async fn a_batch_of_audit_entries_alone_is_a_commit<H: Harness>(new: impl Fn() -> H) {
    let (_harness, store) = store(new).await;
    assert_eq!(commit(&store, audit([entry("/a")])).await, 1);
    assert_eq!(revision(&store).await.number, 1);
    assert_eq!(log(&store).await.len(), 1);
}

pub async fn a_batch_of_expectations_alone_is_a_commit<H: Harness>(new: impl Fn() -> H) {
    let (_harness, store) = store(new).await;
    let batch = Batch::default().expect("a", Expected::Absent);
    assert_eq!(commit(&store, batch).await, 1);
    assert_eq!(revision(&store).await.number, 1);
}

pub async fn puts_and_deletes_of_one_batch_happen_together<H: Harness>(new: impl Fn() -> H) {
    let (_harness, store) = store(new).await;
    commit(&store, put("old", json!(1))).await;
    commit(
        &store,
        put("new", json!(2)).put("other", json!(3)).delete("old"),
    )
    .await;
    let left: Vec<_> = entities(&store).await.into_keys().collect();
    assert_eq!(left, ["new", "other"]);
}

pub async fn all_puts_of_a_batch_carry_its_revision<H: Harness>(new: impl Fn() -> H) {
    let (_harness, store) = store(new).await;
    commit(&store, Batch::default()).await;
    commit(&store, put("a", json!(1)).put("b", json!(2))).await;
    let entities = entities(&store).await;
    assert_eq!((entities["a"].1, entities["b"].1), (2, 2));
}

pub async fn an_entity_keeps_the_revision_of_its_last_write<H: Harness>(new: impl Fn() -> H) {
    let (_harness, store) = store(new).await;
    commit(&store, put("a", json!(1))).await;
    commit(&store, put("b", json!(1))).await;
    commit(&store, delete("b")).await;
    commit(&store, audit([entry("/a")])).await;
    assert_eq!(entities(&store).await["a"].1, 1);
}

pub async fn the_same_value_again_is_a_write<H: Harness>(new: impl Fn() -> H) {
    let (_harness, store) = store(new).await;
    commit(&store, put("a", json!(1))).await;
    commit(&store, put("a", json!(1))).await;
    assert_eq!(entities(&store).await["a"], (json!(1), 2));
}

pub async fn the_revision_grows_by_exactly_one<H: Harness>(new: impl Fn() -> H) {
    let (_harness, store) = store(new).await;
    for number in 1..=20 {
        let batch = match number % 4 {
            0 => put("a", json!(number)).put("b", json!(number)),
            1 => delete("a"),
            2 => audit([entry("/a"), entry("/b"), entry("/c")]),
            _ => Batch::default(),
        };
        assert_eq!(commit(&store, batch).await, number);
    }
}

pub async fn the_returned_revision_is_the_loaded_one<H: Harness>(new: impl Fn() -> H) {
    let (_harness, store) = store(new).await;
    for number in 0..3 {
        let made = store.commit(put("a", json!(number))).await.unwrap();
        assert_eq!(revision(&store).await, made);
    }
}

pub async fn the_epoch_stays_over_commits<H: Harness>(new: impl Fn() -> H) {
    let (_harness, store) = store(new).await;
    let before = revision(&store).await.epoch;
    commit(&store, put("a", json!(1))).await;
    commit(&store, delete("a")).await;
    assert_eq!(revision(&store).await.epoch, before);
}

pub async fn two_stores_have_two_epochs<H: Harness>(new: impl Fn() -> H) {
    let (_one_harness, one) = store(&new).await;
    let (_other_harness, other) = store(&new).await;
    commit(&one, put("a", json!(1))).await;
    assert_ne!(revision(&one).await.epoch, revision(&other).await.epoch);
    assert!(entities(&other).await.is_empty());
}

pub async fn the_image_says_each_key_once<H: Harness>(new: impl Fn() -> H) {
    let (_harness, store) = store(new).await;
    for round in 0..3 {
        commit(&store, put("a", json!(round)).put("b", json!(round))).await;
    }
    // `entities` fails if a key occurs twice.
    assert_eq!(entities(&store).await.len(), 2);
}

pub async fn a_store_can_be_emptied<H: Harness>(new: impl Fn() -> H) {
    let (_harness, store) = store(new).await;
    commit(&store, put("a", json!(1)).put("b", json!(2))).await;
    commit(&store, delete("a").delete("b")).await;
    let image = store.load().await.unwrap();
    assert_eq!((image.revision.number, image.entities), (2, vec![]));
}

pub async fn a_new_store_is_healthy<H: Harness>(new: impl Fn() -> H) {
    let (_harness, store) = store(new).await;
    store.health().await.unwrap();
}

pub async fn a_health_check_changes_nothing<H: Harness>(new: impl Fn() -> H) {
    let (_harness, store) = store(new).await;
    commit(&store, put("a", json!(1))).await;
    let before = store.load().await.unwrap();
    store.health().await.unwrap();
    assert_eq!(store.load().await.unwrap(), before);
    assert_eq!(log(&store).await, []);
}

pub async fn a_value_may_change_its_kind<H: Harness>(new: impl Fn() -> H) {
    let (_harness, store) = store(new).await;
    for kind in [
        json!(1),
        json!({ "a": [1] }),
        json!(null),
        json!("text"),
        json!([]),
        json!(0.5),
    ] {
        commit(&store, put("a", kind.clone())).await;
        assert_eq!(value(&store, "a").await, Some(kind));
    }
}

pub async fn loading_changes_nothing<H: Harness>(new: impl Fn() -> H) {
    let (_harness, store) = store(new).await;
    commit(&store, put("a", json!(1)).put("b", json!(2))).await;
    let mut first = store.load().await.unwrap();
    let mut second = store.load().await.unwrap();
    first.entities.sort_by(|one, other| one.0.cmp(&other.0));
    second.entities.sort_by(|one, other| one.0.cmp(&other.0));
    assert_eq!(first, second);
}
