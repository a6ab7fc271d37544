//! The audit log.

use std::{
    fs::{self, OpenOptions},
    io::Write,
};

use waygate_backends::FileBackend;
use waygate_core::port::{AuditQuery, Backend};

use super::kit::*;

super::trials!(
    the_log_is_bounded_and_keeps_the_newest,
    entries_of_a_failed_commit_do_not_count,
    a_torn_line_is_truncated,
    a_log_without_state_is_continued,
    a_rotation_is_followed_by_the_other_handle,
    entries_that_a_reader_needs_outlive_a_rotation_up_to_a_bound,
    a_damaged_line_is_skipped,
    pages_beyond_memory_come_from_the_file,
);

fn append(place: &Place, text: &str) {
    let mut log = OpenOptions::new()
        .append(true)
        .open(place.beside(".audit.jsonl"))
        .unwrap();
    log.write_all(text.as_bytes()).unwrap();
}

fn line(revision: u64) -> String {
    let mut entry = entry("/never");
    entry.revision = revision;
    serde_json::to_string(&entry).unwrap() + "\n"
}

fn the_log_is_bounded_and_keeps_the_newest() {
    block_on(async {
        for (entries, bytes) in [(10, 1 << 20), (1_000, 3_000)] {
            let place = Place::new("json");
            let options = || place.options().audit_entries(entries).audit_bytes(bytes);
            let store = options().open().await.unwrap();
            for nth in 0..100 {
                commit(&store, put("a", nth)).await;
            }
            let kept = logged(&options().open().await.unwrap()).await;
            assert!((10..=21).contains(&kept.len()), "{} kept", kept.len());
            assert!(kept.iter().copied().eq((1..=100).rev().take(kept.len())));
            let sizes = place
                .names(".audit")
                .into_iter()
                .map(|name| fs::metadata(place.dir.path().join(name)).unwrap().len());
            let sizes: Vec<_> = sizes.collect();
            assert!(
                sizes.len() == 2 && sizes.iter().all(|size| *size < 4_000),
                "{sizes:?}"
            );
        }
    });
}

fn entries_of_a_failed_commit_do_not_count() {
    block_on(async {
        let place = Place::new("json");
        commit(&place.open_quietly().await, put("a", 1)).await;
        // As if killed after the entries were written and before the state was.
        append(&place, &(line(2) + &line(2)));
        let store = place.open().await;
        assert_eq!(logged(&store).await, [1]);
        // A commit without entries takes their revision; they must stay dead.
        let mut batch = put("a", 2);
        batch.audit.clear();
        assert_eq!(commit(&store, batch).await, 2);
        assert_eq!(logged(&store).await, [1]);
        assert_eq!(commit(&store, put("a", 3)).await, 3);
        for store in [store, place.open().await] {
            assert_eq!(logged(&store).await, [3, 1]);
        }
    });
}

fn a_torn_line_is_truncated() {
    block_on(async {
        let place = Place::new("json");
        commit(&place.open_quietly().await, put("a", 1)).await;
        append(&place, &line(2)[..40]);
        let store = place.open().await;
        assert_eq!(logged(&store).await, [1]);
        commit(&store, put("a", 2)).await;
        assert_eq!(logged(&place.open().await).await, [2, 1]);
        let text = fs::read_to_string(place.beside(".audit.jsonl")).unwrap();
        assert_eq!(text.lines().count(), 2);
    });
}

fn a_log_without_state_is_continued() {
    block_on(async {
        let place = Place::new("json");
        let store = place.open_quietly().await;
        for nth in 0..4 {
            commit(&store, put("a", nth)).await;
        }
        let before = store.load().await.unwrap().revision;
        drop(store);
        for suffix in ["", ".1", ".2"] {
            fs::remove_file(place.beside(suffix)).unwrap();
        }
        let store = place.open().await;
        assert!(values(&store).await.is_empty());
        assert_eq!(logged(&store).await, [4, 3, 2, 1]);
        let other = place.open().await.load().await.unwrap();
        assert_eq!(other.revision, store.load().await.unwrap().revision);
        let made = store.commit(put("a", 9)).await.unwrap();
        assert_ne!(made.epoch, before.epoch);
        assert_eq!(logged(&place.open().await).await, [5, 4, 3, 2, 1]);
    });
}

fn a_rotation_is_followed_by_the_other_handle() {
    block_on(async {
        let place = Place::new("json");
        let options = || place.options().audit_entries(3);
        let (one, other) = (
            options().open().await.unwrap(),
            options().open().await.unwrap(),
        );
        for nth in 1..=20 {
            let store = if nth % 5 == 0 { &other } else { &one };
            commit(store, put("a", nth)).await;
            let (of_one, of_other) = (logged(&one).await, logged(&other).await);
            let due: Vec<_> = (1..=nth).rev().take(3).collect();
            assert!(
                of_one.starts_with(&due) && of_other.starts_with(&due),
                "{of_one:?}, {of_other:?}"
            );
        }
    });
}

fn entries_that_a_reader_needs_outlive_a_rotation_up_to_a_bound() {
    block_on(async {
        let place = Place::new("json");
        let options = || place.options().audit_entries(3);
        let store = options().open().await.unwrap();
        let kept = async |store: &FileBackend| {
            let kept = store.audit(AuditQuery::oldest(100)).await.unwrap();
            kept.iter().map(|entry| entry.revision).collect::<Vec<_>>()
        };
        for nth in 1..=10 {
            commit(&store, put("a", nth).keep_audit_from(2)).await;
        }
        // The first segment is full and needed, and the second one grows.
        assert_eq!(kept(&store).await, (1..=10).collect::<Vec<_>>());
        let reopened = options().open().await.unwrap();
        assert_eq!(kept(&reopened).await, (1..=10).collect::<Vec<_>>());
        // Once it is passed, the next commit rotates.
        commit(&store, put("a", 11).keep_audit_from(9)).await;
        assert_eq!(kept(&store).await, (4..=11).collect::<Vec<_>>());
        for nth in 12..=60 {
            commit(&store, put("a", nth).keep_audit_from(9)).await;
        }
        let left = kept(&store).await;
        assert!(
            left.len() <= 2 * 3 * 4 && left.ends_with(&[58, 59, 60]),
            "{left:?}"
        );
    });
}

fn a_damaged_line_is_skipped() {
    block_on(async {
        let place = Place::new("json");
        let store = place.open().await;
        for nth in 0..3 {
            commit(&store, put("a", nth)).await;
        }
        let path = place.beside(".audit.jsonl");
        let text = fs::read_to_string(&path).unwrap();
        fs::write(&path, text.replacen("\"revision\":2", "\"revision\":?", 1)).unwrap();
        assert_eq!(logged(&place.open().await).await, [3, 1]);
    });
}

fn pages_beyond_memory_come_from_the_file() {
    block_on(async {
        let place = Place::new("json");
        let store = place.options().audit_entries(2_000).open().await.unwrap();
        for round in 0..6 {
            let mut batch = put("a", round);
            batch.audit = (0..500)
                .map(|nth| entry(&format!("/{}", round * 500 + nth)))
                .collect();
            commit(&store, batch).await;
        }
        let query = AuditQuery::newest(4).offset(2_498);
        let page = store.audit(query).await.unwrap();
        let paths: Vec<_> = page.iter().map(|entry| entry.path.as_str()).collect();
        assert_eq!(paths, ["/501", "/500", "/499", "/498"]);
        let query = AuditQuery::newest(4).path("/7");
        assert_eq!(store.audit(query).await.unwrap().len(), 1);
    });
}
