//! Windows, temporary disables, and their reports.

use std::{sync::Arc, time::Duration};

use waygate::{
    Waygate,
    audit::{Action, AuditEntry, AuditQuery},
    events::{Event, Events},
    model::{Interval, RouteState, RouteStatus},
    port::{Backend, Batch},
    testing::ManualClock,
};
use waygate_backends::MemoryBackend;

use crate::support::{app, at, builder, clock};

const KEY: &str = "GET:/a";

async fn engine(clock: &ManualClock, backend: &Arc<MemoryBackend>) -> Waygate {
    let builder = builder().clock(clock.clone()).backend(backend.clone());
    let waygate = builder.build().await.unwrap();
    waygate
        .register(KEY.parse().unwrap(), RouteState::default())
        .await
        .unwrap();
    waygate
}

fn status(waygate: &Waygate) -> RouteStatus {
    waygate.route(KEY).unwrap().view.status
}

/// Waits until the audit log has `count` entries, and returns them, newest first.
async fn audit(waygate: &Waygate, events: &mut Events, count: usize) -> Vec<AuditEntry> {
    loop {
        let lines = waygate.audit(AuditQuery::newest(100)).await.unwrap();
        if lines.len() >= count {
            return lines;
        }
        // A process that reads several commits together sends one event.
        let next = tokio::time::timeout(Duration::from_millis(50), events.next()).await;
        assert!(!matches!(next, Ok(None | Some(Event::Missed(_)))));
    }
}

fn interval() -> Interval {
    Interval::parse("2030-01-01T02:00:00Z", "2030-01-01T04:00:00Z").unwrap()
}

#[tokio::test]
async fn a_window_opens_and_closes_on_its_own() {
    let (clock, backend) = (clock(), Arc::new(MemoryBackend::new()));
    let waygate = engine(&clock, &backend).await;
    let app = app(&waygate, &[KEY]).await;
    let mut events = waygate.subscribe();
    let planned = waygate
        .system()
        .schedule(KEY, interval(), "upgrade")
        .await
        .unwrap();
    assert_eq!(
        planned.view.status,
        RouteStatus::Active,
        "a future window blocks nothing"
    );
    assert_eq!(app.get("/a").await.status(), 200);

    clock.set_wall(at("2030-01-01T01:59:59.999999Z"));
    assert_eq!(app.get("/a").await.status(), 200);
    clock.set_wall(at("2030-01-01T02:00:00Z"));
    let blocked = app.get("/a").await;
    assert_eq!(blocked.status(), 503);
    assert_eq!(blocked.header("retry-after"), Some("7200"));
    let lines = audit(&waygate, &mut events, 2).await;
    assert_eq!(lines[0].action, Action::MaintenanceOn);
    assert_eq!(
        (lines[0].actor.as_str(), lines[0].reason.as_str()),
        ("scheduler", "upgrade")
    );

    clock.set_wall(at("2030-01-01T04:00:00Z"));
    assert_eq!(app.get("/a").await.status(), 200);
    let lines = audit(&waygate, &mut events, 3).await;
    assert_eq!(lines[0].action, Action::Enable);
    assert_eq!(lines[0].new_status, Some(RouteStatus::Active));
    assert_eq!(waygate.route(KEY).unwrap().view.window, None);
}

#[tokio::test]
async fn a_window_that_ended_while_no_process_ran_is_reported_once() {
    let (clock, backend) = (clock(), Arc::new(MemoryBackend::new()));
    let first = engine(&clock, &backend).await;
    first
        .system()
        .schedule(KEY, interval(), "upgrade")
        .await
        .unwrap();
    drop(first);

    clock.set_wall(at("2030-01-01T09:00:00Z"));
    let second = engine(&clock, &backend).await;
    let mut events = second.subscribe();
    assert_eq!(status(&second), RouteStatus::Active);
    let lines = audit(&second, &mut events, 3).await;
    let late: Vec<_> = lines
        .iter()
        .map(|l| {
            (
                l.action.clone(),
                l.new.as_ref().map(|n| n["late_ms"].clone()),
            )
        })
        .collect();
    assert_eq!(late[0], (Action::Enable, Some((5 * 3_600_000).into())));
    assert_eq!(
        late[1],
        (Action::MaintenanceOn, Some((7 * 3_600_000).into()))
    );
    drop(second);

    let third = engine(&clock, &backend).await;
    clock.advance(Duration::from_secs(60));
    third.system().disable(KEY, "").await.unwrap();
    assert_eq!(
        third.audit(AuditQuery::newest(100)).await.unwrap().len(),
        4,
        "one entry per transition"
    );
}

