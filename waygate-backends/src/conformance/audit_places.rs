//! Readers of the audit log that remember their place.

use waygate_core::port::{AuditPosition, AuditQuery, Batch};

use super::{Harness, kit::*};

/// Three commits with three entries each, `/0` to `/8`; a commit without entries follows each.
async fn nine<H: Harness>(new: impl Fn() -> H) -> (H, Store) {
    let (harness, store) = store(new).await;
    for commits in [["/0", "/1", "/2"], ["/3", "/4", "/5"], ["/6", "/7", "/8"]] {
        commit(&store, audit(commits.map(entry))).await;
        commit(&store, Batch::new()).await;
    }
    (harness, store)
}

/// All entries, oldest first.
async fn all(store: &Store) -> Vec<waygate_core::model::AuditEntry> {
    paged(store, AuditQuery::oldest(1_000)).await
}

pub async fn the_oldest_come_first_on_request<H: Harness>(new: impl Fn() -> H) {
    let (_harness, store) = nine(new).await;
    assert_eq!(
        paths(&store, AuditQuery::oldest(4)).await,
        ["/0", "/1", "/2", "/3"]
    );
    assert_eq!(
        paths(&store, AuditQuery::oldest(2).offset(3)).await,
        ["/3", "/4"]
    );
    assert_eq!(
        paths(&store, AuditQuery::oldest(0)).await,
        Vec::<String>::new()
    );
    let revisions: Vec<u64> = all(&store)
        .await
        .iter()
        .map(|entry| entry.revision)
        .collect();
    assert_eq!(revisions, [1, 1, 1, 3, 3, 3, 5, 5, 5]);
}

pub async fn a_place_after_an_entry_starts_with_the_next<H: Harness>(new: impl Fn() -> H) {
    let (_harness, store) = nine(new).await;
    let all = all(&store).await;
    for (nth, entry) in all.iter().enumerate() {
        let after = AuditPosition::of(entry);
        let found = paged(&store, AuditQuery::oldest(100).after(after)).await;
        assert_eq!(found, all[nth + 1..], "after {}", entry.path);
        let mut found = paged(&store, AuditQuery::newest(100).after(after)).await;
        found.reverse();
        assert_eq!(found, all[nth + 1..], "after {}", entry.path);
    }
}

pub async fn a_place_within_a_batch_splits_it<H: Harness>(new: impl Fn() -> H) {
    let (_harness, store) = nine(new).await;
    let after = AuditPosition::of(&all(&store).await[3]);
    assert_eq!(
        paths(&store, AuditQuery::oldest(3).after(after)).await,
        ["/4", "/5", "/6"]
    );
    assert_eq!(
        paths(&store, AuditQuery::newest(3).after(after)).await,
        ["/8", "/7", "/6"]
    );
}

pub async fn a_place_after_a_commit_skips_all_of_it<H: Harness>(new: impl Fn() -> H) {
    let (_harness, store) = nine(new).await;
    for (revision, first) in [(1, "/3"), (2, "/3"), (3, "/6"), (4, "/6")] {
        let query = AuditQuery::oldest(1).after(AuditPosition::end_of(revision));
        assert_eq!(paths(&store, query).await, [first], "{revision}");
    }
}

pub async fn a_place_of_a_forgotten_entry_starts_with_its_commit<H: Harness>(new: impl Fn() -> H) {
    let (_harness, store) = nine(new).await;
    let mut after = AuditPosition::of(&entry("/forgotten"));
    after.revision = 3;
    assert_eq!(
        paths(&store, AuditQuery::oldest(2).after(after)).await,
        ["/3", "/4"]
    );
    after.revision = 2;
    assert_eq!(
        paths(&store, AuditQuery::oldest(2).after(after)).await,
        ["/3", "/4"]
    );
}

pub async fn a_place_at_the_end_yields_nothing<H: Harness>(new: impl Fn() -> H) {
    let (_harness, store) = nine(new).await;
    let last = AuditPosition::of(all(&store).await.last().unwrap());
    let places = [
        last,
        AuditPosition::end_of(5),
        AuditPosition::end_of(6),
        AuditPosition::end_of(u64::MAX),
    ];
    for after in places {
        assert_eq!(paged(&store, AuditQuery::oldest(5).after(after)).await, []);
        assert_eq!(paged(&store, AuditQuery::newest(5).after(after)).await, []);
    }
    commit(&store, audit([entry("/new")])).await;
    assert_eq!(
        paths(&store, AuditQuery::oldest(5).after(last)).await,
        ["/new"]
    );
}

pub async fn a_place_before_the_start_yields_all<H: Harness>(new: impl Fn() -> H) {
    let (_harness, store) = nine(new).await;
    let query = AuditQuery::oldest(100).after(AuditPosition::end_of(0));
    assert_eq!(paged(&store, query).await.len(), 9);
}

pub async fn filters_and_bounds_apply_after_a_place<H: Harness>(new: impl Fn() -> H) {
    let (_harness, store) = nine(new).await;
    commit(
        &store,
        audit([entry_of("shop", "/0"), entry_of("desk", "/4")]),
    )
    .await;
    let after = AuditPosition::of(&all(&store).await[0]);
    let query = AuditQuery::oldest(5).after(after);
    let found = paged(&store, query.clone().path("/0")).await;
    assert_eq!(
        found.iter().map(|entry| entry.revision).collect::<Vec<_>>(),
        [7]
    );
    assert_eq!(paths(&store, query.clone().service("desk")).await, ["/4"]);
    assert_eq!(
        paths(&store, query.clone().offset(2).max_bytes(1)).await,
        ["/3"]
    );
    let id = all(&store).await[5].id;
    assert_eq!(paths(&store, query.clone().id(id)).await, ["/5"]);
    let passed = all(&store).await[0].id;
    assert_eq!(paged(&store, query.id(passed)).await, []);
}

pub async fn a_reader_passes_a_long_log_once<H: Harness>(new: impl Fn() -> H) {
    let (_harness, store) = store(new).await;
    for round in 0..30 {
        let entries = (0..50).map(|nth| entry(&format!("/{}", round * 50 + nth)));
        commit(&store, audit(entries)).await;
    }
    let (mut after, mut read) = (AuditPosition::end_of(0), Vec::new());
    loop {
        let page = paged(&store, AuditQuery::oldest(70).after(after)).await;
        let Some(last) = page.last() else { break };
        after = AuditPosition::of(last);
        read.extend(page.into_iter().map(|entry| entry.path));
    }
    let due: Vec<String> = (0..1_500).map(|nth| format!("/{nth}")).collect();
    assert_eq!(read, due);
}

pub async fn a_batch_that_keeps_entries_is_a_commit<H: Harness>(new: impl Fn() -> H) {
    let (_harness, store) = nine(new).await;
    let number = commit(&store, audit([entry("/9")]).keep_audit_from(3)).await;
    assert_eq!(number, 7);
    commit(&store, Batch::new().keep_audit_from(u64::MAX)).await;
    assert_eq!(all(&store).await.len(), 10);
}
