//! Windows that recur: of routes, of a service and of all routes.

use std::{sync::Arc, time::Duration};

use axum::{Router, routing::get};
use waygate::{
    ChangeError, Waygate,
    audit::{Action, AuditEntry, AuditQuery},
    limits::RateLimitPolicy,
    maintenance,
    model::{
        GlobalMaintenance, RecurringMaintenance, RecurringWindow, Refused, Registration,
        RouteState, RouteStatus,
    },
    testing::{ManualClock, TestApp},
};
use waygate_backends::MemoryBackend;

use crate::support::{app, at, builder, clock};

const KEY: &str = "GET:/a";
/// The first Sunday after the start of [`clock`].
const BEFORE: &str = "2030-01-06T00:59:59Z";
const START: &str = "2030-01-06T01:00:00Z";
const DURING: &str = "2030-01-06T01:30:00Z";
const END: &str = "2030-01-06T03:00:00Z";
const NEXT: &str = "2030-01-13T01:00:00Z";

fn sundays() -> RecurringWindow {
    let windows =
        RecurringWindow::builder("0 2 * * SUN", "2h").tz("Europe/Berlin".parse().unwrap());
    windows.reason("upgrade".parse().unwrap()).build().unwrap()
}

async fn engine(clock: &ManualClock, backend: &Arc<MemoryBackend>) -> Waygate {
    let builder = builder()
        .service("shop")
        .clock(clock.clone())
        .backend(backend.clone());
    let waygate = builder.build().await.unwrap();
    waygate
        .register(KEY.parse().unwrap(), RouteState::default())
        .await
        .unwrap();
    waygate
}

/// Waits until the audit log has `count` entries, and returns them, oldest first.
async fn audit(waygate: &Waygate, count: usize) -> Vec<AuditEntry> {
    let mut events = waygate.subscribe();
    loop {
        let mut lines = waygate.audit(AuditQuery::newest(1_000)).await.unwrap();
        if lines.len() >= count {
            lines.reverse();
            return lines;
        }
        let next = tokio::time::timeout(std::time::Duration::from_millis(20), events.next()).await;
        assert!(!matches!(next, Ok(None)));
    }
}

fn actions(lines: &[AuditEntry]) -> Vec<Action> {
    lines.iter().map(|line| line.action.clone()).collect()
}

async fn limited(waygate: &Waygate) {
    let limit = RateLimitPolicy::new("2/year".parse().unwrap()).unwrap();
    let key = format!("{KEY}#default").parse().unwrap();
    waygate.system().set_rate_limit(key, limit).await.unwrap();
}

#[tokio::test]
async fn a_route_is_closed_in_each_window() {
    let (clock, backend) = (clock(), Arc::new(MemoryBackend::new()));
    let waygate = engine(&clock, &backend).await;
    let app = app(&waygate, &[KEY]).await;
    let record = waygate
        .system()
        .schedule_recurring(KEY, sundays())
        .await
        .unwrap();
    assert_eq!(record.view.status, RouteStatus::Active);
    assert_eq!(record.view.recurring[0].id, Some(sundays().id()));
    let window = record.view.window.expect("the next window");
    assert_eq!((window.start, window.end), (at(START), at(END)));

    for (now, closed) in [
        (BEFORE, None),
        (START, Some("7200")),
        (DURING, Some("5400")),
        (END, None),
        (NEXT, Some("7200")),
        // Clocks have changed in between.
        ("2030-04-07T00:00:00Z", Some("7200")),
        ("2030-04-07T02:00:00Z", None),
    ] {
        clock.set_wall(at(now));
        let answer = app.get("/a").await;
        assert_eq!(
            answer.status(),
            if closed.is_some() { 503 } else { 200 },
            "{now}"
        );
        assert_eq!(answer.header("retry-after"), closed, "{now}");
    }
}

#[tokio::test]
async fn each_window_is_announced_once_by_two_processes() {
    let (clock, backend) = (clock(), Arc::new(MemoryBackend::new()));
    let first = engine(&clock, &backend).await;
    let second = engine(&clock, &backend).await;
    first
        .system()
        .schedule_recurring(KEY, sundays())
        .await
        .unwrap();
    let expected = [
        Action::Schedule,
        Action::MaintenanceOn,
        Action::Enable,
        Action::MaintenanceOn,
    ];
    for (number, now) in [START, END, NEXT].into_iter().enumerate() {
        clock.set_wall(at(now));
        let lines = audit(&second, number + 2).await;
        assert_eq!(actions(&lines), expected[..number + 2], "{now}");
    }
    let lines = audit(&first, 4).await;
    assert!(lines[1..].iter().all(|line| line.actor == "scheduler"));
    assert_eq!(
        (lines[1].reason.as_str(), lines[3].reason.as_str()),
        ("upgrade", "upgrade")
    );
}

