//! Commands, with their audit entries, conflicts and events.

use std::sync::Arc;

use serde_json::json;
use waygate::{
    ChangeError, ResolveError, Waygate,
    audit::{Action, AuditQuery, Origin},
    limits::LimitKey,
    model::{Deprecation, GlobalMaintenance, Lifecycle, RouteKey, RouteState, RouteStatus},
    port::Backend,
};
use waygate_backends::MemoryBackend;

use crate::support::{at, builder, clock};

async fn engine(keys: &[&str]) -> Waygate {
    let waygate = builder().clock(clock()).build().await.unwrap();
    for key in keys {
        waygate
            .register(key.parse().unwrap(), RouteState::default())
            .await
            .unwrap();
    }
    waygate
}

#[tokio::test]
async fn every_change_writes_one_audit_entry() {
    let waygate = engine(&["GET:/a"]).await;
    let alice = waygate.operator(Origin::new("alice", "cli"));
    let first = alice.disable("GET:/a", "incident 12").await.unwrap();
    let second = alice.set_env_only("GET:/a", &["dev", "x"]).await.unwrap();
    alice.enable("GET:/a", "").await.unwrap();
    let lines = waygate.audit(AuditQuery::newest(10)).await.unwrap();
    let entries: Vec<_> = lines
        .iter()
        .map(|l| {
            (
                l.action.clone(),
                l.previous_status,
                l.new_status,
                &*l.reason,
            )
        })
        .collect();
    use RouteStatus::{Active, Disabled, EnvGated};
    assert_eq!(
        entries,
        [
            (Action::Enable, Some(EnvGated), Some(Active), ""),
            (
                Action::EnvGate,
                Some(Disabled),
                Some(EnvGated),
                "Restricted to: ['dev', 'x']"
            ),
            (Action::Disable, Some(Active), Some(Disabled), "incident 12"),
        ]
    );
    assert!(
        lines
            .iter()
            .all(|line| line.actor == "alice" && line.platform == "cli")
    );
    assert_eq!(lines[2].revision, first.revision.number);
    assert_eq!(lines[1].revision, second.revision.number);
    assert_eq!(lines[1].previous.as_ref(), lines[2].new.as_ref());
}

#[tokio::test]
async fn keys_resolve_as_the_contract_says() {
    let waygate = engine(&["GET:/one", "GET:/two", "POST:/two"]).await;
    let system = waygate.system();
    let route = system.disable("/one", "").await.unwrap();
    assert_eq!(route.key.as_str(), "GET:/one");
    let ambiguous = system.disable("/two", "").await.unwrap_err();
    assert_eq!(
        ambiguous.to_string(),
        "Route '/two' is ambiguous — matches: GET:/two, POST:/two. Specify the full \
         method-prefixed key (e.g. GET:/payments)."
    );
    let unknown = system.disable("GET:/ghost", "").await.unwrap_err();
    assert_eq!(unknown.to_string(), "no route `GET:/ghost` is registered");
    let misspelt = system.disable("POST:/tow", "").await.unwrap_err();
    assert_eq!(
        misspelt.to_string(),
        "no route `POST:/tow` is registered: did you mean `POST:/two`?"
    );
    let nonsense = system.disable("get:one", "").await.unwrap_err();
    assert!(
        matches!(nonsense, ChangeError::Resolve(ResolveError::Invalid(_))),
        "{nonsense}"
    );
    assert!(waygate.audit(AuditQuery::newest(10)).await.unwrap().len() == 1);
}

#[tokio::test]
async fn force_active_routes_refuse_changes() {
    let waygate = engine(&[]).await;
    let force = RouteState::default().force_active(true);
    waygate
        .register("GET:/health".parse().unwrap(), force)
        .await
        .unwrap();
    let refused = waygate
        .system()
        .disable("GET:/health", "")
        .await
        .unwrap_err();
    assert!(matches!(refused, ChangeError::Protected { .. }));
    assert_eq!(
        refused.to_string(),
        "route `GET:/health` is declared `#[force_active]`, so its state cannot be changed: remove the attribute first"
    );
    assert!(
        waygate
            .audit(AuditQuery::newest(10))
            .await
            .unwrap()
            .is_empty()
    );
}

