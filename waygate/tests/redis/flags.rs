//! Flags that processes share over Redis.

use std::time::Duration;

use serde_json::json;
use waygate::{
    Waygate,
    audit::AuditQuery,
    flags::{ChangeAction, EvaluationContext, Flag, ScheduledChange, Segment},
    port::{ManualClock, RedisBackend},
};
use waygate_faultproxy::{RedisProc, eventually};

use crate::support::*;

fn flag(key: &str) -> Flag {
    let definition = json!({
        "key": key, "name": "New search", "type": "boolean",
        "variations": [{"name": "on", "value": true}, {"name": "off", "value": false}],
        "off_variation": "off", "fallthrough": "off",
    });
    Flag::parse(&definition).unwrap()
}

fn is_on(waygate: &Waygate, key: &str) -> Option<bool> {
    let flags = waygate.flags();
    let resolution = flags.evaluate(key, &EvaluationContext::new("user-1"))?;
    resolution.as_bool().ok()
}

async fn process(server: &RedisProc, clock: &ManualClock) -> Waygate {
    let backend = RedisBackend::open(options(server.addr()));
    let builder = Waygate::builder().allow_unmounted("").clock(clock.clone());
    let builder = builder.backend(backend).seed_flags([flag("seeded")]);
    builder.build().await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn processes_follow_each_other_and_restarts() {
    let (server, clock) = (RedisProc::start(), clock());
    let (one, other) = tokio::join!(process(&server, &clock), process(&server, &clock));
    assert_eq!(one.revision().number, 1, "the seed is one write");
    assert_eq!(is_on(&other, "seeded"), Some(false));
    let system = one.system();
    let beta = json!({"key": "beta", "name": "Beta", "included": ["user-1"]});
    system
        .create_segment(Segment::parse(&beta).unwrap())
        .await
        .unwrap();
    system.create_flag(flag("search")).await.unwrap();
    let rules = json!({"rules": [{
        "clauses": [{"attribute": "key", "operator": "in_segment", "values": ["beta"]}], "variation": "on",
    }]});
    let stored = system.patch_flag("search", rules).await.unwrap();
    eventually(PATIENCE, "the other follows", || {
        is_on(&other, "search") == Some(true)
    })
    .await;
    other.system().disable_flag("search").await.unwrap();
    eventually(PATIENCE, "and this one", || {
        is_on(&one, "search") == Some(false)
    })
    .await;
    let last = other.system().enable_flag("search").await.unwrap();
    assert_eq!(last.flag.rules, stored.flag.rules);
    let third = process(&server, &clock).await;
    assert_eq!(third.flags().flag("search").unwrap(), last);
    assert_eq!(is_on(&third, "search"), Some(true));
}

fn clock() -> ManualClock {
    ManualClock::at("2030-01-01T00:00:00Z".parse().unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_scheduled_change_is_made_by_one_process() {
    let (server, clock) = (RedisProc::start(), clock());
    let engines = [
        process(&server, &clock).await,
        process(&server, &clock).await,
        process(&server, &clock).await,
    ];
    let system = engines[0].system();
    for nth in 0..10 {
        let key = format!("flag-{nth}");
        system.create_flag(flag(&key)).await.unwrap();
        for minute in 1..=3 {
            let at = clock_at(minute);
            let payload = json!({"description": format!("{minute}"), "fallthrough": "on"});
            let change = ScheduledChange::new(at, ChangeAction::Patch, payload);
            system.schedule_flag_change(&key, change).await.unwrap();
        }
    }
    level(&engines).await;
    clock.advance(Duration::from_secs(600));
    let done = |waygate: &Waygate| {
        (0..10).all(|nth| is_on(waygate, &format!("flag-{nth}")) == Some(true))
            && waygate.flags().scheduled_changes().is_empty()
    };
    eventually(PATIENCE, "all changes are made", || {
        engines.iter().all(done)
    })
    .await;
    level(&engines).await;
    let lines = engines[1].audit(AuditQuery::newest(1_000)).await.unwrap();
    let made: Vec<_> = lines
        .iter()
        .filter(|line| line.actor == "scheduler")
        .collect();
    assert_eq!(made.len(), 30, "each once");
    for nth in 0..10 {
        let path = format!("flag:flag-{nth}");
        let of = made.iter().rev().filter(|line| line.path == path);
        let order: Vec<_> = of
            .map(|line| line.new.as_ref().unwrap()["description"].clone())
            .collect();
        assert_eq!(order, ["1", "2", "3"]);
    }
}

fn clock_at(minute: u64) -> waygate::Timestamp {
    let start: waygate::Timestamp = "2030-01-01T00:00:00Z".parse().unwrap();
    start + Duration::from_secs(60 * minute)
}
