//! Maintenance of everything and of a service: activation, exemptions and reports.

use std::{net::SocketAddr, sync::Arc};

use axum::{
    Router,
    extract::Request,
    middleware::{self, Next},
    response::Response,
    routing::get,
};
use waygate::{
    ChangeError, RouteGuard, Waygate,
    audit::{Action, AuditEntry, AuditQuery, Origin},
    client::{Roles, TrustedProxies},
    decision::{Decision, RequestHead},
    events::{Changed, Events},
    limits::RateLimitPolicy,
    model::{Deprecation, GlobalMaintenance, RouteState},
    testing::{ManualClock, TestApp},
};
use waygate_backends::MemoryBackend;

use crate::support::{app, at, builder, clock};

const START: &str = "2030-01-01T02:00:00Z";
const END: &str = "2030-01-01T04:00:00Z";

fn planned() -> GlobalMaintenance {
    GlobalMaintenance::new("upgrade".parse().unwrap())
        .start(at(START))
        .end(at(END))
}

async fn engine(clock: &ManualClock, backend: &Arc<MemoryBackend>) -> Waygate {
    let builder = builder()
        .service("shop")
        .clock(clock.clone())
        .backend(backend.clone());
    builder.build().await.unwrap()
}

/// Waits until the audit log has `count` entries, and returns them, newest first.
async fn audit(waygate: &Waygate, events: &mut Events, count: usize) -> Vec<AuditEntry> {
    loop {
        let lines = waygate.audit(AuditQuery::newest(100)).await.unwrap();
        if lines.len() >= count {
            return lines;
        }
        assert!(events.next().await.is_some());
    }
}

#[tokio::test]
async fn planned_maintenance_starts_and_ends_on_its_own() {
    for of_service in [false, true] {
        let (clock, backend) = (clock(), Arc::new(MemoryBackend::new()));
        let waygate = engine(&clock, &backend).await;
        let app = app(&waygate, &["GET:/a"]).await;
        let mut events = waygate.subscribe();
        let system = waygate.system();
        let shown = match of_service {
            false => system.enable_global_maintenance(planned()).await,
            true => system.enable_service_maintenance("shop", planned()).await,
        };
        let shown = shown.unwrap().maintenance;
        let current = async || match of_service {
            false => waygate.global_maintenance().maintenance,
            true => {
                let shop = "shop".parse().unwrap();
                waygate.service_maintenance(&shop).await.maintenance
            }
        };
        assert_eq!((shown.enabled, shown.start), (false, Some(at(START))));
        assert_eq!(current().await, shown);
        for (now, closed) in [
            ("2030-01-01T00:00:00Z", None),
            ("2030-01-01T01:59:59.999999Z", None),
            (START, Some("7200")),
            ("2030-01-01T03:59:59.5Z", Some("1")),
            (END, None),
        ] {
            clock.set_wall(at(now));
            let answer = app.get("/a").await;
            assert_eq!(
                answer.status(),
                if closed.is_some() { 503 } else { 200 },
                "{now}"
            );
            assert_eq!(answer.header("retry-after"), closed, "{now}");
            assert_eq!(current().await.enabled, closed.is_some(), "{now}");
            // Unknown URLs belong to no service.
            let elsewhere = app.get("/nowhere").await.status();
            let is_closed = closed.is_some() && !of_service;
            assert_eq!(elsewhere, if is_closed { 503 } else { 404 }, "{now}");
        }
        assert_eq!(current().await, GlobalMaintenance::default());
        let lines = audit(&waygate, &mut events, 3).await;
        let entries: Vec<_> = lines
            .iter()
            .rev()
            .map(|line| {
                (
                    line.action.as_str(),
                    line.actor.as_str(),
                    line.reason.as_str(),
                )
            })
            .collect();
        let scope = if of_service { "service" } else { "global" };
        let words = ["scheduled", "on", "off"].map(|word| format!("{scope}_maintenance_{word}"));
        assert_eq!(
            entries,
            [
                (words[0].as_str(), "system", "upgrade"),
                (words[1].as_str(), "scheduler", "upgrade"),
                (words[2].as_str(), "scheduler", ""),
            ]
        );
    }
}

