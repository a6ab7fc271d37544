//! Concurrency: no update is lost, and none is partially visible.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use tokio::task::{self, JoinSet};
use waygate_core::port::{Batch, CommitError, Expected};

use super::{Harness, kit::*};

/// Increments by compare-and-set, with retries.
pub(super) async fn increment(store: &Store, key: &str, note: &str) {
    loop {
        let (value, expected) = match entities(store).await.remove(key) {
            Some((value, revision)) => (value, Expected::Revision(revision)),
            None => (json!(0), Expected::Absent),
        };
        let next = json!(value.as_u64().expect("a count") + 1);
        let batch = put(key, next).expect(key, expected).audit(entry(note));
        match store.commit(batch).await {
            Ok(_) => return,
            Err(CommitError::Conflict { .. }) => task::yield_now().await,
            Err(error) => panic!("{error}"),
        }
    }
}

async fn all(tasks: JoinSet<()>) {
    tasks.join_all().await;
}

pub async fn eight_writers_lose_no_increment<H: Harness>(new: impl Fn() -> H) {
    let (_harness, store) = store(new).await;
    let mut writers = JoinSet::new();
    for writer in 0..8 {
        let store = store.clone();
        writers.spawn(async move {
            for _ in 0..10 {
                increment(&store, "count", &format!("/{writer}")).await;
            }
        });
    }
    all(writers).await;
    assert_eq!(entities(&store).await["count"], (json!(80), 80));
    assert_eq!(revision(&store).await.number, 80);
    assert_eq!(log(&store).await.len(), 80);
}

pub async fn writers_on_different_keys_all_succeed<H: Harness>(new: impl Fn() -> H) {
    let (_harness, store) = store(new).await;
    let mut writers = JoinSet::new();
    for writer in 0..32 {
        let store = store.clone();
        let batch = put(format!("k/{writer}"), json!(writer));
        writers.spawn(async move { commit(&store, batch).await });
    }
    let numbers: BTreeSet<_> = writers.join_all().await.into_iter().collect();
    assert_eq!(numbers, (1..=32).collect());
    assert_eq!(entities(&store).await.len(), 32);
}

pub async fn of_many_creators_one_wins<H: Harness>(new: impl Fn() -> H) {
    let (_harness, store) = store(new).await;
    let mut creators = JoinSet::new();
    for creator in 0..16 {
        let store = store.clone();
        let batch = put("a", json!(creator)).expect("a", Expected::Absent);
        creators.spawn(async move { store.commit(batch).await.map(|_| creator) });
    }
    let results = creators.join_all().await;
    let winners: Vec<_> = results
        .iter()
        .filter_map(|result| result.as_ref().ok())
        .collect();
    assert_eq!(winners.len(), 1);
    assert_eq!(value(&store, "a").await, Some(json!(winners[0])));
    let lost = |result: &&Result<i32, CommitError>| {
        matches!(
            result,
            Err(CommitError::Conflict {
                found: Expected::Revision(1),
                ..
            })
        )
    };
    assert_eq!(results.iter().filter(lost).count(), 15);
}

pub async fn an_image_is_of_one_revision<H: Harness>(new: impl Fn() -> H) {
    let (_harness, store) = store(new).await;
    write_and_load(store.clone(), store).await;
}

/// Loads through one handle while another one writes.
pub(super) async fn write_and_load(writer: Store, reader: Store) {
    let mut tasks = JoinSet::new();
    tasks.spawn(async move {
        for nth in 1..=50 {
            commit(&writer, put("left", json!(nth)).put("right", json!(nth))).await;
        }
    });
    for _ in 0..3 {
        let store = reader.clone();
        tasks.spawn(async move {
            let mut seen = 0;
            while seen < 50 {
                let image = store.load().await.expect("load");
                let number = image.revision.number;
                assert!(
                    number >= seen,
                    "the store went back from {seen} to {number}"
                );
                for (key, entity) in &image.entities {
                    assert_eq!(entity.revision, number, "{key} is of another commit");
                    assert_eq!(entity.value, json!(number), "{key} is of another commit");
                }
                assert_eq!(image.entities.len(), if number == 0 { 0 } else { 2 });
                seen = number;
                task::yield_now().await;
            }
        });
    }
    all(tasks).await;
}

pub async fn a_commit_is_seen_by_the_next_load<H: Harness>(new: impl Fn() -> H) {
    let (_harness, store) = store(new).await;
    let mut writers = JoinSet::new();
    for writer in 0..8 {
        let store = store.clone();
        writers.spawn(async move {
            for nth in 0..5 {
                let key = format!("k/{writer}");
                let made = commit(&store, put(key.clone(), json!(nth))).await;
                assert_eq!(entities(&store).await[&key], (json!(nth), made));
                assert!(revision(&store).await.number >= made);
            }
        });
    }
    all(writers).await;
}