#[tokio::test]
async fn a_manual_change_overrides_the_window() {
    let (clock, backend) = (clock(), Arc::new(MemoryBackend::new()));
    let waygate = engine(&clock, &backend).await;
    let system = waygate.system();
    system.schedule(KEY, interval(), "upgrade").await.unwrap();
    clock.set_wall(at("2030-01-01T03:00:00Z"));
    assert_eq!(status(&waygate), RouteStatus::Maintenance);
    system.enable(KEY, "done early").await.unwrap();
    assert_eq!(status(&waygate), RouteStatus::Active);
    clock.set_wall(at("2030-01-01T03:30:00Z"));
    assert_eq!(status(&waygate), RouteStatus::Active, "it stays active");

    let later = Interval::parse("2030-01-01T05:00:00Z", "2030-01-01T06:00:00Z").unwrap();
    system.schedule(KEY, later, "").await.unwrap();
    clock.set_wall(at("2030-01-01T05:30:00Z"));
    system.disable(KEY, "broken").await.unwrap();
    clock.set_wall(at("2030-01-01T07:00:00Z"));
    assert_eq!(
        status(&waygate),
        RouteStatus::Disabled,
        "the end of a window opens nothing"
    );
}

#[tokio::test]
async fn a_window_sets_the_end_of_open_ended_maintenance() {
    let (clock, backend) = (clock(), Arc::new(MemoryBackend::new()));
    let waygate = engine(&clock, &backend).await;
    let app = app(&waygate, &[KEY]).await;
    let system = waygate.system();
    let hours = |start, end| Interval::new(at(start), at(end)).unwrap();
    // An active window: its reason and its end apply.
    system.set_maintenance(KEY, "db").await.unwrap();
    let now = hours("2030-01-01T00:00:00Z", "2030-01-01T01:00:00Z");
    let route = system.schedule(KEY, now, "upgrade").await.unwrap();
    assert_eq!(route.view.reason.as_str(), "upgrade");
    let blocked = app.get("/a").await;
    assert_eq!(blocked.status(), 503);
    assert_eq!(blocked.header("retry-after"), Some("3600"));
    clock.set_wall(at("2030-01-01T01:00:00Z"));
    assert_eq!(app.get("/a").await.status(), 200);
    // A future window: the route stays closed until it has ended.
    system.set_maintenance(KEY, "db").await.unwrap();
    let ahead = hours("2030-01-01T02:00:00Z", "2030-01-01T04:00:00Z");
    let route = system.schedule(KEY, ahead, "upgrade").await.unwrap();
    assert_eq!(route.view.reason.as_str(), "db");
    assert_eq!(route.view.until, Some(at("2030-01-01T04:00:00Z")));
    assert_eq!(app.get("/a").await.status(), 503);
    clock.set_wall(at("2030-01-01T03:00:00Z"));
    let route = waygate.route(KEY).unwrap();
    assert_eq!(route.view.reason.as_str(), "upgrade");
    clock.set_wall(at("2030-01-01T04:00:00Z"));
    assert_eq!(app.get("/a").await.status(), 200);
    // A window within a longer disable would change nothing, and is refused.
    system.disable(KEY, "incident").await.unwrap();
    let later = hours("2030-01-01T05:00:00Z", "2030-01-01T06:00:00Z");
    let refused = system.schedule(KEY, later, "upgrade").await.unwrap_err();
    assert!(
        refused.to_string().contains("would change nothing"),
        "{refused}"
    );
    assert_eq!(app.get("/a").await.status(), 503);
}

#[tokio::test]
async fn a_temporary_disable_restores_the_former_state() {
    let (clock, backend) = (clock(), Arc::new(MemoryBackend::new()));
    let waygate = engine(&clock, &backend).await;
    let mut events = waygate.subscribe();
    let system = waygate.system();
    system.set_env_only(KEY, &["dev"]).await.unwrap();
    let until = at("2030-01-01T00:05:00Z");
    let off = system.disable_until(KEY, until, "pause").await.unwrap();
    assert_eq!(off.view.status, RouteStatus::Disabled);
    clock.set_wall(until);
    assert_eq!(status(&waygate), RouteStatus::EnvGated);
    let lines = audit(&waygate, &mut events, 3).await;
    assert_eq!(lines[0].new_status, Some(RouteStatus::EnvGated));

    // The way of the Python CLI: disable, then a window that starts now.
    system.disable(KEY, "pause").await.unwrap();
    let now_and_five = Interval::parse("2030-01-01T00:05:00Z", "2030-01-01T00:10:00Z").unwrap();
    let off = system.schedule(KEY, now_and_five, "pause").await.unwrap();
    assert_eq!(off.view.status, RouteStatus::Disabled);
    clock.set_wall(at("2030-01-01T00:10:00Z"));
    assert_eq!(status(&waygate), RouteStatus::EnvGated);
}

