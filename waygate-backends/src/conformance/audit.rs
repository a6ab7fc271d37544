//! The audit log.

use serde_json::json;
use waygate_core::port::{AuditQuery, Batch};

use super::{Harness, kit::*};

/// `/0` to `/9`, one commit each; even ones of the service `shop`, odd ones of `desk`.
async fn ten<H: Harness>(new: impl Fn() -> H) -> (H, Store) {
    let (harness, store) = store(new).await;
    for nth in 0..10 {
        let service = if nth % 2 == 0 { "shop" } else { "desk" };
        commit(&store, audit([entry_of(service, &format!("/{nth}"))])).await;
    }
    (harness, store)
}

fn of_service(service: &str, limit: usize) -> AuditQuery {
    AuditQuery::newest(limit).service(service)
}

fn of_path(path: &str) -> AuditQuery {
    AuditQuery::newest(10).path(path)
}

pub async fn the_log_of_a_new_store_is_empty<H: Harness>(new: impl Fn() -> H) {
    let (_harness, store) = store(new).await;
    assert_eq!(log(&store).await, []);
}

pub async fn entries_come_newest_first<H: Harness>(new: impl Fn() -> H) {
    let (_harness, store) = ten(new).await;
    let paths = paths(&store, AuditQuery::newest(10)).await;
    assert_eq!(
        paths,
        ["/9", "/8", "/7", "/6", "/5", "/4", "/3", "/2", "/1", "/0"]
    );
}

pub async fn order_follows_commits_and_not_timestamps<H: Harness>(new: impl Fn() -> H) {
    let (_harness, store) = store(new).await;
    for (path, instant) in [
        ("/late", "2031-01-01T00:00:00Z"),
        ("/early", "2029-01-01T00:00:00Z"),
    ] {
        let mut dated = entry(path);
        dated.timestamp = instant.parse().unwrap();
        commit(&store, audit([dated])).await;
    }
    assert_eq!(
        paths(&store, AuditQuery::newest(2)).await,
        ["/early", "/late"]
    );
}

pub async fn of_one_batch_the_last_entry_is_the_newest<H: Harness>(new: impl Fn() -> H) {
    let (_harness, store) = store(new).await;
    commit(&store, audit([entry("/a"), entry("/b"), entry("/c")])).await;
    commit(&store, audit([entry("/d")])).await;
    assert_eq!(
        paths(&store, AuditQuery::newest(4)).await,
        ["/d", "/c", "/b", "/a"]
    );
}

pub async fn entries_carry_the_revision_of_their_commit<H: Harness>(new: impl Fn() -> H) {
    let (_harness, store) = store(new).await;
    commit(&store, put("a", json!(1))).await;
    commit(&store, audit([entry("/a"), entry("/b")])).await;
    commit(&store, audit([entry("/c")])).await;
    let revisions: Vec<_> = log(&store)
        .await
        .iter()
        .map(|entry| entry.revision)
        .collect();
    assert_eq!(revisions, [3, 2, 2]);
}

pub async fn a_revision_in_an_entry_is_replaced<H: Harness>(new: impl Fn() -> H) {
    let (_harness, store) = store(new).await;
    let mut forged = entry("/a");
    forged.revision = 999;
    commit(&store, audit([forged])).await;
    assert_eq!(log(&store).await[0].revision, 1);
}

pub async fn every_field_comes_back<H: Harness>(new: impl Fn() -> H) {
    let (_harness, store) = store(new).await;
    let mut full = full_entry();
    commit(&store, audit([full.clone()])).await;
    full.revision = 1;
    assert_eq!(log(&store).await, [full]);
}

pub async fn fields_that_are_not_set_stay_so<H: Harness>(new: impl Fn() -> H) {
    let (_harness, store) = store(new).await;
    let mut bare = entry("");
    bare.actor.clear();
    commit(&store, audit([bare.clone()])).await;
    bare.revision = 1;
    assert_eq!(log(&store).await, [bare]);
}

pub async fn equal_entries_are_all_kept<H: Harness>(new: impl Fn() -> H) {
    let (_harness, store) = store(new).await;
    let same = || entry("/same");
    commit(&store, audit([same(), same()])).await;
    commit(&store, audit([same()])).await;
    assert_eq!(log(&store).await.len(), 3);
}

pub async fn the_limit_returns_the_newest<H: Harness>(new: impl Fn() -> H) {
    let (_harness, store) = ten(new).await;
    assert_eq!(
        paths(&store, AuditQuery::newest(3)).await,
        ["/9", "/8", "/7"]
    );
}

