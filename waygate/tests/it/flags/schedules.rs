//! Scheduled changes and progressive rollouts.

use std::{sync::Arc, time::Duration};

use serde_json::{Value, json};
use waygate::{
    ChangeError, Waygate,
    audit::{AuditEntry, AuditQuery},
    events::{Event, Events},
    flags::{ChangeAction, EvaluationContext, Flag, FlagError, FlagVersion, ScheduledChange},
    port::{Backend, Batch, ManualClock, MemoryBackend},
};

use crate::support::{at, builder, clock};

fn flag(key: &str, more: Value) -> Flag {
    let mut definition = json!({
        "key": key, "name": "New search", "type": "boolean",
        "variations": [{"name": "on", "value": true}, {"name": "off", "value": false}],
        "off_variation": "off", "fallthrough": "off",
    });
    for (name, value) in more.as_object().unwrap() {
        definition[name] = value.clone();
    }
    Flag::parse(&definition).unwrap()
}

fn change(minute: u32, action: ChangeAction, payload: Value) -> ScheduledChange {
    let when = at("2030-01-01T00:00:00Z") + Duration::from_secs(60 * u64::from(minute));
    ScheduledChange::new(when, action, payload)
}

fn launch(minute: u32) -> ScheduledChange {
    change(
        minute,
        ChangeAction::UpdateRollout,
        json!({"variation": "on"}),
    )
}

async fn process(clock: &ManualClock, backend: &Arc<MemoryBackend>) -> Waygate {
    let builder = builder().clock(clock.clone()).backend(backend.clone());
    builder.build().await.unwrap()
}

fn is_on(waygate: &Waygate, key: &str) -> bool {
    let flags = waygate.flags();
    let resolution = flags.evaluate(key, &EvaluationContext::new("user-1"));
    resolution.unwrap().as_bool().unwrap()
}

/// Waits until the scheduler has written `count` lines, and returns them, oldest first.
async fn scheduled(waygate: &Waygate, events: &mut Events, count: usize) -> Vec<AuditEntry> {
    loop {
        let lines = waygate.audit(AuditQuery::newest(1_000)).await.unwrap();
        let lines: Vec<_> = lines
            .into_iter()
            .rev()
            .filter(|line| line.actor == "scheduler")
            .collect();
        if lines.len() >= count {
            return lines;
        }
        let event = events.next().await;
        assert!(!matches!(event, None | Some(Event::Missed(_))));
    }
}

#[tokio::test]
async fn a_change_is_made_when_it_is_due() {
    let (clock, backend) = (clock(), Arc::new(MemoryBackend::new()));
    let waygate = process(&clock, &backend).await;
    let system = waygate.system();
    system.create_flag(flag("search", json!({}))).await.unwrap();
    let planned = system
        .schedule_flag_change("search", launch(10))
        .await
        .unwrap();
    let [stored] = &planned.flag.scheduled_changes[..] else {
        panic!()
    };
    assert_eq!(stored.created_at, Some(at("2030-01-01T00:00:00Z")));
    assert_eq!(stored.created_by, "system");
    let [listed] = &waygate.flags().scheduled_changes()[..] else {
        panic!()
    };
    assert_eq!((listed.flag.as_str(), &listed.change), ("search", stored));

    let mut events = waygate.subscribe();
    clock.advance(Duration::from_secs(599));
    assert!(!is_on(&waygate, "search"));
    clock.advance(Duration::from_secs(1));
    let lines = scheduled(&waygate, &mut events, 1).await;
    assert!(is_on(&waygate, "search"));
    let line = &lines[0];
    assert_eq!(
        (line.action.to_string(), &*line.path, &*line.reason),
        (
            "flag_updated".to_owned(),
            "flag:search",
            "scheduled: update_rollout"
        )
    );
    assert_eq!(line.new.as_ref().unwrap()["fallthrough"], "on");
    let record = waygate.flags().flag("search").unwrap();
    assert_eq!(record.flag.updated_at, Some(at("2030-01-01T00:10:00Z")));
    assert!(waygate.flags().scheduled_changes().is_empty());
}

#[tokio::test]
async fn a_revert_brings_no_past_change_back() {
    let (clock, backend) = (clock(), Arc::default());
    let waygate = process(&clock, &backend).await;
    let (system, mut events) = (waygate.system(), waygate.subscribe());
    system.create_flag(flag("search", json!({}))).await.unwrap();
    for minute in [1, 60] {
        let planned = launch(minute);
        system
            .schedule_flag_change("search", planned)
            .await
            .unwrap();
    }
    clock.advance(Duration::from_secs(60));
    scheduled(&waygate, &mut events, 1).await;
    assert!(is_on(&waygate, "search"));
    let log = waygate.flag_history("search", 10, 0).await.unwrap();
    let planned = log.iter().find(|line| line.actor == "system").unwrap();
    let restored = system
        .revert_flag("search", &planned.id.to_string(), FlagVersion::New)
        .await
        .unwrap();
    assert_eq!(restored.flag.scheduled_changes.len(), 1, "the later one");
    assert!(!is_on(&waygate, "search"));
}