#[tokio::test]
async fn the_last_command_applies_until_changed() {
    let (clock, backend) = (clock(), Arc::new(MemoryBackend::new()));
    let waygate = engine(&clock, &backend).await;
    let app = app(&waygate, &["GET:/a"]).await;
    let system = waygate.system();
    system.enable_global_maintenance(planned()).await.unwrap();
    let for_good = GlobalMaintenance::default();
    system.enable_global_maintenance(for_good).await.unwrap();
    for now in ["2030-01-01T00:00:00Z", START, END, "2031-01-01T00:00:00Z"] {
        clock.set_wall(at(now));
        let answer = app.get("/a").await;
        assert_eq!(
            (answer.status().as_u16(), answer.header("retry-after")),
            (503, None),
            "{now}"
        );
    }
    // From a time on without an end, and with an end only.
    let start = Some(at("2031-01-01T01:00:00Z"));
    let from = GlobalMaintenance::default().start(start);
    system.enable_global_maintenance(from).await.unwrap();
    assert_eq!(app.get("/a").await.status(), 200);
    clock.set_wall(at("2032-01-01T00:00:00Z"));
    assert_eq!(app.get("/a").await.status(), 503);
    let end = Some(at("2032-01-01T00:01:00Z"));
    let until = GlobalMaintenance::default().end(end);
    system.enable_global_maintenance(until).await.unwrap();
    assert_eq!(app.get("/a").await.header("retry-after"), Some("60"));
    clock.set_wall(at("2032-01-01T00:01:00Z"));
    assert_eq!(app.get("/a").await.status(), 200);
    // A window in the past changes nothing.
    let over = GlobalMaintenance::default().end(end);
    let refused = system.enable_global_maintenance(over).await.unwrap_err();
    assert!(matches!(refused, ChangeError::Ended { .. }), "{refused}");
    let backwards = GlobalMaintenance::default()
        .start(at("2033-01-02T00:00:00Z"))
        .end(at("2033-01-01T00:00:00Z"));
    let refused = system
        .enable_global_maintenance(backwards)
        .await
        .unwrap_err();
    assert!(
        refused.to_string().contains("must end after it starts"),
        "{refused}"
    );
    // Disabling drops the plans.
    let later = GlobalMaintenance::default().start(at("2033-01-01T00:00:00Z"));
    system.enable_global_maintenance(later).await.unwrap();
    system.disable_global_maintenance().await.unwrap();
    clock.set_wall(at("2034-01-01T00:00:00Z"));
    assert_eq!(app.get("/a").await.status(), 200);
}

#[tokio::test]
async fn transitions_are_reported_once_by_any_process() {
    let (clock, backend) = (clock(), Arc::new(MemoryBackend::new()));
    let mut replicas = Vec::new();
    for _ in 0..5 {
        replicas.push(engine(&clock, &backend).await);
    }
    let system = replicas[2].system();
    system.enable_global_maintenance(planned()).await.unwrap();
    // Maintenance of a service that none of them is part of.
    let other = planned();
    system
        .enable_service_maintenance("billing", other)
        .await
        .unwrap();
    for replica in &replicas {
        while replica.global_maintenance().maintenance.start.is_none() {
            tokio::task::yield_now().await;
        }
    }
    let mut events: Vec<Events> = replicas.iter().map(Waygate::subscribe).collect();
    clock.set_wall(at(START));
    for events in &mut events {
        loop {
            let event = events.next().await.unwrap();
            let global = event.changed().and_then(Changed::maintenance);
            if global.is_some_and(|global| global.enabled) {
                break;
            }
        }
    }
    clock.set_wall(at(END));
    let lines = audit(&replicas[0], &mut events[0], 6).await;
    drop(replicas);
    // An engine that starts late has nothing left to report.
    let late = engine(&clock, &backend).await;
    late.system()
        .enable_global_maintenance(GlobalMaintenance::default())
        .await
        .unwrap();
    let all = late.audit(AuditQuery::newest(100)).await.unwrap();
    assert_eq!((lines.len(), all.len()), (6, 7));
}