#[tokio::test]
async fn windows_of_a_long_time_without_processes_are_not_all_written() {
    let (clock, backend) = (clock(), Arc::new(MemoryBackend::new()));
    let first = engine(&clock, &backend).await;
    let often = RecurringWindow::builder("*/10 * * * *", "5m")
        .build()
        .unwrap();
    first.system().schedule_recurring(KEY, often).await.unwrap();
    drop(first);
    clock.set_wall(at("2031-01-01T00:02:00Z"));
    let second = engine(&clock, &backend).await;
    let lines = audit(&second, 101).await;
    assert!(lines.len() <= 103, "{}", lines.len());
    assert_eq!(
        lines.last().unwrap().new_status,
        Some(RouteStatus::Maintenance)
    );
    assert_eq!(
        second.route(KEY).unwrap().view.status,
        RouteStatus::Maintenance
    );
}

#[tokio::test]
async fn counters_are_reset_once_when_a_window_ends() {
    let (clock, backend) = (clock(), Arc::new(MemoryBackend::new()));
    for reset in [true, false] {
        let backend = if reset {
            backend.clone()
        } else {
            Arc::new(MemoryBackend::new())
        };
        clock.set_wall(at("2030-01-01T00:00:00Z"));
        let builder = || builder().clock(clock.clone()).backend(backend.clone());
        let waygate = builder()
            .reset_limits_after_maintenance(reset)
            .build()
            .await
            .unwrap();
        let other = builder()
            .reset_limits_after_maintenance(reset)
            .build()
            .await
            .unwrap();
        let app = app(&waygate, &[KEY]).await;
        other
            .register(KEY.parse().unwrap(), RouteState::default())
            .await
            .unwrap();
        limited(&waygate).await;
        waygate
            .system()
            .schedule_recurring(KEY, sundays())
            .await
            .unwrap();
        for status in [200, 200, 429] {
            assert_eq!(app.get("/a").await.status(), status);
        }
        clock.set_wall(at(START));
        audit(&waygate, 3).await;
        clock.set_wall(at(END));
        let lines = audit(&waygate, if reset { 5 } else { 4 }).await;
        let resets = lines.iter().filter(|line| line.action == Action::RlReset);
        let resets: Vec<_> = resets
            .map(|line| (line.actor.as_str(), line.reason.as_str()))
            .collect();
        let expected: &[_] = if reset {
            &[("scheduler", "after maintenance")]
        } else {
            &[]
        };
        assert_eq!(resets, expected);
        assert_eq!(app.get("/a").await.status(), if reset { 200 } else { 429 });
    }
}

#[tokio::test]
async fn counters_are_reset_when_an_operator_ends_maintenance() {
    let (clock, backend) = (clock(), Arc::new(MemoryBackend::new()));
    let waygate = engine(&clock, &backend).await;
    let app = app(&waygate, &[KEY]).await;
    limited(&waygate).await;
    let system = waygate.system();
    let exhaust = async || while app.get("/a").await.status() != 429 {};
    let upgrade = || GlobalMaintenance::new("upgrade".parse().unwrap());

    exhaust().await;
    system.set_maintenance(KEY, "").await.unwrap();
    system.end_maintenance(KEY, "").await.unwrap();
    assert_eq!(app.get("/a").await.status(), 200, "of the route");

    exhaust().await;
    system.enable_global_maintenance(upgrade()).await.unwrap();
    system.disable_global_maintenance().await.unwrap();
    assert_eq!(app.get("/a").await.status(), 200, "of all routes");

    exhaust().await;
    system
        .enable_service_maintenance("shop", upgrade())
        .await
        .unwrap();
    system.disable_service_maintenance("shop").await.unwrap();
    assert_eq!(app.get("/a").await.status(), 200, "of the service");

    exhaust().await;
    system
        .enable_service_maintenance("other", upgrade())
        .await
        .unwrap();
    system.disable_service_maintenance("other").await.unwrap();
    assert_eq!(app.get("/a").await.status(), 429, "of another service");

    // A route that stays closed is not back.
    system.set_maintenance(KEY, "").await.unwrap();
    system.disable(KEY, "").await.unwrap();
    system.enable(KEY, "").await.unwrap();
    assert_eq!(app.get("/a").await.status(), 429, "through a disable");
}