pub async fn entries_and_entities_agree<H: Harness>(new: impl Fn() -> H) {
    let (_harness, store) = store(new).await;
    let mut writers = JoinSet::new();
    for writer in 0..4 {
        let store = store.clone();
        writers.spawn(async move {
            for _ in 0..10 {
                increment(
                    &store,
                    &format!("k/{}", writer % 2),
                    &format!("/{}", writer % 2),
                )
                .await;
            }
        });
    }
    all(writers).await;
    let log = log(&store).await;
    let revisions: Vec<_> = log.iter().map(|entry| entry.revision).collect();
    assert_eq!(revisions, (1..=40).rev().collect::<Vec<_>>());
    for (key, path) in [("k/0", "/0"), ("k/1", "/1")] {
        let last = log.iter().find(|entry| entry.path == path).unwrap();
        assert_eq!(entities(&store).await[key], (json!(20), last.revision));
    }
}

pub async fn a_dropped_commit_is_atomic<H: Harness>(new: impl Fn() -> H) {
    let (_harness, store) = store(new).await;
    for nth in 0..20 {
        let batch = put("a", json!(nth)).put("b", json!(nth)).audit(entry("/a"));
        // Dropped at its first await, or completed if it has none.
        tokio::select! {
            biased;
            _ = store.commit(batch) => {}
            () = task::yield_now() => {}
        }
    }
    // Commits still in flight come before this one.
    let last = commit(&store, put("last", Value::Null)).await;
    let found = entities(&store).await;
    assert_eq!(found.get("a"), found.get("b"));
    assert_eq!(log(&store).await.len() as u64, last - 1);
    assert_eq!(commit(&store, Batch::default()).await, last + 1);
}

pub async fn batches_do_not_mix<H: Harness>(new: impl Fn() -> H) {
    let (_harness, store) = store(new).await;
    let mut writers = JoinSet::new();
    for writer in 0..4 {
        let store = store.clone();
        writers.spawn(async move {
            for _ in 0..5 {
                let batch = (0..20).fold(Batch::default(), |batch, key| {
                    batch.put(&*format!("k/{key}"), json!(writer))
                });
                commit(&store, batch).await;
            }
        });
    }
    all(writers).await;
    let found: BTreeSet<_> = entities(&store)
        .await
        .into_values()
        .map(|(value, revision)| (value.to_string(), revision))
        .collect();
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(found.first().map(|(_, revision)| *revision), Some(20));
}

pub async fn moved_values_are_neither_lost_nor_doubled<H: Harness>(new: impl Fn() -> H) {
    let (_harness, store) = store(new).await;
    commit(&store, put("left", json!(100)).put("right", json!(0))).await;
    let mut movers = JoinSet::new();
    for mover in 1..=4 {
        let store = store.clone();
        movers.spawn(async move {
            let mut moved = 0;
            for _ in 0..1_000 {
                let found = entities(&store).await;
                let ((left, left_revision), (right, right_revision)) =
                    (&found["left"], &found["right"]);
                let (left, right) = (
                    left.as_i64().expect("a number"),
                    right.as_i64().expect("a number"),
                );
                assert_eq!(left + right, 100);
                let batch = put("left", json!(left - mover))
                    .put("right", json!(right + mover))
                    .expect("left", Expected::Revision(*left_revision))
                    .expect("right", Expected::Revision(*right_revision));
                moved += i64::from(store.commit(batch).await.is_ok());
                if moved == 5 {
                    return;
                }
            }
            panic!("moved {moved} of 5 times in 1 000 attempts");
        });
    }
    all(movers).await;
    assert_eq!(
        value(&store, "right").await,
        Some(json!(5 * (1 + 2 + 3 + 4)))
    );
}

pub async fn the_log_is_read_without_gaps<H: Harness>(new: impl Fn() -> H) {
    let (_harness, store) = store(new).await;
    let mut tasks = JoinSet::new();
    let writer = store.clone();
    tasks.spawn(async move {
        for _ in 0..40 {
            commit(&writer, audit([entry("/a"), entry("/b")])).await;
        }
    });
    let reader = store.clone();
    tasks.spawn(async move {
        let mut seen = 0;
        while seen < 40 {
            let log = log(&reader).await;
            seen = log.first().map_or(0, |entry| entry.revision);
            let due = (1..=seen)
                .rev()
                .flat_map(|revision| [(revision, "/b"), (revision, "/a")]);
            let found = log
                .iter()
                .map(|entry| (entry.revision, entry.path.as_str()));
            assert!(found.eq(due), "the log has gaps");
            task::yield_now().await;
        }
    });
    all(tasks).await;
}
