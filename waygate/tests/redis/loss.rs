//! The store dies, is emptied, or comes back older: closed routes stay closed.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use waygate::{
    ChangeError, Waygate,
    audit::{Action, AuditQuery},
    health::Component,
    port::{BackendError, OnStoreReset},
    testing::TestApp,
};
use waygate_faultproxy::{FaultProxy, Mode, RedisProc, eventually};

use crate::support::*;

/// Sends requests to the blocked routes `0..blocked_routes` of all applications without a pause, until stopped.
/// Returns how many requests were made, and how many were served.
struct Load {
    stop: Arc<AtomicBool>,
    task: tokio::task::JoinHandle<(usize, usize)>,
}

impl Load {
    fn on(apps: Vec<TestApp>, blocked_routes: usize) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = stop.clone();
        let task = tokio::spawn(async move {
            let (mut requests, mut leaks) = (0, 0);
            while !stopped.load(Ordering::Relaxed) {
                for app in &apps {
                    let nth = requests / apps.len() % blocked_routes;
                    leaks += usize::from(!blocked(app, nth).await);
                    requests += 1;
                }
                tokio::task::yield_now().await;
            }
            (requests, leaks)
        });
        Self { stop, task }
    }

    async fn end(self) -> (usize, usize) {
        self.stop.store(true, Ordering::Relaxed);
        self.task.await.unwrap()
    }
}

async fn fleet(
    addr: std::net::SocketAddr,
    size: usize,
    routes: usize,
) -> (Vec<Waygate>, Vec<TestApp>) {
    let (mut engines, mut apps) = (Vec::new(), Vec::new());
    for _ in 0..size {
        let waygate = engine(options(addr)).await;
        apps.push(app(&waygate, routes).await);
        engines.push(waygate);
    }
    (engines, apps)
}

