//! What clients notice when the Redis of the counters fails: nothing.

use std::{
    cell::RefCell,
    time::{Duration, Instant},
};

use tokio::{
    sync::{Mutex, MutexGuard},
    task::block_in_place,
};
use waygate::{Component, port::RedisOptions};
use waygate_faultproxy::{FaultProxy, Mode, RedisProc, eventually};

use crate::{
    http::{Figures, Service, load},
    log::Log,
    support::{PATIENCE, full, options},
};

/// What a request may wait for Redis.
const DEADLINE: Duration = Duration::from_millis(50);
/// What a fault may add to that.
const SLACK: Duration = Duration::from_millis(25);
const RECOVERY: Duration = Duration::from_secs(2);

/// One load at a time, or one would be measured by the other.
static ALONE: Mutex<()> = Mutex::const_new(());

struct Bench {
    service: Service,
    log: Log,
    rate: u32,
    /// How soon Redis counts again after its return.
    recovery: Duration,
    control: Figures,
    _alone: MutexGuard<'static, ()>,
}

impl Bench {
    async fn start(port: u16, log: Log) -> Self {
        Self::with(options(([127, 0, 0, 1], port).into()), log).await
    }

    async fn with(options: RedisOptions, log: Log) -> Self {
        let alone = ALONE.lock().await;
        let rate = if full() { 2_000 } else { 400 };
        let service = Service::start(options.deadline(DEADLINE)).await;
        // Connections are made and code is paged in before anything is measured.
        load(service.client.clone(), rate, Duration::from_millis(500), 0).await;
        let control = load(service.client.clone(), rate, Duration::from_secs(2), 0).await;
        check_answers("control", &control);
        Self {
            service,
            log,
            rate,
            recovery: RECOVERY,
            control,
            _alone: alone,
        }
    }

    fn down(&self) -> bool {
        self.service.counters.health().is_err()
    }

    /// Breaks something while requests come in, repairs it, and checks what clients and operators have seen.
    async fn round(
        &self,
        what: &str,
        seed: u64,
        fault: impl AsyncFnOnce(),
        repair: impl AsyncFnOnce(),
    ) {
        self.log.drain();
        let frozen = Duration::from_secs(if full() { 30 } else { 2 });
        let length = frozen + self.recovery + Duration::from_secs(1);
        let client = self.service.client.clone();
        let running = tokio::spawn(load(client, self.rate, length, seed));
        tokio::time::sleep(Duration::from_millis(500)).await;
        let begin = Instant::now();
        fault().await;
        eventually(PATIENCE, "the fault is seen", || self.down()).await;
        tokio::time::sleep(frozen.saturating_sub(begin.elapsed())).await;
        repair().await;
        let recovery = self.until_authoritative().await;
        let figures = running.await.unwrap();
        self.check(what, seed, &figures, recovery);
    }

    /// Until a request is decided by Redis, and nothing is reported to be wrong any more.
    async fn until_authoritative(&self) -> Duration {
        let (begin, waygate) = (Instant::now(), &self.service.waygate);
        eventually(PATIENCE, "a connection", || !self.down()).await;
        let counted = waygate.counting_modes().authoritative;
        while waygate.counting_modes().authoritative == counted
            || waygate.health().contains_key(&Component::Counters)
        {
            assert!(begin.elapsed() < PATIENCE, "Redis decides nothing");
            // The load may be over by then.
            self.service.client.get("/local").await;
        }
        begin.elapsed()
    }

    fn check(&self, what: &str, seed: u64, figures: &Figures, recovery: Duration) {
        let (counted, plain, control) = (&figures.counted, &figures.plain, &self.control.counted);
        println!(
            "{what}, seed {seed}: {} requests at {}/s; p99 {:.1?} (without Redis at the same time {:.1?}, control \
             {:.1?}), max {:.1?} ({:.1?}, {:.1?}), authoritative {recovery:.0?} after the return",
            counted.count() + plain.count(),
            self.rate,
            counted.p99(),
            plain.p99(),
            control.p99(),
            counted.max(),
            plain.max(),
            control.max(),
        );
        check_answers(what, figures);
        // On a machine that is busy with others, a request is late with Redis and without.
        let usual = plain.max().max(control.max());
        let added = counted.max().saturating_sub(usual);
        assert!(added <= DEADLINE + SLACK, "{what}: {added:?} were added");
        // In a short load, those that wait when Redis falls silent are more than one in a hundred.
        if full() {
            let usual = plain.p99().max(control.p99());
            let most = (usual * 5 / 4).max(usual + Duration::from_millis(10));
            assert!(counted.p99() <= most, "{what}: p99 is more than {most:?}");
        }
        // Whoever answers a new connection too late is tried again later: so does a machine that needs the deadline for itself.
        let again = match plain.max() > DEADLINE / 2 {
            true => Duration::from_secs(3),
            false => Duration::ZERO,
        };
        assert!(recovery <= self.recovery + again, "{what}: {recovery:?}");
        self.check_log(what);
    }