#[tokio::test]
async fn cancelling_restores_the_former_state() {
    let (clock, backend) = (clock(), Arc::new(MemoryBackend::new()));
    let waygate = engine(&clock, &backend).await;
    let system = waygate.system();
    system.schedule(KEY, interval(), "").await.unwrap();
    let other = Interval::parse("2030-02-01T02:00:00Z", "2030-02-01T04:00:00Z").unwrap();
    system.schedule(KEY, other, "").await.unwrap();
    clock.set_wall(at("2030-01-01T03:00:00Z"));
    assert_eq!(status(&waygate), RouteStatus::Maintenance);
    let left = system
        .cancel_schedule(KEY, Some(interval().into()))
        .await
        .unwrap();
    assert_eq!(left.view.status, RouteStatus::Active);
    assert_eq!(left.state.position.windows.len(), 1);
    assert!(
        system
            .cancel_schedule(KEY, Some(interval().into()))
            .await
            .is_err(),
        "no such window"
    );
    let none = system.cancel_schedule(KEY, None).await.unwrap();
    assert!(none.state.position.windows.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_replicas_report_each_transition_once() {
    let (clock, backend) = (clock(), Arc::new(MemoryBackend::new()));
    let mut replicas = Vec::new();
    for _ in 0..10 {
        replicas.push(engine(&clock, &backend).await);
    }
    let mut events = replicas[0].subscribe();
    let system = replicas[3].system();
    for day in 1..=20 {
        let day = format!("2030-03-{day:02}");
        let interval =
            Interval::parse(&format!("{day}T02:00:00Z"), &format!("{day}T03:00:00Z")).unwrap();
        system.schedule(KEY, interval, "nightly").await.unwrap();
    }
    for replica in &replicas {
        while replica.route(KEY).unwrap().state.position.windows.len() < 20 {
            tokio::task::yield_now().await;
        }
    }
    for day in 1..=20 {
        clock.set_wall(at(&format!("2030-03-{day:02}T02:30:00Z")));
        for replica in &replicas {
            assert_eq!(status(replica), RouteStatus::Maintenance);
        }
        clock.set_wall(at(&format!("2030-03-{day:02}T12:00:00Z")));
        for replica in &replicas {
            assert_eq!(status(replica), RouteStatus::Active);
        }
    }
    let lines = audit(&replicas[0], &mut events, 20 + 40).await;
    let transitions = lines
        .iter()
        .filter(|line| line.actor == "scheduler")
        .count();
    println!("10 replicas, 20 windows: {transitions} transitions logged");
    assert_eq!((transitions, lines.len()), (40, 60));
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_is_set_back_returns_to_its_windows() {
    let (clock, backend) = (clock(), Arc::new(MemoryBackend::new()));
    let waygate = engine(&clock, &backend).await;
    let app = app(&waygate, &[KEY]).await;
    waygate
        .system()
        .schedule(KEY, interval(), "upgrade")
        .await
        .unwrap();
    clock.set_wall(at("2030-01-02T00:00:00Z"));
    // Compiled while the clock is a day ahead, when the window seems over.
    waygate
        .register("GET:/other".parse().unwrap(), RouteState::default())
        .await
        .unwrap();
    assert_eq!(app.get("/a").await.status(), 200);
    clock.set_wall(at("2030-01-01T01:00:00Z"));
    tokio::time::sleep(Duration::from_secs(10)).await;
    assert_eq!(app.get("/a").await.status(), 200);
    clock.set_wall(at("2030-01-01T03:00:00Z"));
    assert_eq!(app.get("/a").await.status(), 503);
}

/// Windows on a route in maintenance once had no effect, but were stored.
#[tokio::test]
async fn a_stored_window_without_effect_opens_nothing() {
    let (clock, backend) = (clock(), Arc::new(MemoryBackend::new()));
    let window =
        serde_json::json!({"start": "2029-01-01T00:00:00Z", "end": "2029-01-01T01:00:00Z"});
    let state = serde_json::json!({"position": {"lifecycle": "maintenance", "windows": [window]}});
    let record = serde_json::json!({"state": state, "declared": {}});
    let batch = Batch::new().put(format!("route/{KEY}").as_str(), record);
    backend.commit(batch).await.unwrap();
    let waygate = engine(&clock, &backend).await;
    assert_eq!(status(&waygate), RouteStatus::Maintenance);
    // A window set now ends it, also for other readers of the store.
    let system = waygate.system();
    system.schedule(KEY, interval(), "upgrade").await.unwrap();
    let other = engine(&clock, &backend).await;
    clock.set_wall(at("2030-01-01T04:00:00Z"));
    for waygate in [waygate, other] {
        assert_eq!(status(&waygate), RouteStatus::Active);
    }
}