fn all_report(engines: &[Waygate], component: Component) -> bool {
    engines.iter().all(|engine| is_degraded(engine, component))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flushed_store_opens_no_route() {
    const ROUTES: usize = 200;
    let server = RedisProc::start();
    let (engines, apps) = fleet(server.addr(), 3, ROUTES + 1).await;
    for nth in 0..ROUTES {
        block(&engines[nth % 3], nth).await;
    }
    level(&engines).await;
    let known = engines[0].revision();
    let load = Load::on(apps.clone(), ROUTES);
    server.flushall();
    // The first change detects it immediately, and is refused.
    let refused = engines[0]
        .system()
        .disable(&format!("GET:/{ROUTES}"), "")
        .await;
    assert!(
        matches!(refused, Err(ChangeError::Backend(BackendError::Corrupt(_)))),
        "{refused:?}"
    );
    assert!(is_degraded(&engines[0], Component::StoreReset));
    let took = eventually(PATIENCE, "all engines notice", || {
        all_report(&engines, Component::StoreReset)
    })
    .await;
    for engine in &engines {
        let refused = engine.system().enable("GET:/0", "").await;
        assert!(refused.is_err(), "a change was made without a store");
        assert_eq!(engine.revision(), known);
    }
    assert_eq!(
        server.command(&["KEYS", "*{state}*"]),
        "",
        "nothing was written"
    );
    let (requests, leaks) = load.end().await;
    println!(
        "FLUSHALL, 3 engines, {ROUTES} blocked routes: all noticed after {took:?}, {requests} requests, {leaks} leaked"
    );
    assert!(requests > ROUTES);
    assert_eq!(leaks, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flushed_store_is_restored() {
    const ROUTES: usize = 200;
    let server = RedisProc::start();
    let (mut engines, mut apps) = (Vec::new(), Vec::new());
    for _ in 0..3 {
        let waygate = engine_with(options(server.addr()), OnStoreReset::Reseed).await;
        apps.push(app(&waygate, ROUTES).await);
        engines.push(waygate);
    }
    for nth in 0..ROUTES {
        block(&engines[nth % 3], nth).await;
    }
    level(&engines).await;
    let known = engines[0].revision();
    let load = Load::on(apps.clone(), ROUTES);
    server.flushall();
    let filled = || engines.iter().all(|engine| engine.revision() != known);
    let took = eventually(PATIENCE, "all engines have a store again", filled).await;
    level(&engines).await;
    let (requests, leaks) = load.end().await;
    println!(
        "FLUSHALL, 3 engines that reseed, {ROUTES} blocked routes: filled after {took:?}, {requests} requests, {leaks} leaked"
    );
    assert_eq!(leaks, 0);
    let fresh = engine(options(server.addr())).await;
    let fresh_app = app(&fresh, ROUTES).await;
    for nth in 0..ROUTES {
        assert!(blocked(&fresh_app, nth).await, "{nth}");
    }
    let lines = fresh.audit(AuditQuery::newest(10)).await.unwrap();
    assert!(
        lines
            .iter()
            .any(|line| line.action == Action::StoreReseeded)
    );
    engines[1].system().enable("GET:/0", "over").await.unwrap();
    engines.push(fresh);
    level(&engines).await;
    assert!(!blocked(&fresh_app, 0).await);
    for engine in &engines {
        assert!(!is_degraded(engine, Component::StoreReset));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_store_opens_no_route_and_comes_back() {
    const ROUTES: usize = 20;
    let mut server = RedisProc::options().append_only().start();
    let (engines, apps) = fleet(server.addr(), 3, ROUTES + 1).await;
    for nth in 0..ROUTES {
        block(&engines[nth % 3], nth).await;
    }
    level(&engines).await;
    let load = Load::on(apps.clone(), ROUTES);
    for round in 0..3 {
        server.kill();
        let refused = engines[0]
            .system()
            .enable(&format!("GET:/{ROUTES}"), "")
            .await;
        assert!(refused.is_err(), "a change was made without a store");
        assert!(is_degraded(&engines[0], Component::Store));
        server.restart();
        let begin = std::time::Instant::now();
        while engines[0]
            .system()
            .disable(&format!("GET:/{ROUTES}"), "")
            .await
            .is_err()
        {
            assert!(begin.elapsed() < PATIENCE, "no change is accepted");
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
        let writable = begin.elapsed();
        let agreed = level(&engines).await;
        println!(
            "kill -9 {round}: writable {writable:?} after the restart, all engines level {agreed:?} later"
        );
    }
    let (requests, leaks) = load.end().await;
    println!("3 kills, {ROUTES} blocked routes: {requests} requests, {leaks} leaked");
    assert_eq!(leaks, 0);
    for engine in &engines {
        assert!(!is_degraded(engine, Component::StoreReset));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_promoted_replica_that_lags_opens_no_route() {
    const EARLY: usize = 5;
    const LATE: usize = 10;
    let mut master = RedisProc::start();
    let replication = FaultProxy::start(master.addr()).await;
    let replica = RedisProc::options().replica_of(replication.addr()).start();
    replica.wait_synced();
    let proxy = FaultProxy::start(master.addr()).await;
    let (engines, apps) = fleet(proxy.addr(), 2, LATE).await;
    for nth in 0..EARLY {
        block(&engines[0], nth).await;
    }
    let held = || {
        let revision = ["HGET", "waygate:{state}:meta", "revision"];
        replica.command(&revision)
    };
    eventually(PATIENCE, "the replica has the early ones", || {
        held() == EARLY.to_string()
    })
    .await;
    replication.set(Mode::Blackhole);
    for nth in EARLY..LATE {
        block(&engines[0], nth).await;
    }
    level(&engines).await;
    let load = Load::on(apps.clone(), LATE);
    master.kill();
    replica.promote();
    assert_eq!(held(), EARLY.to_string(), "the replica lags");
    proxy.set_target(replica.addr());
    proxy.reset_connections();
    let took = eventually(PATIENCE, "both engines notice", || {
        all_report(&engines, Component::StoreReset)
    })
    .await;
    assert!(engines[0].system().enable("GET:/9", "").await.is_err());
    // A process without knowledge of the loss uses the lost numbers again, and more.
    let fresh = engine(options(proxy.addr())).await;
    app(&fresh, LATE).await;
    for _ in EARLY..=LATE {
        fresh.system().disable("GET:/0", "again").await.unwrap();
    }
    let beyond = format!("is now at {};", fresh.revision());
    let shown = || {
        engines.iter().all(|engine| {
            let health = engine.health();
            let reset = health.get(&Component::StoreReset);
            reset.is_some_and(|reset| reset.cause.contains(&beyond))
        })
    };
    eventually(PATIENCE, "both engines see the numbers grow", shown).await;
    let (requests, leaks) = load.end().await;
    println!(
        "a replica that lags by {} commits: noticed after {took:?}, {requests} requests, {leaks} leaked",
        LATE - EARLY
    );
    assert_eq!(leaks, 0);
}