#[tokio::test]
async fn an_expected_revision_guards_against_lost_updates() {
    let waygate = engine(&["GET:/a"]).await;
    let system = waygate.system();
    let first = system
        .clone()
        .if_revision(0)
        .disable("GET:/a", "mine")
        .await
        .unwrap();
    let late = system
        .clone()
        .if_revision(0)
        .enable("GET:/a", "theirs")
        .await
        .unwrap_err();
    assert!(
        matches!(
            late,
            ChangeError::Conflict {
                expected: 0,
                found: 1,
                ..
            }
        ),
        "{late}"
    );
    system
        .if_revision(first.revision.number)
        .enable("GET:/a", "")
        .await
        .unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn concurrent_changes_all_apply() {
    let waygate = engine(&["GET:/a", "GET:/b"]).await;
    let changes = (0..64).map(|n| {
        let system = waygate.system();
        tokio::spawn(async move {
            let key = if n % 2 == 0 { "GET:/a" } else { "GET:/b" };
            system.disable(key, &n.to_string()).await.unwrap();
        })
    });
    for change in changes.collect::<Vec<_>>() {
        change.await.unwrap();
    }
    assert_eq!(waygate.revision().number, 64);
    assert_eq!(
        waygate.audit(AuditQuery::newest(100)).await.unwrap().len(),
        64
    );
}

#[tokio::test]
async fn reset_routes_follow_their_declaration() {
    let waygate = engine(&[]).await;
    let mut declared = RouteState::default();
    declared.position.lifecycle = Lifecycle::Maintenance;
    let key: waygate::model::RouteKey = "GET:/a".parse().unwrap();
    waygate.register(key.clone(), declared).await.unwrap();
    let system = waygate.system();
    let opened = system.enable("GET:/a", "").await.unwrap();
    assert!(opened.overridden && !opened.drifted);
    // The code changes, but the override still applies, and the report shows the difference.
    waygate
        .register(
            key,
            RouteState::default().deprecation(Deprecation::default()),
        )
        .await
        .unwrap();
    let drifted = waygate.route("GET:/a").unwrap();
    assert!(drifted.drifted);
    assert_eq!(drifted.view.status, RouteStatus::Active);
    let reset = system.reset("GET:/a").await.unwrap();
    assert!(!reset.overridden && !reset.drifted);
    assert_eq!(reset.view.status, RouteStatus::Deprecated);
}

/// Two engines on one store, like two replicas.
async fn replicas() -> (Waygate, Waygate) {
    let backend = Arc::new(MemoryBackend::new());
    let one = builder().backend(backend.clone()).build().await.unwrap();
    let two = builder().backend(backend).build().await.unwrap();
    for waygate in [&one, &two] {
        waygate
            .register("GET:/a".parse().unwrap(), RouteState::default())
            .await
            .unwrap();
    }
    (one, two)
}

#[tokio::test]
async fn a_change_reaches_other_engines_on_the_same_store() {
    let (one, two) = replicas().await;
    let mut events = two.subscribe();
    one.system().disable("GET:/a", "incident").await.unwrap();
    let event = events.next().await.unwrap();
    let route = event.changed().unwrap().route().unwrap();
    assert_eq!(route.view.status, RouteStatus::Disabled);
    assert!(event.audit().is_none(), "another process wrote it");
    assert_eq!(
        two.route("GET:/a").unwrap().view.reason.as_str(),
        "incident"
    );
    // The second engine's change is based on it.
    let config = GlobalMaintenance::default();
    two.system()
        .enable_global_maintenance(config)
        .await
        .unwrap();
    let event = events.next().await.unwrap();
    let changed = event.changed().unwrap();
    assert_eq!((changed.kind, &*changed.key), ("maintenance", "*"));
    assert!(changed.maintenance().unwrap().enabled);
}

#[tokio::test]
async fn overrides_outlive_the_engine_and_orphans_are_kept_until_purged() {
    let backend = Arc::new(MemoryBackend::new());
    let first = builder().backend(backend.clone()).build().await.unwrap();
    first
        .register("GET:/gone".parse().unwrap(), RouteState::default())
        .await
        .unwrap();
    first.system().disable("GET:/gone", "").await.unwrap();
    drop(first);

    let second = builder().backend(backend).build().await.unwrap();
    assert!(second.routes().is_empty());
    let orphans = second.orphans().await;
    assert_eq!(orphans.len(), 1);
    assert!(orphans[0].orphaned && orphans[0].key.as_str() == "GET:/gone");
    let system = second.system();
    assert!(
        system.enable("GET:/gone", "").await.is_err(),
        "not registered"
    );
    let misspelled = system.purge("GET:/gnoe").await.unwrap_err().to_string();
    assert!(
        misspelled.ends_with(": did you mean `GET:/gone`?"),
        "{misspelled}"
    );
    system.purge("GET:/gone").await.unwrap();
    assert!(second.orphans().await.is_empty());
    assert!(system.purge("GET:/gone").await.is_err());
    let newest = second.audit(AuditQuery::newest(1)).await.unwrap();
    assert_eq!(newest[0].action, Action::Purge);
}

#[tokio::test]
async fn exempt_paths_never_enable_global_maintenance() {
    let waygate = engine(&[]).await;
    let set = waygate.system().set_global_exempt_paths(&["/health"]).await;
    let config = set.unwrap().maintenance;
    assert!(!config.enabled);
    assert_eq!(config.exempt_paths[0].as_str(), "/health");
    assert!(
        waygate
            .system()
            .set_global_exempt_paths(&["health"])
            .await
            .is_err()
    );
}

#[tokio::test]
async fn threads_without_a_runtime_can_wait_for_changes() {
    let waygate = engine(&["GET:/a"]).await;
    let engine = waygate.clone();
    let thread = std::thread::spawn(move || {
        let carol = engine.operator(Origin::new("carol", "worker"));
        let until = at("2030-01-01T01:00:00Z");
        engine
            .block_on(carol.disable_until("GET:/a", until, "nightly"))
            .unwrap();
        engine
            .block_on(engine.audit(AuditQuery::newest(1)))
            .unwrap()
    });
    let joined = tokio::task::spawn_blocking(move || thread.join().unwrap())
        .await
        .unwrap();
    assert_eq!(
        (joined[0].actor.as_str(), joined[0].action.clone()),
        ("carol", Action::Disable)
    );
    assert_eq!(
        waygate.route("GET:/a").unwrap().view.status,
        RouteStatus::Disabled
    );
}

#[tokio::test]
async fn the_report_shows_every_route() {
    let waygate = engine(&["GET:/b", "GET:/a"]).await;
    waygate.system().disable("GET:/a", "off").await.unwrap();
    let report = waygate.report().to_string();
    let lines: Vec<&str> = report.lines().collect();
    assert_eq!(lines.len(), 5);
    assert_eq!(lines[0], "environment: production", "{report}");
    assert!(lines[3].starts_with("GET:/a"), "{report}");
    assert!(lines[3].ends_with("disabled (off) +overridden"), "{report}");
    let date = Some(at("2030-01-01T00:00:00Z"));
    for (since, sunset, shown) in [
        (date, None, "deprecated +overridden"),
        (None, date, "deprecated +sunset +overridden"),
    ] {
        let details = Deprecation::new(since, sunset, None).unwrap();
        let operator = waygate.system();
        operator.deprecate("GET:/b", Some(details)).await.unwrap();
        let report = waygate.report().to_string();
        let mut lines = report.lines();
        let line = lines.find(|line| line.starts_with("GET:/b")).unwrap();
        assert!(line.ends_with(shown), "{report}");
    }
}

#[tokio::test]
async fn the_report_shows_the_initial_configuration() {
    let waygate = builder()
        .service("billing")
        .bypass_lifecycle(true)
        .build()
        .await
        .unwrap();
    let routes = ["GET:/a", "/any"].map(|key| (key.parse().unwrap(), RouteState::default()));
    waygate.register_all(routes).await.unwrap();
    let policy = |limit: &str| serde_json::from_value(json!({"limit": limit, "cost": 3})).unwrap();
    let system = waygate.system();
    for (at, limit) in [
        ("*#default", "100/minute"),
        ("service:billing#slow", "5/hour"),
    ] {
        system
            .set_rate_limit(at.parse().unwrap(), policy(limit))
            .await
            .unwrap();
    }
    let global = serde_json::from_value(json!({"reason": "deploy", "exempt_paths": ["/any"]}));
    system
        .enable_global_maintenance(global.unwrap())
        .await
        .unwrap();
    let report = waygate.report().to_string();
    for line in [
        "environment: production",
        "service:     billing",
        "state:       in memory; changes end with the process",
        "counters:    in memory only: they are lost when this process ends",
        "note: global maintenance is on but for /any: deploy",
        "global default: at most 100 in a minute from the first on, for each client address; each request costs 3",
        "service billing slow: at most 5 in an hour from the first on, for each client address; each request costs 3",
    ] {
        assert!(
            report.lines().any(|found| found == line),
            "{line}\n{report}"
        );
    }
    assert!(
        report.lines().any(|line| line.starts_with("/any ")),
        "{report}"
    );
    assert!(
        report.contains("every route is served regardless of its state"),
        "{report}"
    );
}

#[tokio::test]
async fn limits_deleted_by_another_process_are_events() {
    let (one, two) = replicas().await;
    let key: LimitKey = "GET:/a#default".parse().unwrap();
    let rate = serde_json::from_value(json!({"limit": "1/minute"})).unwrap();
    let places = serde_json::from_value(json!({"limit": 1})).unwrap();
    let system = one.system();
    let mut events = two.subscribe();
    system.set_rate_limit(key.clone(), rate).await.unwrap();
    system
        .set_concurrency_limit(key.clone(), places)
        .await
        .unwrap();
    system.delete_rate_limit(key.clone()).await.unwrap();
    system.delete_concurrency_limit(key.clone()).await.unwrap();
    let (mut rate_gone, mut places_gone) = (false, false);
    while !(rate_gone && places_gone) {
        let event = events.next().await.unwrap();
        let changed = event.changed().unwrap();
        match changed.kind {
            "limit" => rate_gone = changed.rate_limit().is_none(),
            "concurrency" => places_gone = changed.concurrency_limit().is_none(),
            _ => panic!("{event:?}"),
        }
    }
}

#[tokio::test]
async fn purging_a_route_purges_its_limits() {
    let backend = Arc::new(MemoryBackend::new());
    let first = builder().backend(backend.clone()).build();
    let first = first.await.unwrap();
    let route: RouteKey = "GET:/gone".parse().unwrap();
    first
        .register(route.clone(), RouteState::default())
        .await
        .unwrap();
    let key: LimitKey = "GET:/gone#default".parse().unwrap();
    let rate = serde_json::from_value(json!({"limit": "1/minute"})).unwrap();
    let places = serde_json::from_value(json!({"limit": 1})).unwrap();
    let system = first.system();
    system.disable("GET:/gone", "").await.unwrap();
    system.set_rate_limit(key.clone(), rate).await.unwrap();
    system.reset_rate_limits(key.scope.clone()).await.unwrap();
    system.set_concurrency_limit(key, places).await.unwrap();
    drop((system, first));

    let second = builder().backend(backend.clone()).build();
    let second = second.await.unwrap();
    second.system().purge("GET:/gone").await.unwrap();
    let left = backend.load().await.unwrap().entities;
    assert!(left.is_empty(), "{left:?}");
}

#[tokio::test]
async fn a_concrete_path_suggests_its_template() {
    let waygate = engine(&[
        "GET:/api/items",
        "GET:/api/items/{id}",
        "PUT:/api/items/{id}",
        "GET:/{*rest}",
    ])
    .await;
    let system = waygate.system();
    for (asked, meant) in [
        ("GET:/api/items/7", "GET:/api/items/{id}"),
        ("PUT:/api/items/7", "PUT:/api/items/{id}"),
        ("/api/items/7", "GET:/api/items/{id}"),
        // A route that takes every path is the last guess.
        ("GET:/api/itmes", "GET:/api/items"),
        ("GET:/elsewhere/entirely", "GET:/{*rest}"),
    ] {
        let error = system.disable(asked, "").await.unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("no route `{asked}` is registered: did you mean `{meant}`?")
        );
        let limit = format!("{asked}#default").parse().unwrap();
        let error = system.reset_rate_limit_key(limit, &["::1"]).await;
        let text = error.unwrap_err().to_string();
        assert!(text.ends_with(&format!("`{meant}`?")), "{text}");
    }
}