#[tokio::test]
async fn a_cancelled_change_is_not_made() {
    let (clock, backend) = (clock(), Arc::new(MemoryBackend::new()));
    let waygate = process(&clock, &backend).await;
    let system = waygate.system();
    system.create_flag(flag("search", json!({}))).await.unwrap();
    let (first, second) = (launch(10), change(20, ChangeAction::Disable, json!({})));
    let id = first.id.clone();
    system
        .schedule_flag_change("search", first.clone())
        .await
        .unwrap();
    let twice = system
        .schedule_flag_change("search", first)
        .await
        .unwrap_err();
    assert!(
        twice.to_string().contains("/scheduled_changes/1/id"),
        "{twice}"
    );
    system.schedule_flag_change("search", second).await.unwrap();
    system.cancel_flag_change("search", &id).await.unwrap();
    let again = system.cancel_flag_change("search", &id).await.unwrap_err();
    assert!(
        matches!(again, ChangeError::Flag(FlagError::NoSuchChange { .. })),
        "{again}"
    );

    let mut events = waygate.subscribe();
    clock.advance(Duration::from_secs(3_600));
    let lines = scheduled(&waygate, &mut events, 1).await;
    assert_eq!(lines[0].reason, "scheduled: disable");
    let flag = waygate.flags().flag("search").unwrap().flag;
    assert_eq!(serde_json::to_value(&flag.fallthrough).unwrap(), "off");
    assert!(!flag.enabled);
}

#[tokio::test]
async fn missed_changes_are_made_once_in_order() {
    let (clock, backend) = (clock(), Arc::new(MemoryBackend::new()));
    let first = process(&clock, &backend).await;
    let system = first.system();
    for key in ["a", "b"] {
        system.create_flag(flag(key, json!({}))).await.unwrap();
    }
    for (key, minute, action) in [
        ("a", 30, ChangeAction::Disable),
        ("b", 20, ChangeAction::Disable),
        ("a", 10, ChangeAction::Patch),
        ("b", 40, ChangeAction::Enable),
        ("a", 90, ChangeAction::Enable),
    ] {
        let payload = match action {
            ChangeAction::Patch => json!({"description": "at ten"}),
            _ => json!({}),
        };
        system
            .schedule_flag_change(key, change(minute, action, payload))
            .await
            .unwrap();
    }
    first.shutdown().await;
    drop((system, first));

    clock.advance(Duration::from_secs(3_600));
    let [one, other] = [
        process(&clock, &backend).await,
        process(&clock, &backend).await,
    ];
    let mut events = one.subscribe();
    let lines = scheduled(&one, &mut events, 4).await;
    let made: Vec<_> = lines
        .iter()
        .map(|line| (&*line.path, &*line.reason))
        .collect();
    assert_eq!(
        made,
        [
            ("flag:a", "scheduled: patch"),
            ("flag:b", "scheduled: disable"),
            ("flag:a", "scheduled: disable"),
            ("flag:b", "scheduled: enable"),
        ]
    );
    let mut events = other.subscribe();
    clock.advance(Duration::from_secs(3_600));
    let lines = scheduled(&other, &mut events, 5).await;
    assert_eq!((lines.len(), &*lines[4].reason), (5, "scheduled: enable"));
    assert!(other.flags().flag("a").unwrap().flag.enabled);
}

#[tokio::test]
async fn processes_make_each_change_once() {
    let (clock, backend) = (clock(), Arc::new(MemoryBackend::new()));
    let one = process(&clock, &backend).await;
    let other = process(&clock, &backend).await;
    let system = one.system();
    for nth in 0..20 {
        let key = format!("flag-{nth}");
        system.create_flag(flag(&key, json!({}))).await.unwrap();
        for minute in 1..=5 {
            let payload = json!({"description": format!("{minute}")});
            let change = change(minute, ChangeAction::Patch, payload);
            system.schedule_flag_change(&key, change).await.unwrap();
        }
    }
    let mut events = one.subscribe();
    let mut of_other = other.subscribe();
    clock.advance(Duration::from_secs(3_600));
    scheduled(&one, &mut events, 100).await;
    scheduled(&other, &mut of_other, 100).await;
    // A further change comes after everything that both have seen.
    system.create_flag(flag("last", json!({}))).await.unwrap();
    while other.flags().flag("last").is_err() {
        of_other.next().await.unwrap();
    }
    let lines = scheduled(&one, &mut events, 100).await;
    assert_eq!(lines.len(), 100, "each change has one line");
    for nth in 0..20 {
        let flag = other.flags().flag(&format!("flag-{nth}")).unwrap().flag;
        assert_eq!((&*flag.description, flag.scheduled_changes.len()), ("5", 0));
    }
}