pub async fn a_limit_of_zero_returns_nothing<H: Harness>(new: impl Fn() -> H) {
    let (_harness, store) = ten(new).await;
    assert_eq!(paged(&store, AuditQuery::newest(0)).await, []);
}

pub async fn a_limit_beyond_the_log_returns_all<H: Harness>(new: impl Fn() -> H) {
    let (_harness, store) = ten(new).await;
    assert_eq!(
        paged(&store, AuditQuery::newest(usize::MAX)).await.len(),
        10
    );
}

pub async fn the_offset_leaves_out_the_newest<H: Harness>(new: impl Fn() -> H) {
    let (_harness, store) = ten(new).await;
    let query = AuditQuery::newest(2).offset(7);
    assert_eq!(paths(&store, query).await, ["/2", "/1"]);
}

pub async fn an_offset_beyond_the_log_returns_nothing<H: Harness>(new: impl Fn() -> H) {
    let (_harness, store) = ten(new).await;
    for offset in [10, 11, usize::MAX] {
        let query = AuditQuery::newest(5).offset(offset);
        assert_eq!(paged(&store, query).await, []);
    }
}

pub async fn pages_cover_the_log_without_overlap<H: Harness>(new: impl Fn() -> H) {
    let (_harness, store) = ten(new).await;
    let mut covered = Vec::new();
    for offset in [0, 3, 6, 9] {
        let query = AuditQuery::newest(3).offset(offset);
        covered.extend(paged(&store, query).await);
    }
    assert_eq!(covered, log(&store).await);
}

pub async fn the_path_filter_is_exact<H: Harness>(new: impl Fn() -> H) {
    let (_harness, store) = store(new).await;
    let all = ["/pay", "/payments", "/Pay", "/pay ", "x/pay", "/p%", "/pay"];
    commit(&store, audit(all.map(entry))).await;
    assert_eq!(paths(&store, of_path("/pay")).await, ["/pay", "/pay"]);
    assert_eq!(paths(&store, of_path("/p%")).await, ["/p%"]);
    assert_eq!(paged(&store, of_path("/p")).await, []);
}

pub async fn the_service_filter_is_exact<H: Harness>(new: impl Fn() -> H) {
    let (_harness, store) = store(new).await;
    let services = ["shop", "shops", "Shop"];
    commit(
        &store,
        audit(services.map(|service| entry_of(service, service))),
    )
    .await;
    assert_eq!(paths(&store, of_service("shop", 5)).await, ["shop"]);
}

pub async fn an_entry_without_service_is_of_no_service<H: Harness>(new: impl Fn() -> H) {
    let (_harness, store) = store(new).await;
    commit(&store, audit([entry("/none"), entry_of("", "/empty")])).await;
    assert_eq!(paths(&store, of_service("", 5)).await, ["/empty"]);
    assert_eq!(
        paths(&store, AuditQuery::newest(5)).await,
        ["/empty", "/none"]
    );
}

pub async fn filters_apply_before_the_limit<H: Harness>(new: impl Fn() -> H) {
    let (_harness, store) = ten(new).await;
    assert_eq!(
        paths(&store, of_service("shop", 3)).await,
        ["/8", "/6", "/4"]
    );
    assert_eq!(paths(&store, of_path("/0")).await, ["/0"]);
}

pub async fn filters_apply_before_the_offset<H: Harness>(new: impl Fn() -> H) {
    let (_harness, store) = ten(new).await;
    let mut query = of_service("desk", 2);
    query.offset = 1;
    assert_eq!(paths(&store, query).await, ["/7", "/5"]);
}

pub async fn both_filters_must_pass<H: Harness>(new: impl Fn() -> H) {
    let (_harness, store) = ten(new).await;
    let query = |service| {
        let mut query = of_service(service, 5);
        query.path = Some("/4".to_owned());
        query
    };
    assert_eq!(paths(&store, query("shop")).await, ["/4"]);
    assert_eq!(paged(&store, query("desk")).await, []);
}

pub async fn an_entry_is_found_by_its_id<H: Harness>(new: impl Fn() -> H) {
    let (_harness, store) = ten(new).await;
    let entries = log(&store).await;
    for entry in &entries {
        let query = AuditQuery::newest(5).id(entry.id);
        assert_eq!(
            paged(&store, query.clone()).await,
            std::slice::from_ref(entry)
        );
        let query = query.path(entry.path.as_str()).service("shop");
        let is_of_shop = entry.service.as_deref() == Some("shop");
        assert_eq!(
            paged(&store, query.clone()).await.len(),
            usize::from(is_of_shop)
        );
        assert_eq!(paged(&store, query.offset(1)).await, []);
    }
    // An id within an entry is not that of the entry.
    let mut quoting = entry("/quoting");
    let unknown = entry("/unknown").id;
    quoting.new = Some(json!({ "id": unknown }));
    quoting.reason = format!("{{\"id\":\"{unknown}\"");
    commit(&store, audit([quoting])).await;
    assert_eq!(paged(&store, AuditQuery::newest(5).id(unknown)).await, []);
}

