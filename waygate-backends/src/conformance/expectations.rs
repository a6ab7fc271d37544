//! Compare-and-set.

use serde_json::json;
use waygate_core::{
    model::Epoch,
    port::{
        Batch, CommitError,
        Expected::{Absent, Revision},
    },
};

use super::{Harness, kit::*};

pub async fn absent_holds_for_a_key_never_written<H: Harness>(new: impl Fn() -> H) {
    let (_harness, store) = store(new).await;
    let batch = put("a", json!(1)).expect("a", Absent);
    assert_eq!(commit(&store, batch).await, 1);
}

pub async fn absent_holds_after_a_delete<H: Harness>(new: impl Fn() -> H) {
    let (_harness, store) = store(new).await;
    commit(&store, put("a", json!(1))).await;
    commit(&store, delete("a")).await;
    let batch = put("a", json!(2)).expect("a", Absent);
    assert_eq!(commit(&store, batch).await, 3);
}

pub async fn absent_conflicts_with_an_entity<H: Harness>(new: impl Fn() -> H) {
    let (_harness, store) = store(new).await;
    commit(&store, put("a", json!(1))).await;
    let found = conflict(&store, put("a", json!(2)).expect("a", Absent)).await;
    assert_eq!(found, ("a".to_owned(), Absent, Revision(1)));
}

pub async fn a_revision_holds_when_it_wrote_last<H: Harness>(new: impl Fn() -> H) {
    let (_harness, store) = store(new).await;
    let written = commit(&store, put("a", json!(1))).await;
    commit(&store, put("b", json!(1))).await;
    let batch = put("a", json!(2)).expect("a", Revision(written));
    assert_eq!(commit(&store, batch).await, 3);
}

pub async fn a_stale_revision_conflicts<H: Harness>(new: impl Fn() -> H) {
    let (_harness, store) = store(new).await;
    commit(&store, put("a", json!(1))).await;
    commit(&store, put("a", json!(2))).await;
    let found = conflict(&store, put("a", json!(3)).expect("a", Revision(1))).await;
    assert_eq!(found, ("a".to_owned(), Revision(1), Revision(2)));
}

pub async fn a_revision_to_come_conflicts<H: Harness>(new: impl Fn() -> H) {
    let (_harness, store) = store(new).await;
    commit(&store, put("a", json!(1))).await;
    let found = conflict(&store, put("a", json!(2)).expect("a", Revision(2))).await;
    assert_eq!(found, ("a".to_owned(), Revision(2), Revision(1)));
}

pub async fn the_revision_of_the_store_is_not_that_of_the_entity<H: Harness>(new: impl Fn() -> H) {
    let (_harness, store) = store(new).await;
    commit(&store, put("a", json!(1))).await;
    let of_store = commit(&store, put("b", json!(1))).await;
    let found = conflict(&store, put("a", json!(2)).expect("a", Revision(of_store))).await;
    assert_eq!(found, ("a".to_owned(), Revision(2), Revision(1)));
}

pub async fn a_revision_conflicts_with_a_key_never_written<H: Harness>(new: impl Fn() -> H) {
    let (_harness, store) = store(new).await;
    let found = conflict(&store, put("a", json!(1)).expect("a", Revision(1))).await;
    assert_eq!(found, ("a".to_owned(), Revision(1), Absent));
}

pub async fn revision_zero_is_not_absence<H: Harness>(new: impl Fn() -> H) {
    let (_harness, store) = store(new).await;
    let found = conflict(&store, put("a", json!(1)).expect("a", Revision(0))).await;
    assert_eq!(found, ("a".to_owned(), Revision(0), Absent));
}

pub async fn a_revision_conflicts_after_a_delete<H: Harness>(new: impl Fn() -> H) {
    let (_harness, store) = store(new).await;
    commit(&store, put("a", json!(1))).await;
    commit(&store, delete("a")).await;
    let found = conflict(&store, put("a", json!(2)).expect("a", Revision(1))).await;
    assert_eq!(found, ("a".to_owned(), Revision(1), Absent));
}