    /// One line for each transition, and none for each request.
    fn check_log(&self, what: &str) {
        let log = self.log.drain();
        println!("  {log:?}");
        let times = |line: &str| log.get(line).copied().unwrap_or(0);
        let degraded = times("WARN degraded (counters)");
        let recovered = times("INFO recovered (counters)");
        assert!(
            degraded >= 1 && degraded.abs_diff(recovered) <= 1,
            "{what}: {log:?}"
        );
        let transitions: usize = [
            "is not used until it answers again",
            "refuses what is asked",
        ]
        .map(|text| times(&format!("WARN Redis {text}")))
        .iter()
        .sum();
        assert!(degraded <= transitions, "{what}: {log:?}");
        // State and counters have a connection each, and a busy machine may lose one more time.
        assert!(log.values().sum::<usize>() <= 24, "{what}: {log:?}");
    }
}

/// Nothing fails, nothing that is closed opens, and what is used up stays so.
fn check_answers(what: &str, figures: &Figures) {
    for (&(path, status), &times) in &figures.answers {
        let expected: &[u16] = match path {
            "/disabled" => &[503],
            "/closed" => &[200, 429],
            // By itself, a process does not know that it is used up.
            "/exhausted" => &[200, 429],
            _ => &[200],
        };
        assert!(
            expected.contains(&status),
            "{what}: {path} was answered with {status}, {times} times"
        );
    }
}

fn rounds() -> u64 {
    if full() { 50 } else { 1 }
}

/// On a runtime whose log is kept apart.
fn run(test: impl AsyncFnOnce(Log)) {
    let log = Log::default();
    log.runtime().block_on(test(log.clone()));
}

#[test]
fn killed() {
    run(async |log| {
        let server = RedisProc::options().append_only().start();
        let bench = Bench::start(server.port(), log).await;
        let server = RefCell::new(server);
        for seed in 1..=rounds() {
            let kill = async || block_in_place(|| server.borrow_mut().kill());
            let restart = async || block_in_place(|| server.borrow_mut().restart());
            bench.round("kill -9", seed, kill, restart).await;
        }
    });
}

#[test]
fn frozen() {
    run(async |log| {
        let server = RedisProc::start();
        let bench = Bench::start(server.port(), log).await;
        for seed in 1..=rounds() {
            let (stop, cont) = (async || server.stop(), async || server.cont());
            bench.round("SIGSTOP", seed, stop, cont).await;
        }
    });
}

#[test]
fn unreachable() {
    run(async |log| {
        let server = RedisProc::start();
        let proxy = FaultProxy::start(server.addr()).await;
        let bench = Bench::start(proxy.port(), log).await;
        let modes = [("blackhole", Mode::Blackhole), ("reset", Mode::Reset)];
        for seed in 1..=rounds() {
            for (what, mode) in modes {
                let (fault, repair) = (async || proxy.set(mode), async || proxy.set(Mode::Pass));
                bench.round(what, seed, fault, repair).await;
            }
        }
    });
}

#[test]
fn password_changed() {
    run(async |log| {
        let server = RedisProc::options().password("old").start();
        let proxy = FaultProxy::start(server.addr()).await;
        let address = proxy.addr();
        let with = options(address).password("old".to_owned());
        let mut bench = Bench::with(with, log).await;
        // A password that is wrong is tried less often than a server that is gone.
        bench.recovery = Duration::from_secs(7);
        let server = RefCell::new(server);
        for seed in 1..=rounds() {
            let change = async || {
                block_in_place(|| server.borrow_mut().config_set("requirepass", "new"));
                // Whoever is logged in stays so.
                proxy.reset_connections();
            };
            let back = async || {
                block_in_place(|| server.borrow_mut().config_set("requirepass", "old"));
            };
            bench.round("password changed", seed, change, back).await;
        }
    });
}

#[test]
fn full_of_data() {
    run(async |log| {
        let server = RedisProc::start();
        let bench = Bench::start(server.port(), log).await;
        let server = RefCell::new(server);
        for seed in 1..=rounds() {
            let limit =
                |bytes| block_in_place(|| server.borrow_mut().config_set("maxmemory", bytes));
            bench
                .round("OOM", seed, async || limit("1"), async || limit("0"))
                .await;
        }
    });
}
