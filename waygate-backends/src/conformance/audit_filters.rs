//! Filters of the audit log besides path and service, and the number of entries that they select.

use serde_json::json;
use waygate_core::{
    Timestamp,
    model::{Action, AuditEntry},
    port::{AuditPosition, AuditQuery},
};

use super::{Harness, kit::*};

fn at(instant: &str) -> Timestamp {
    instant.parse().unwrap()
}

fn made(path: &str, actor: &str, platform: &str, action: Action, instant: &str) -> AuditEntry {
    let mut entry = entry(path);
    entry.actor = actor.to_owned();
    entry.platform = platform.to_owned();
    entry.action = action;
    entry.timestamp = at(instant);
    entry
}

/// Six entries, `/0` to `/5`, in the order of their times but for the last two.
async fn six<H: Harness>(new: impl Fn() -> H) -> (H, Store) {
    let (harness, store) = store(new).await;
    let other = Action::Other("teleport".into());
    let entries = [
        made(
            "/0",
            "ada",
            "cli",
            Action::FlagCreated,
            "2026-01-01T00:00:00Z",
        ),
        made(
            "/1",
            "ada/deploy",
            "cli",
            Action::FlagUpdated,
            "2026-01-01T00:00:00.000001Z",
        ),
        made(
            "/2",
            "bob",
            "sdk",
            Action::RlPolicySet,
            "2026-01-01T00:00:00.5Z",
        ),
        made("/3", "ada", "sdk", Action::Enable, "2026-01-01T00:00:01Z"),
        made("/4", "scheduler", "system", other, "2027-01-01T00:00:00Z"),
        made(
            "/5",
            "ada",
            "cli",
            Action::FlagEnabled,
            "2025-12-31T23:59:59.999999Z",
        ),
    ];
    commit(&store, audit(entries)).await;
    (harness, store)
}

async fn check(store: &Store, query: AuditQuery, expected: &[&str]) {
    assert_eq!(paths(store, query.clone()).await, expected, "{query:?}");
    let count = store.count_audit(query.clone()).await.unwrap();
    assert_eq!(count, expected.len(), "{query:?}");
}

fn all() -> AuditQuery {
    AuditQuery::newest(100)
}

pub async fn actor_and_platform_filters_are_exact<H: Harness>(new: impl Fn() -> H) {
    let (_harness, store) = six(new).await;
    check(&store, all().actor("ada"), &["/5", "/3", "/0"]).await;
    check(&store, all().actor("ada").platform("cli"), &["/5", "/0"]).await;
    check(&store, all().platform("sdk"), &["/3", "/2"]).await;
    for actor in ["", "Ada", "ad", "ada/"] {
        check(&store, all().actor(actor), &[]).await;
    }
}

pub async fn one_of_the_actions_must_match<H: Harness>(new: impl Fn() -> H) {
    let (_harness, store) = six(new).await;
    let of = |patterns: &[&str]| {
        let parsed = patterns.iter().map(|pattern| pattern.parse().unwrap());
        parsed.fold(all(), AuditQuery::action)
    };
    for (patterns, expected) in [
        (&["flag_created"][..], &["/0"][..]),
        (&["flag_*"], &["/5", "/1", "/0"]),
        (&["rl_*", "enable"], &["/3", "/2"]),
        (&["teleport"], &["/4"]),
        (&["flag_enable"], &[]),
        (&["en"], &[]),
        (&["*"], &["/5", "/4", "/3", "/2", "/1", "/0"]),
    ] {
        check(&store, of(patterns), expected).await;
    }
    check(&store, of(&["flag_*"]).actor("ada"), &["/5", "/0"]).await;
}

pub async fn a_time_span_contains_its_start_but_not_its_end<H: Harness>(new: impl Fn() -> H) {
    let (_harness, store) = six(new).await;
    let since = |instant: &str| all().since(at(instant));
    let until = |instant: &str| all().until(at(instant));
    for (query, expected) in [
        (
            since("2026-01-01T00:00:00Z"),
            &["/4", "/3", "/2", "/1", "/0"][..],
        ),
        (
            since("2026-01-01T00:00:00.000001Z"),
            &["/4", "/3", "/2", "/1"],
        ),
        (since("2026-01-01T00:00:00.50Z"), &["/4", "/3", "/2"]),
        (since("2026-01-01T00:00:00.500001Z"), &["/4", "/3"]),
        (since("2027-01-01T01:00:00+01:00"), &["/4"]),
        (since("2027-01-01T00:00:00.1Z"), &[]),
        (until("2025-12-31T23:59:59.999999Z"), &[]),
        (until("2026-01-01T00:00:00Z"), &["/5"]),
        (until("2026-01-01T00:00:00.5Z"), &["/5", "/1", "/0"]),
        (until("-000001-01-01T00:00:00Z"), &[]),
        (
            since("2026-01-01T00:00:00Z").until(at("2026-01-01T00:00:01Z")),
            &["/2", "/1", "/0"],
        ),
        (
            since("2026-01-01T00:00:00Z").until(at("2026-01-01T00:00:00Z")),
            &[],
        ),
    ] {
        check(&store, query, expected).await;
    }
}