pub async fn a_revision_conflicts_after_a_delete_and_a_put<H: Harness>(new: impl Fn() -> H) {
    let (_harness, store) = store(new).await;
    commit(&store, put("a", json!(1))).await;
    commit(&store, delete("a")).await;
    commit(&store, put("a", json!(1))).await;
    let found = conflict(&store, put("a", json!(2)).expect("a", Revision(1))).await;
    assert_eq!(found, ("a".to_owned(), Revision(1), Revision(3)));
}

pub async fn an_expectation_may_name_a_key_that_stays<H: Harness>(new: impl Fn() -> H) {
    let (_harness, store) = store(new).await;
    commit(&store, put("a", json!(1))).await;
    commit(&store, put("b", json!(1)).expect("a", Revision(1))).await;
    let found = conflict(&store, put("b", json!(2)).expect("a", Absent)).await;
    assert_eq!(found.0, "a");
    assert_eq!(entities(&store).await["a"], (json!(1), 1));
}

pub async fn every_expectation_must_hold<H: Harness>(new: impl Fn() -> H) {
    let (_harness, store) = store(new).await;
    let all = put("a", json!(1)).put("b", json!(1)).put("c", json!(1));
    commit(&store, all).await;
    for stale in ["a", "b", "c"] {
        let batch = ["a", "b", "c"]
            .into_iter()
            .fold(put("d", json!(1)), |batch, key| {
                let number = if key == stale { 9 } else { 1 };
                batch.expect(key, Revision(number))
            });
        let found = conflict(&store, batch).await;
        assert_eq!(found, (stale.to_owned(), Revision(9), Revision(1)));
    }
    assert_eq!(value(&store, "d").await, None);
}

pub async fn the_first_failed_expectation_is_reported<H: Harness>(new: impl Fn() -> H) {
    let (_harness, store) = store(new).await;
    commit(&store, put("z", json!(1)).put("a", json!(1))).await;
    let batch = Batch::default()
        .expect("m", Absent)
        .expect("z", Absent)
        .expect("a", Absent);
    assert_eq!(conflict(&store, batch).await.0, "z");
}

pub async fn a_change_needs_no_expectation<H: Harness>(new: impl Fn() -> H) {
    let (_harness, store) = store(new).await;
    commit(&store, put("a", json!(1))).await;
    commit(&store, put("a", json!(2))).await;
    assert_eq!(commit(&store, delete("a")).await, 3);
}

pub async fn one_key_may_be_expected_twice<H: Harness>(new: impl Fn() -> H) {
    let (_harness, store) = store(new).await;
    commit(&store, put("a", json!(1))).await;
    let same = put("a", json!(2))
        .expect("a", Revision(1))
        .expect("a", Revision(1));
    commit(&store, same).await;
    let other = put("a", json!(3))
        .expect("a", Revision(2))
        .expect("a", Absent);
    let found = conflict(&store, other).await;
    assert_eq!(found, ("a".to_owned(), Absent, Revision(2)));
}

pub async fn a_delete_can_be_conditional<H: Harness>(new: impl Fn() -> H) {
    let (_harness, store) = store(new).await;
    commit(&store, put("a", json!(1))).await;
    let found = conflict(&store, delete("a").expect("a", Revision(7))).await;
    assert_eq!(found, ("a".to_owned(), Revision(7), Revision(1)));
    commit(&store, delete("a").expect("a", Revision(1))).await;
    assert_eq!(value(&store, "a").await, None);
}

pub async fn expectations_see_the_state_before_the_batch<H: Harness>(new: impl Fn() -> H) {
    let (_harness, store) = store(new).await;
    commit(&store, put("a", json!(1))).await;
    let batch = put("b", json!(1))
        .delete("a")
        .expect("a", Revision(1))
        .expect("b", Absent);
    assert_eq!(commit(&store, batch).await, 2);
}

pub async fn a_lost_race_can_be_won_after_a_reload<H: Harness>(new: impl Fn() -> H) {
    let (_harness, store) = store(new).await;
    commit(&store, put("a", json!(1))).await;
    commit(&store, put("a", json!(2))).await;
    conflict(&store, put("a", json!(3)).expect("a", Revision(1))).await;
    let seen = entities(&store).await["a"].1;
    commit(&store, put("a", json!(3)).expect("a", Revision(seen))).await;
    assert_eq!(entities(&store).await["a"], (json!(3), 3));
}