#[tokio::test]
async fn a_change_that_no_longer_applies_is_dropped() {
    let (clock, backend) = (clock(), Arc::new(MemoryBackend::new()));
    let waygate = process(&clock, &backend).await;
    let system = waygate.system();
    system.create_flag(flag("search", json!({}))).await.unwrap();
    system.create_flag(flag("base", json!({}))).await.unwrap();
    let needs = json!({"prerequisites": [{"flag_key": "base", "variation": "on"}]});
    let patch = change(10, ChangeAction::Patch, needs);
    system.schedule_flag_change("search", patch).await.unwrap();
    system
        .schedule_flag_change("search", launch(20))
        .await
        .unwrap();
    let refused = system.delete_flag("base").await.unwrap_err();
    let used = "`base` is a prerequisite of the flag `search` after a scheduled change";
    assert!(refused.to_string().contains(used), "{refused}");
    // Another writer does not check it.
    let mut events = waygate.subscribe();
    let mut batch = Batch::new();
    batch.deletes = vec!["flag/base".into()];
    backend.commit(batch).await.unwrap();
    while waygate.flags().flag("base").is_ok() {
        assert!(!matches!(
            events.next().await,
            None | Some(Event::Missed(_))
        ));
    }
    clock.advance(Duration::from_secs(3_600));
    let lines = scheduled(&waygate, &mut events, 2).await;
    assert_eq!(
        lines[0].reason,
        "dropped: scheduled patch: /prerequisites/0/flag_key: there is no flag `base`"
    );
    assert_eq!(lines[1].reason, "scheduled: update_rollout");
    assert!(is_on(&waygate, "search"), "the flag has no prerequisite");
    assert!(waygate.health().is_empty(), "{:?}", waygate.health());
}

#[tokio::test]
async fn an_older_mistake_of_the_flag_stops_no_change() {
    let (clock, backend) = (clock(), Arc::new(MemoryBackend::new()));
    // Python Waygate stores operands that never match.
    let mut stored = serde_json::to_value(flag("search", json!({}))).unwrap();
    stored["rules"] = json!([{
        "id": "r", "clauses": [{"attribute": "plan", "operator": "matches", "values": ["("]}], "variation": "on",
    }]);
    let off = change(10, ChangeAction::Disable, json!({}));
    stored["scheduled_changes"] = json!([off]);
    let mut batch = Batch::new();
    batch.puts = vec![("flag/search".into(), stored)];
    backend.commit(batch).await.unwrap();
    let waygate = process(&clock, &backend).await;
    let mut events = waygate.subscribe();
    clock.advance(Duration::from_secs(3_600));
    let lines = scheduled(&waygate, &mut events, 1).await;
    assert_eq!(lines[0].reason, "scheduled: disable");
    assert!(!waygate.flags().flag("search").unwrap().flag.enabled);
}

#[tokio::test]
async fn a_progressive_rollout_is_held_and_resumed() {
    let (clock, backend) = (clock(), Arc::new(MemoryBackend::new()));
    let waygate = process(&clock, &backend).await;
    let system = waygate.system();
    system.create_flag(flag("plain", json!({}))).await.unwrap();
    let plain = system.hold_flag_rollout("plain").await.unwrap_err();
    assert!(
        matches!(plain, ChangeError::Flag(FlagError::NotProgressive { .. })),
        "{plain}"
    );
    let progressive = json!({"progressive": {
        "variation": "on", "baseline": "off", "start": "2030-01-01T00:00:00Z", "linear": true,
        "stages": [{"after_seconds": 0, "weight": 0}, {"after_seconds": 1_000, "weight": 100_000}],
    }});
    system
        .create_flag(flag("search", progressive))
        .await
        .unwrap();
    let share = || {
        let flags = waygate.flags();
        let users = (0..1_000).filter(|user| {
            let user = EvaluationContext::new(format!("user-{user}"));
            flags.evaluate("search", &user).unwrap().as_bool().unwrap()
        });
        users.count()
    };
    clock.advance(Duration::from_secs(300));
    let held = system.hold_flag_rollout("search").await.unwrap();
    let before = share();
    assert!((250..350).contains(&before), "{before}");
    clock.advance(Duration::from_secs(5_000));
    assert_eq!(share(), before);
    let again = system.hold_flag_rollout("search").await.unwrap();
    assert_eq!(again.revision, held.revision, "nothing is written");
    system.resume_flag_rollout("search").await.unwrap();
    assert_eq!(share(), before);
    clock.advance(Duration::from_secs(700));
    assert_eq!(share(), 1_000);
}