/// The limits are in the code of one process, and the other does not know them.
#[tokio::test]
async fn counters_are_reset_when_a_process_without_limits_ends_maintenance() {
    let (clock, backend) = (clock(), Arc::new(MemoryBackend::new()));
    let of = async |service: &str| {
        let builder = builder().service(service).clock(clock.clone());
        builder.backend(backend.clone()).build().await.unwrap()
    };
    let (shop, gate) = (of("shop").await, of("gate").await);
    let limit = RateLimitPolicy::new("2/year".parse().unwrap()).unwrap();
    let route = Registration::new(KEY.parse().unwrap()).rate_limit(limit);
    let app = app(&shop, &[KEY]).await;
    shop.register_all([route]).await.unwrap();
    let system = gate.system();
    let upgrade = || GlobalMaintenance::new("upgrade".parse().unwrap());
    let until = async |status: u16| {
        let found = async {
            while app.get("/a").await.status() != status {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        let found = tokio::time::timeout(Duration::from_secs(20), found).await;
        assert!(found.is_ok(), "{status}");
    };

    until(429).await;
    system.enable_global_maintenance(upgrade()).await.unwrap();
    until(503).await;
    system.disable_global_maintenance().await.unwrap();
    until(200).await;

    until(429).await;
    system
        .enable_service_maintenance("shop", upgrade())
        .await
        .unwrap();
    until(503).await;
    system.disable_service_maintenance("shop").await.unwrap();
    until(200).await;
}

#[tokio::test]
async fn an_operator_ends_one_window_and_keeps_the_next() {
    for end in ["enable", "end", "env", "cancel one"] {
        let (clock, backend) = (clock(), Arc::new(MemoryBackend::new()));
        let waygate = engine(&clock, &backend).await;
        let app = app(&waygate, &[KEY]).await;
        let system = waygate.system();
        system.schedule_recurring(KEY, sundays()).await.unwrap();
        clock.set_wall(at(DURING));
        assert_eq!(app.get("/a").await.status(), 503, "{end}");
        let record = match end {
            "enable" => system.enable(KEY, "").await,
            "end" => system.end_maintenance(KEY, "").await,
            "env" => system.set_env_only(KEY, &["production"]).await,
            _ => {
                let current = format!("{START}/{END}").parse().unwrap();
                system.cancel_schedule(KEY, Some(current)).await
            }
        };
        let record = record.unwrap();
        assert_eq!(record.dropped.windows.len(), 1, "{end}");
        assert!(record.dropped.recurring.is_empty(), "{end}");
        assert_eq!(app.get("/a").await.status(), 200, "{end}");
        clock.set_wall(at(NEXT));
        assert_eq!(app.get("/a").await.status(), 503, "{end}");
    }
}

#[tokio::test]
async fn all_windows_are_cancelled_by_their_id() {
    let (clock, backend) = (clock(), Arc::new(MemoryBackend::new()));
    let waygate = engine(&clock, &backend).await;
    let system = waygate.system();
    system.schedule_recurring(KEY, sundays()).await.unwrap();
    let again = system.schedule_recurring(KEY, sundays()).await.unwrap();
    assert_eq!(again.view.recurring.len(), 1, "the same id");
    let unknown = "0 3 * * SUN for 2h".parse().unwrap();
    let error = system
        .cancel_schedule(KEY, Some(unknown))
        .await
        .unwrap_err();
    assert!(matches!(
        error,
        ChangeError::Refused {
            refused: Refused::NoSuchWindow(_),
            ..
        }
    ));
    let record = system
        .cancel_schedule(KEY, Some(sundays().id()))
        .await
        .unwrap();
    assert_eq!(record.dropped.recurring, [sundays().id()]);
    assert!(record.view.recurring.is_empty() && record.view.windows.is_empty());
}

#[tokio::test]
async fn recurring_windows_open_nothing_that_was_closed() {
    let (clock, backend) = (clock(), Arc::new(MemoryBackend::new()));
    let waygate = engine(&clock, &backend).await;
    let app = app(&waygate, &[KEY]).await;
    let system = waygate.system();
    system.schedule_recurring(KEY, sundays()).await.unwrap();
    system.set_maintenance(KEY, "").await.unwrap();
    for now in [START, END, NEXT] {
        clock.set_wall(at(now));
        assert_eq!(app.get("/a").await.status(), 503, "{now}");
    }
    system.disable(KEY, "").await.unwrap();
    clock.set_wall(at("2030-01-13T04:00:00Z"));
    assert_eq!(app.get("/a").await.status(), 503);
    system.enable(KEY, "").await.unwrap();
    assert_eq!(app.get("/a").await.status(), 200);
    clock.set_wall(at("2030-01-20T01:00:00Z"));
    assert_eq!(app.get("/a").await.status(), 503, "the windows were kept");
}

#[tokio::test]
async fn there_are_at_most_16_of_a_route() {
    let (clock, backend) = (clock(), Arc::new(MemoryBackend::new()));
    let waygate = engine(&clock, &backend).await;
    for hour in 0..17 {
        let windows = RecurringWindow::builder(&format!("0 {hour} * * *"), "30m")
            .build()
            .unwrap();
        let added = waygate.system().schedule_recurring(KEY, windows).await;
        match hour {
            16 => assert!(matches!(
                added.unwrap_err(),
                ChangeError::Refused {
                    refused: Refused::TooManyRecurring,
                    ..
                }
            )),
            _ => drop(added.unwrap()),
        }
    }
}

fn recurring() -> RecurringMaintenance {
    RecurringMaintenance::from(sundays()).exempt_paths(["/health".parse().unwrap()])
}

#[tokio::test]
async fn recurring_maintenance_has_its_own_exemptions() {
    for of_service in [false, true] {
        let (clock, backend) = (clock(), Arc::new(MemoryBackend::new()));
        let waygate = engine(&clock, &backend).await;
        let app = app(&waygate, &[KEY, "GET:/health"]).await;
        let system = waygate.system();
        let record = match of_service {
            false => system.schedule_global_maintenance(recurring()).await,
            true => {
                system
                    .schedule_service_maintenance("shop", recurring())
                    .await
            }
        };
        let planned = record.unwrap().maintenance;
        assert!(!planned.enabled && planned.start == Some(at(START)));
        for (now, status) in [
            (BEFORE, 200),
            (START, 503),
            (DURING, 503),
            (END, 200),
            (NEXT, 503),
        ] {
            clock.set_wall(at(now));
            assert_eq!(app.get("/a").await.status(), status, "{now}");
            assert_eq!(app.get("/health").await.status(), 200, "{now}");
            // The rule of the next window is compiled by the scheduler.
            if now == END {
                audit(&waygate, 3).await;
            }
        }
        let ended = match of_service {
            false => system.disable_global_maintenance().await,
            true => system.disable_service_maintenance("shop").await,
        };
        let ended = ended.unwrap();
        assert_eq!(ended.maintenance.start, Some(at("2030-01-20T01:00:00Z")));
        assert_eq!(app.get("/a").await.status(), 200);
        let id = Some(sundays().id());
        let cancelled = match of_service {
            false => system.cancel_global_schedule(id).await,
            true => system.cancel_service_schedule("shop", id).await,
        };
        let cancelled = cancelled.unwrap();
        assert_eq!(cancelled.dropped.recurring, [sundays().id()]);
        assert_eq!(cancelled.maintenance, GlobalMaintenance::default());
    }
}

#[tokio::test]
async fn maintenance_that_was_switched_on_comes_first() {
    let (clock, backend) = (clock(), Arc::new(MemoryBackend::new()));
    let waygate = engine(&clock, &backend).await;
    let app = app(&waygate, &[KEY, "GET:/health"]).await;
    let system = waygate.system();
    system
        .schedule_global_maintenance(recurring())
        .await
        .unwrap();
    let own = GlobalMaintenance::new("incident".parse().unwrap()).end(at("2030-01-06T02:00:00Z"));
    system.enable_global_maintenance(own).await.unwrap();
    clock.set_wall(at(DURING));
    assert_eq!(
        app.get("/health").await.status(),
        503,
        "the exemptions of the incident"
    );
    assert_eq!(
        app.get("/a").await.header("retry-after"),
        Some("5400"),
        "until the window ends"
    );
    clock.set_wall(at("2030-01-06T02:00:00Z"));
    while app.get("/health").await.status() != 200 {
        tokio::task::yield_now().await;
    }
    assert_eq!(app.get("/a").await.status(), 503);
    clock.set_wall(at(END));
    assert_eq!(app.get("/a").await.status(), 200);
}

#[maintenance(
    every = "0 2 * * SUN",
    route = "GET /declared",
    for = "2h",
    tz = "Europe/Berlin",
    except = ["2030-01-13"],
    reason = "upgrade"
)]
async fn declared() {}

#[maintenance(
    route = "GET /rule",
    every = "FREQ=MONTHLY;BYDAY=1SU",
    at = "02:00",
    for = "90m",
    from = "2030-01-01"
)]
async fn declared_by_rule() {}

#[tokio::test]
async fn attributes_declare_them() {
    let clock = clock();
    let waygate = builder().clock(clock.clone()).build().await.unwrap();
    let router = Router::new()
        .route("/declared", get(declared))
        .route("/rule", get(declared_by_rule));
    let app = TestApp::new(waygate.guard(router).await.unwrap().into_router());
    for (now, declared, rule) in [
        (BEFORE, 200, 200),
        (START, 503, 200),
        ("2030-01-06T02:00:00Z", 503, 503),
        (END, 200, 503),
        ("2030-01-06T03:30:00Z", 200, 200),
        (NEXT, 200, 200),
        ("2030-01-20T01:00:00Z", 503, 200),
    ] {
        clock.set_wall(at(now));
        assert_eq!(app.get("/declared").await.status(), declared, "{now}");
        assert_eq!(app.get("/rule").await.status(), rule, "{now}");
    }
}