#[tokio::test]
async fn maintenance_that_passed_while_no_process_ran_is_reported_late() {
    let (clock, backend) = (clock(), Arc::new(MemoryBackend::new()));
    let first = engine(&clock, &backend).await;
    first
        .system()
        .enable_global_maintenance(planned())
        .await
        .unwrap();
    drop(first);
    clock.set_wall(at("2030-01-01T05:00:00Z"));
    let second = engine(&clock, &backend).await;
    let mut events = second.subscribe();
    let lines = audit(&second, &mut events, 3).await;
    let late: Vec<_> = lines[..2]
        .iter()
        .map(|line| {
            (
                line.action.clone(),
                line.new.as_ref().unwrap()["late_ms"].clone(),
            )
        })
        .collect();
    assert_eq!(late[0], (Action::GlobalMaintenanceOff, 3_600_000.into()));
    assert_eq!(
        late[1],
        (Action::GlobalMaintenanceOn, (3 * 3_600_000).into())
    );
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_is_set_back_returns_to_maintenance() {
    let (clock, backend) = (clock(), Arc::new(MemoryBackend::new()));
    let waygate = engine(&clock, &backend).await;
    let app = app(&waygate, &["GET:/a"]).await;
    waygate
        .system()
        .enable_global_maintenance(planned())
        .await
        .unwrap();
    clock.set_wall(at("2030-01-02T00:00:00Z"));
    let other = "GET:/other".parse().unwrap();
    waygate
        .register(other, RouteState::default())
        .await
        .unwrap();
    assert_eq!(app.get("/a").await.status(), 200);
    clock.set_wall(at("2030-01-01T01:00:00Z"));
    tokio::time::sleep(std::time::Duration::from_secs(10)).await;
    assert_eq!(app.get("/a").await.status(), 200);
    clock.set_wall(at("2030-01-01T03:00:00Z"));
    assert_eq!(app.get("/a").await.status(), 503);
}

/// Reads the caller's role from a header.
async fn roles(mut request: Request, next: Next) -> Response {
    if let Some(role) = request.headers().get("role") {
        let role = role.to_str().unwrap().to_owned();
        request.extensions_mut().insert(Roles::new([role]));
    }
    next.run(request).await
}

fn public() -> impl axum::response::IntoResponse {
    let headers = [
        ("cache-control", "public, max-age=3600"),
        ("expires", "Thu, 01 Jan 2037 00:00:00 GMT"),
        ("cdn-cache-control", "max-age=86400"),
        ("surrogate-control", "max-age=86400"),
        ("x-accel-expires", "86400"),
        ("vary", "accept-encoding"),
    ];
    (headers, "for all")
}

/// The layer and the extractor, each with a route, a limited route and an unregistered one.
async fn apps(waygate: &Waygate) -> [TestApp; 2] {
    for key in ["GET:/public", "GET:/limited"] {
        waygate
            .register(key.parse().unwrap(), RouteState::default())
            .await
            .unwrap();
    }
    let limit: RateLimitPolicy =
        serde_json::from_value(serde_json::json!({"limit": "100/minute"})).unwrap();
    let key = "GET:/limited#default".parse().unwrap();
    waygate.system().set_rate_limit(key, limit).await.unwrap();
    let layered = Router::new()
        .route("/public", get(|| async { public() }))
        .route("/limited", get(|| async { public() }))
        .fallback(|| async { public() });
    let layered = waygate.guard(layered).await.unwrap().into_router();
    let extracted = Router::new()
        .route(
            "/public",
            get(|guard: RouteGuard| async { (guard, public()) }),
        )
        .route(
            "/limited",
            get(|guard: RouteGuard| async { (guard, public()) }),
        )
        .fallback(|guard: RouteGuard| async { (guard, public()) })
        .with_state(waygate.clone());
    [layered, extracted].map(|router| TestApp::new(router.layer(middleware::from_fn(roles))))
}

#[tokio::test]
async fn exempt_clients_are_served_and_their_responses_are_not_cached() {
    let proxies: TrustedProxies = TrustedProxies::networks(["10.9.0.0/16".parse().unwrap()]);
    let waygate = builder().trusted_proxies(proxies).build().await.unwrap();
    let system = waygate.system();
    let deprecation = Deprecation::new(None, Some(at("2036-01-01T00:00:00Z")), None);
    let config = || {
        GlobalMaintenance::default()
            .exempt_ips(vec!["192.0.2.0/24".parse().unwrap()])
            .exempt_roles(vec!["ops".parse().unwrap()])
    };
    for app in apps(&waygate).await {
        system.disable_global_maintenance().await.unwrap();
        let peer = |ip: &str| app.from_peer(SocketAddr::new(ip.parse().unwrap(), 1));
        let stranger = peer("198.51.100.1");
        let proxy = peer("10.9.0.1");
        let team = [
            peer("192.0.2.7"),
            stranger.with_header("role", "ops"),
            proxy.with_header("x-forwarded-for", "192.0.2.7"),
        ];
        let public = [
            peer("198.51.100.1"),
            stranger.with_header("role", "sales"),
            proxy.with_header("x-forwarded-for", "198.51.100.1"),
            // Forwarded addresses of untrusted peers are ignored.
            stranger.with_header("x-forwarded-for", "192.0.2.7"),
        ];
        let before = team[0].get("/public").await;
        assert_eq!(before.header("cache-control"), Some("public, max-age=3600"));
        system.enable_global_maintenance(config()).await.unwrap();
        system
            .deprecate("GET:/public", Some(deprecation.clone().unwrap()))
            .await
            .unwrap();
        for path in ["/public", "/limited", "/nowhere"] {
            for caller in &public {
                let refused = caller.get(path).await;
                assert_eq!(refused.status(), 503, "{path}");
                assert_eq!(refused.header("cache-control"), Some("no-store"));
            }
            for caller in &team {
                let served = caller.get(path).await;
                assert_eq!(served.text(), "for all", "{path}");
                assert_eq!(
                    served.header("cache-control"),
                    Some("private, no-store"),
                    "{path}"
                );
                for name in [
                    "expires",
                    "cdn-cache-control",
                    "surrogate-control",
                    "x-accel-expires",
                ] {
                    assert_eq!(served.header(name), None, "{path} {name}");
                }
                assert_eq!(served.header("vary"), Some("accept-encoding"));
                assert_eq!(served.header("sunset").is_some(), path == "/public");
            }
        }
        // Exempt paths are open to all clients.
        let exempt_paths = vec!["/public".parse().unwrap()];
        let open = config().exempt_paths(exempt_paths);
        system.enable_global_maintenance(open).await.unwrap();
        let served = team[0].get("/public").await;
        assert_eq!(served.header("cache-control"), Some("public, max-age=3600"));
        // Adapters to other frameworks get the same headers.
        system.enable_global_maintenance(config()).await.unwrap();
        let request = http::Request::get("/public").body(()).unwrap();
        let (parts, ()) = request.into_parts();
        let head = |ip: &str| {
            let head = RequestHead::new(&parts).matched("/public");
            waygate.admit(head.peer(ip.parse().unwrap()))
        };
        let Decision::Serve(pass) = head("192.0.2.7").await else {
            panic!("an exempt client is refused");
        };
        let mut headers = http::HeaderMap::new();
        pass.write_headers(&mut headers);
        assert_eq!(headers["cache-control"], "private, no-store");
        assert!(headers.contains_key("sunset"));
        let refused = head("198.51.100.1").await;
        assert!(matches!(refused, Decision::Refuse(_)), "{refused:?}");
    }
}

#[tokio::test]
async fn commands_report_the_windows_they_drop() {
    let waygate = builder().clock(clock()).build().await.unwrap();
    let _app = app(&waygate, &["GET:/a"]).await;
    let system = waygate.operator(Origin::new("ada", "cli"));
    let window = waygate::model::Interval::parse(START, END).unwrap();
    system.set_env_only("GET:/a", &["dev"]).await.unwrap();
    let planned_one = system.schedule("GET:/a", window, "upgrade").await.unwrap();
    assert!(planned_one.dropped.is_empty());
    let enabled = system.enable("GET:/a", "done").await.unwrap();
    assert_eq!(enabled.dropped.windows.len(), 1);
    assert_eq!(enabled.dropped.allowed_envs, ["dev".parse().unwrap()]);
    let line = &waygate.audit(AuditQuery::newest(1)).await.unwrap()[0];
    let named = line.dropped.as_ref().unwrap();
    assert_eq!(named["allowed_envs"], serde_json::json!(["dev"]));
    assert_eq!(named["windows"][0]["start"], START);
    assert!(waygate.route("GET:/a").unwrap().dropped.is_empty());

    system.enable_global_maintenance(planned()).await.unwrap();
    system.disable_global_maintenance().await.unwrap();
    let line = &waygate.audit(AuditQuery::newest(1)).await.unwrap()[0];
    assert_eq!(
        line.dropped,
        Some(serde_json::json!({"start": START, "end": END}))
    );
}

#[tokio::test]
async fn maintenance_can_be_ended_without_its_plans() {
    let clock = clock();
    let waygate = builder().clock(clock.clone()).build().await.unwrap();
    let app = app(&waygate, &["GET:/a"]).await;
    let system = waygate.system();
    let later =
        waygate::model::Interval::parse("2030-01-02T02:00:00Z", "2030-01-02T04:00:00Z").unwrap();
    let window = waygate::model::Interval::parse(START, END).unwrap();
    system
        .set_env_only("GET:/a", &["production"])
        .await
        .unwrap();
    system.schedule("GET:/a", window, "tonight").await.unwrap();
    system.schedule("GET:/a", later, "tomorrow").await.unwrap();
    clock.set_wall(at("2030-01-01T03:00:00Z"));
    assert_eq!(app.get("/a").await.status(), 503);
    let ended = system
        .end_maintenance("GET:/a", "done early")
        .await
        .unwrap();
    assert_eq!(ended.view.reason.as_str(), "done early");
    assert_eq!(ended.view.windows.len(), 1);
    assert_eq!(ended.view.allowed_envs, ["production".parse().unwrap()]);
    assert_eq!(ended.dropped.windows.len(), 1);
    assert_eq!(app.get("/a").await.status(), 200);
    let line = &waygate.audit(AuditQuery::newest(1)).await.unwrap()[0];
    assert_eq!(line.action, Action::MaintenanceOff);
    // Nothing is left to end, and no entry is written.
    let revision = waygate.revision();
    system.end_maintenance("GET:/a", "").await.unwrap();
    assert_eq!(waygate.revision(), revision);
    clock.set_wall(at("2030-01-02T03:00:00Z"));
    assert_eq!(app.get("/a").await.status(), 503, "as planned");
    system.disable("GET:/a", "broken").await.unwrap();
    let refused = system.end_maintenance("GET:/a", "").await.unwrap_err();
    assert!(refused.to_string().contains("is disabled"), "{refused}");
    // Maintenance without an end.
    system.set_maintenance("GET:/a", "db").await.unwrap();
    system.end_maintenance("GET:/a", "").await.unwrap();
    assert_eq!(app.get("/a").await.status(), 200);
}

#[tokio::test]
async fn changes_report_dropped_and_invalid_windows() {
    for service in [None, Some("shop")] {
        let waygate = builder().clock(clock()).build().await.unwrap();
        let system = waygate.system();
        let enable = async |config| match service {
            None => system.enable_global_maintenance(config).await,
            Some(name) => system.enable_service_maintenance(name, config).await,
        };
        let first = enable(planned()).await.unwrap();
        assert!(first.dropped.is_empty());
        let backwards = planned().start(at(END)).end(at(START));
        let refused = enable(backwards).await.unwrap_err();
        assert!(matches!(refused, ChangeError::Invalid(_)), "{refused}");
        let record = enable(GlobalMaintenance::default()).await.unwrap();
        assert!(record.maintenance.enabled);
        assert_eq!(record.dropped.start, Some(at(START)));
        assert_eq!(record.dropped.end, Some(at(END)));
        assert!(record.revision.number > first.revision.number);
    }
    let waygate = builder().build().await.unwrap();
    let system = waygate.system();
    let refused = system.disable_service_maintenance("a b").await.unwrap_err();
    assert!(matches!(refused, ChangeError::Invalid(_)), "{refused}");
    let refused = system.disable("/a", "two\nlines").await.unwrap_err();
    assert!(matches!(refused, ChangeError::Invalid(_)), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn blocking_operators_can_plan_and_query() {
    let waygate = builder().clock(clock()).build().await.unwrap();
    let _app = app(&waygate, &["GET:/a"]).await;
    let done = tokio::task::spawn_blocking(move || {
        let system = waygate.system();
        let set = system.enable_service_maintenance("shop", planned());
        waygate.block_on(set).unwrap();
        let shop = "shop".parse().unwrap();
        let shop = waygate.block_on(waygate.service_maintenance(&shop));
        let closed = waygate.block_on(system.set_maintenance("GET:/a", "db"));
        closed.unwrap();
        let route = waygate.block_on(system.end_maintenance("GET:/a", ""));
        let route = route.unwrap();
        let until = system.set_maintenance_until("GET:/a", at(END), "db");
        let until = waygate.block_on(until).unwrap();
        assert_eq!(until.view.status.as_str(), "maintenance");
        (shop, route.view.status)
    });
    let (shop, status) = done.await.unwrap();
    assert_eq!(
        (
            shop.maintenance.enabled,
            shop.maintenance.start,
            shop.revision.number
        ),
        (false, Some(at(START)), 1)
    );
    assert_eq!(status.as_str(), "active");
}

#[tokio::test]
async fn the_report_shows_active_and_planned_maintenance() {
    let clock = clock();
    let engine = builder().clock(clock.clone()).service("shop");
    let waygate = engine.build().await.unwrap();
    let report = || waygate.report().to_string();
    assert!(!report().contains("maintenance of"));
    let system = waygate.system();
    system.enable_global_maintenance(planned()).await.unwrap();
    let until = GlobalMaintenance::default().end(at(END));
    system
        .enable_service_maintenance("shop", until)
        .await
        .unwrap();
    let text = report();
    let note = format!("note: global maintenance is planned from {START} until {END}: upgrade\n");
    assert!(text.contains(&note), "{text}");
    let note = format!("note: maintenance of service:shop is on until {END}\n");
    assert!(text.contains(&note), "{text}");
    assert_eq!(text.matches("maintenance").count(), 2, "{text}");
}