/// A body cannot name the author or the time, and an edit of the flag keeps those of changes that stay.
#[tokio::test]
async fn the_author_of_a_scheduled_change_is_who_writes_it() {
    let (clock, backend) = (clock(), Arc::new(MemoryBackend::new()));
    let waygate = process(&clock, &backend).await;
    let mut forged = launch(60);
    forged.created_by = "the boss".to_owned();
    forged.created_at = Some(at("2001-01-01T00:00:00Z"));
    let mut definition = flag("search", json!({}));
    definition.scheduled_changes.push(forged.clone());
    let system = waygate.system();
    let created = system.create_flag(definition.clone()).await.unwrap();
    let origin = |record: &waygate::flags::FlagRecord, nth: usize| {
        let change = &record.flag.scheduled_changes[nth];
        (change.created_by.clone(), change.created_at)
    };
    let first = at("2030-01-01T00:00:00Z");
    assert_eq!(origin(&created, 0), ("system".to_owned(), Some(first)));

    clock.advance(Duration::from_secs(60));
    let alice = waygate.operator(waygate::audit::Origin::new("alice", "test"));
    definition.scheduled_changes[0].created_by = "mallory".to_owned();
    let mut other = change(70, ChangeAction::Disable, json!({}));
    other.created_by = "mallory".to_owned();
    definition.scheduled_changes.push(other);
    let (edited, _) = alice.set_flag(definition.clone()).await.unwrap();
    let second = first + Duration::from_secs(60);
    assert_eq!(origin(&edited, 0), ("system".to_owned(), Some(first)));
    assert_eq!(origin(&edited, 1), ("alice".to_owned(), Some(second)));

    // A change that is edited has a new author.
    definition.scheduled_changes[0].payload = json!({"variation": "off"});
    let (edited, _) = alice.set_flag(definition).await.unwrap();
    assert_eq!(origin(&edited, 0), ("alice".to_owned(), Some(second)));
}

#[tokio::test]
async fn an_import_leaves_out_past_changes_with_a_note() {
    let (clock, backend) = (clock(), Arc::new(MemoryBackend::new()));
    let waygate = process(&clock, &backend).await;
    let system = waygate.system();
    system.create_flag(flag("search", json!({}))).await.unwrap();
    let off = change(20, ChangeAction::Disable, json!({}));
    for change in [launch(10), off.clone(), launch(120)] {
        system.schedule_flag_change("search", change).await.unwrap();
    }
    let old = waygate.flags().export();
    assert!(waygate.flags().plan(old.clone()).unwrap().is_empty());
    assert!(
        waygate.flags().plan(old.clone()).unwrap().notes.is_empty(),
        "they are pending"
    );
    // A past change that only has the id of a pending one is another change.
    let mut other = old.clone();
    other.flags[0].scheduled_changes[1].execute_at = "2029-01-01T00:00:00Z".parse().unwrap();
    let plan = waygate.flags().plan(other).unwrap();
    assert_eq!(plan.notes.len(), 1);
    let mut events = waygate.subscribe();
    clock.advance(Duration::from_secs(3_600));
    scheduled(&waygate, &mut events, 2).await;
    let on = system.enable_flag("search").await.unwrap();
    assert!(on.flag.enabled);

    let dry = waygate.flags().plan(old.clone()).unwrap();
    let imported = system.import_flags(old).await.unwrap();
    assert_eq!(dry, imported);
    let notes: Vec<_> = imported
        .notes
        .iter()
        .map(|note| (&*note.pointer, &*note.message))
        .collect();
    assert_eq!(
        notes,
        [
            (
                "/flags/0/scheduled_changes/0",
                "the scheduled change `update_rollout` was left out: its time, 2030-01-01T00:10:00Z, is past"
            ),
            (
                "/flags/0/scheduled_changes/1",
                "the scheduled change `disable` was left out: its time, 2030-01-01T00:20:00Z, is past"
            ),
        ]
    );
    let stored = waygate.flags().flag("search").unwrap().flag;
    assert!(stored.enabled, "the change was not made again");
    assert_eq!(stored.scheduled_changes.len(), 1, "the one that is to come");
}