pub async fn a_page_ends_with_its_bytes<H: Harness>(new: impl Fn() -> H) {
    let (_harness, store) = store(new).await;
    let large = |path: &str| {
        let mut large = entry(path);
        large.new = Some(json!("x".repeat(100_000)));
        large
    };
    commit(&store, audit(["/a", "/b", "/c", "/d"].map(large))).await;
    commit(&store, audit([entry("/other")])).await;
    let within = |bytes| AuditQuery::newest(10).max_bytes(bytes);
    for (bytes, expected) in [
        (0, &["/other"][..]),
        (1, &["/other"]),
        (90_000, &["/other", "/d"]),
        (190_000, &["/other", "/d", "/c"]),
        (usize::MAX, &["/other", "/d", "/c", "/b", "/a"]),
    ] {
        assert_eq!(paths(&store, within(bytes)).await, expected, "{bytes}");
    }
    let query = within(90_000).path("/b");
    assert_eq!(paths(&store, query).await, ["/b"]);
    let query = within(90_000).offset(2);
    assert_eq!(paths(&store, query).await, ["/c"]);
    let mut query = within(190_000);
    query.limit = 2;
    assert_eq!(paths(&store, query).await, ["/other", "/d"]);
}

pub async fn a_filter_without_matches_returns_nothing<H: Harness>(new: impl Fn() -> H) {
    let (_harness, store) = ten(new).await;
    assert_eq!(paged(&store, of_service("unknown", 5)).await, []);
}

pub async fn two_thousand_entries_are_kept<H: Harness>(new: impl Fn() -> H) {
    let (_harness, store) = store(new).await;
    for round in 0..4 {
        let entries = (0..500).map(|nth| entry(&format!("/{}", round * 500 + nth)));
        commit(&store, audit(entries)).await;
    }
    let all = paths(&store, AuditQuery::newest(usize::MAX)).await;
    let due: Vec<_> = (0..2_000).rev().map(|nth| format!("/{nth}")).collect();
    assert_eq!(all, due);
    assert_eq!(paths(&store, of_path("/3")).await, ["/3"]);
}

pub async fn reading_the_log_changes_nothing<H: Harness>(new: impl Fn() -> H) {
    let (_harness, store) = ten(new).await;
    let first = log(&store).await;
    assert_eq!(log(&store).await, first);
    assert_eq!(revision(&store).await.number, 10);
}

pub async fn commits_without_entries_log_nothing<H: Harness>(new: impl Fn() -> H) {
    let (_harness, store) = store(new).await;
    commit(&store, put("a", json!(1))).await;
    commit(&store, Batch::default()).await;
    assert_eq!(log(&store).await, []);
}

pub async fn a_page_may_cut_through_a_batch<H: Harness>(new: impl Fn() -> H) {
    let (_harness, store) = store(new).await;
    commit(&store, audit(["/a", "/b", "/c"].map(entry))).await;
    commit(&store, audit(["/d", "/e", "/f"].map(entry))).await;
    let query = AuditQuery::newest(4).offset(1);
    assert_eq!(paths(&store, query).await, ["/e", "/d", "/c", "/b"]);
}

pub async fn filters_take_any_text<H: Harness>(new: impl Fn() -> H) {
    let (_harness, store) = store(new).await;
    let texts = [
        "/grüße", "/日本", "/it's", "/\"", "/\\", "/a\nb", "/\0", "", " ",
    ];
    commit(&store, audit(texts.map(|text| entry_of(text, text)))).await;
    for text in texts {
        assert_eq!(paths(&store, of_path(text)).await, [text]);
        assert_eq!(paths(&store, of_service(text, 10)).await, [text]);
    }
}

pub async fn an_entry_and_its_entity_share_a_revision<H: Harness>(new: impl Fn() -> H) {
    let (_harness, store) = store(new).await;
    commit(&store, Batch::default()).await;
    commit(&store, put("a", json!(1)).audit(entry("/a"))).await;
    assert_eq!(entities(&store).await["a"].1, log(&store).await[0].revision);
}