pub async fn times_are_compared_in_microseconds<H: Harness>(new: impl Fn() -> H) {
    let (_harness, store) = store(new).await;
    let exact = made(
        "/a",
        "ada",
        "cli",
        Action::Enable,
        "2026-01-01T00:00:00.0000015Z",
    );
    commit(&store, audit([exact])).await;
    let instant = at("2026-01-01T00:00:00.0000019Z");
    check(&store, all().since(instant), &["/a"]).await;
    check(&store, all().until(instant), &[]).await;
}

pub async fn filters_read_the_members_of_an_entry<H: Harness>(new: impl Fn() -> H) {
    let (_harness, store) = store(new).await;
    let names = [
        "a\"b",
        "\\",
        "x\",\"platform\":\"cli",
        "grüße",
        "\n",
        "{",
        "",
        " ",
    ];
    let mut entries = Vec::new();
    for name in names {
        // Text before and after the member does not mislead.
        let mut entry = made(name, name, name, Action::Enable, "2026-01-01T00:00:00Z");
        entry.service = Some("\",\"actor\":\"ada\"".to_owned());
        entry.reason = "\"actor\":\"ada\"".to_owned();
        entry.new = Some(json!({ "actor": "ada", "platform": "cli", "action": "flag_created" }));
        entries.push(entry);
    }
    commit(&store, audit(entries)).await;
    for name in names {
        check(&store, all().actor(name), &[name]).await;
        check(
            &store,
            all().platform(name).action("enable".parse().unwrap()),
            &[name],
        )
        .await;
    }
    check(&store, all().actor("ada"), &[]).await;
    check(&store, all().platform("cli"), &[]).await;
    check(&store, all().action("flag_*".parse().unwrap()), &[]).await;
}

pub async fn all_filters_apply_before_the_page<H: Harness>(new: impl Fn() -> H) {
    let (_harness, store) = store(new).await;
    for round in 0..4 {
        let entries = (0..400).map(|nth| {
            let nth = round * 400 + nth;
            let actor = if nth % 100 == 0 { "ada" } else { "bob" };
            made(
                &format!("/{nth}"),
                actor,
                "cli",
                Action::Enable,
                "2026-01-01T00:00:00Z",
            )
        });
        commit(&store, audit(entries)).await;
    }
    let of_ada = AuditQuery::newest(2).actor("ada");
    assert_eq!(paths(&store, of_ada.clone()).await, ["/1500", "/1400"]);
    assert_eq!(
        paths(&store, of_ada.clone().offset(14)).await,
        ["/100", "/0"]
    );
    assert_eq!(
        store.count_audit(of_ada.clone().offset(14)).await.unwrap(),
        16
    );
    let mut oldest = of_ada.clone();
    oldest.oldest_first = true;
    assert_eq!(paths(&store, oldest.offset(1)).await, ["/100", "/200"]);
    let after = AuditPosition::end_of(3);
    assert_eq!(store.count_audit(of_ada.after(after)).await.unwrap(), 4);
    let counts = [
        (all(), 1_600),
        (all().max_bytes(1), 1_600),
        (AuditQuery::newest(0), 1_600),
        (AuditQuery::oldest(1), 1_600),
        (all().after(after), 400),
        (all().path("/7"), 1),
        (all().service("shop"), 0),
    ];
    for (query, expected) in counts {
        let count = store.count_audit(query.clone()).await.unwrap();
        assert_eq!(count, expected, "{query:?}");
    }
}

pub async fn the_count_of_a_new_store_is_zero<H: Harness>(new: impl Fn() -> H) {
    let (_harness, store) = store(new).await;
    check(&store, all(), &[]).await;
    check(&store, all().actor("ada"), &[]).await;
}