pub async fn a_stored_null_is_not_absence<H: Harness>(new: impl Fn() -> H) {
    let (_harness, store) = store(new).await;
    commit(&store, put("a", json!(null))).await;
    let found = conflict(&store, put("a", json!(1)).expect("a", Absent)).await;
    assert_eq!(found.2, Revision(1));
}

pub async fn the_revision_counts_and_not_the_value<H: Harness>(new: impl Fn() -> H) {
    let (_harness, store) = store(new).await;
    for _ in 0..3 {
        commit(&store, put("a", json!("same"))).await;
    }
    let found = conflict(&store, put("a", json!(1)).expect("a", Revision(1))).await;
    assert_eq!(found.2, Revision(3));
}

pub async fn the_greatest_revision_only_conflicts<H: Harness>(new: impl Fn() -> H) {
    let (_harness, store) = store(new).await;
    commit(&store, put("a", json!(1))).await;
    let found = conflict(&store, put("a", json!(2)).expect("a", Revision(u64::MAX))).await;
    assert_eq!(found, ("a".to_owned(), Revision(u64::MAX), Revision(1)));
}

fn meant_for(epoch: Epoch, mut batch: Batch) -> Batch {
    batch.expected_epoch = Some(epoch);
    batch
}

/// Returns the expected epoch and the actual one.
async fn replaced(store: &Store, batch: Batch) -> (Epoch, Option<Epoch>) {
    match store.commit(batch).await {
        Err(CommitError::Replaced { expected, found }) => (expected, found),
        other => panic!("`Replaced` was due, not {other:?}"),
    }
}

pub async fn the_epoch_of_the_store_holds<H: Harness>(new: impl Fn() -> H) {
    let (_harness, store) = store(new).await;
    let made = store.commit(put("a", json!(1))).await.unwrap();
    let batch = put("a", json!(2)).expect("a", Revision(1));
    assert_eq!(commit(&store, meant_for(made.epoch, batch)).await, 2);
    let found = conflict(
        &store,
        meant_for(made.epoch, put("a", json!(3)).expect("a", Revision(1))),
    )
    .await;
    assert_eq!(found.2, Revision(2));
}

pub async fn a_batch_for_another_epoch_is_refused<H: Harness>(new: impl Fn() -> H) {
    let (_harness, store) = store(new).await;
    let made = store
        .commit(put("a", json!(1)).audit(entry("/a")))
        .await
        .unwrap();
    let before = (store.load().await.unwrap(), log(&store).await);
    let other = Epoch::random();
    let batch = put("a", json!(2)).delete("b").audit(entry("/b"));
    let found = replaced(&store, meant_for(other, batch)).await;
    assert_eq!(found, (other, Some(made.epoch)));
    assert_eq!((store.load().await.unwrap(), log(&store).await), before);
    assert_eq!(commit(&store, put("a", json!(2))).await, 2);
}

pub async fn a_batch_for_an_epoch_is_refused_by_an_empty_store<H: Harness>(new: impl Fn() -> H) {
    let (_harness, store) = store(new).await;
    let other = Epoch::random();
    let found = replaced(&store, meant_for(other, put("a", json!(1)))).await;
    assert_eq!(found, (other, None));
    assert!(entities(&store).await.is_empty());
    assert_eq!(commit(&store, put("a", json!(1))).await, 1);
}

pub async fn another_epoch_comes_before_a_conflict<H: Harness>(new: impl Fn() -> H) {
    let (_harness, store) = store(new).await;
    commit(&store, put("a", json!(1))).await;
    let other = Epoch::random();
    let batch = put("a", json!(2)).expect("a", Absent);
    assert_eq!(replaced(&store, meant_for(other, batch)).await.0, other);
}

pub async fn a_malformed_batch_comes_before_another_epoch<H: Harness>(new: impl Fn() -> H) {
    let (_harness, store) = store(new).await;
    commit(&store, put("a", json!(1))).await;
    refused(&store, meant_for(Epoch::random(), put("", json!(2)))).await;
}
