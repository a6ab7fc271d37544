use std::{
    future::Future,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use tokio::task::JoinHandle;
use waygate_backends::{RedisCounters, RedisOptions};
use waygate_core::{
    limit::{
        Outcome, Quota, Rule,
        quota::{Nanos, SECOND},
    },
    port::{Charge, CounterError, CounterKey, CounterStore},
};
use waygate_faultproxy::eventually;

pub(crate) const DEADLINE: Duration = Duration::from_millis(50);

/// The time a test waits for a condition.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// The caller's clock, which only calendars use.
pub(crate) fn now() -> Nanos {
    let since = std::time::UNIX_EPOCH.elapsed().unwrap();
    u64::try_from(since.as_nanos()).unwrap()
}

/// Options with a deadline that tests depend on.
pub(crate) fn options(port: u16) -> RedisOptions {
    patient(port).deadline(DEADLINE)
}

/// Options for other tests: on a busy machine, any answer may be late.
pub(crate) fn patient(port: u16) -> RedisOptions {
    RedisOptions::new(&format!("redis://127.0.0.1:{port}"))
        .unwrap()
        .deadline(PATIENCE)
}

/// A patient store that is connected.
pub(crate) async fn open(port: u16) -> RedisCounters {
    connected(patient(port)).await
}

pub(crate) async fn connected(options: RedisOptions) -> RedisCounters {
    let counters = RedisCounters::open(options);
    eventually(PATIENCE, "a connection", || counters.health().is_ok()).await;
    counters
}

pub(crate) fn counter_key(name: &str) -> CounterKey {
    CounterKey::new(name, "policy", 0, 0)
}

pub(crate) fn fixed(capacity: u64, seconds: u64) -> Rule {
    let period = seconds * SECOND;
    Rule::Quota(Quota::FixedWindow { capacity, period })
}

pub(crate) fn charge<'a>(counter_key: &'a CounterKey, rule: &'a Rule) -> Charge<'a> {
    Charge::new(counter_key, b"203.0.113.7", rule)
}

/// One request, with a single charge.
pub(crate) async fn ask(
    counters: &RedisCounters,
    charge: Charge<'_>,
) -> Result<Outcome, CounterError> {
    let outcomes = counters.charge(&[charge], now()).await?;
    let [outcome] = outcomes[..] else {
        panic!("one outcome for each charge, not {outcomes:?}");
    };
    Ok(outcome)
}

/// Repeats a request until it is counted again. Returns the time that took.
pub(crate) async fn until_counted(counters: &RedisCounters, limit: Duration) -> Duration {
    let (counter_key, rule) = (counter_key("probe"), fixed(1 << 40, 3_600));
    let start = Instant::now();
    loop {
        match ask(counters, charge(&counter_key, &rule)).await {
            Ok(_) => return start.elapsed(),
            Err(error) => assert!(start.elapsed() < limit, "after {limit:?}: {error}"),
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

/// Concurrent requests of several tasks, and the duration of the slowest.
pub(crate) struct Load {
    stop: Arc<AtomicBool>,
    tasks: Vec<JoinHandle<()>>,
    figures: Arc<Figures>,
}

#[derive(Default)]
pub(crate) struct Figures {
    pub(crate) counted: AtomicU64,
    pub(crate) failed: AtomicU64,
    slowest: Mutex<Duration>,
    lag: Mutex<Duration>,
}

impl Load {
    pub(crate) fn start(counters: &RedisCounters) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let figures = Arc::new(Figures::default());
        let mut tasks: Vec<_> = (0..8)
            .map(|_| {
                let (counters, figures) = (counters.clone(), Arc::clone(&figures));
                repeat(&stop, move || {
                    request(counters.clone(), Arc::clone(&figures))
                })
            })
            .collect();
        let lag = Arc::clone(&figures);
        tasks.push(repeat(&stop, move || measure_lag(Arc::clone(&lag))));
        Self {
            stop,
            tasks,
            figures,
        }
    }

    pub(crate) fn counted(&self) -> u64 {
        self.figures.counted.load(Ordering::Relaxed)
    }

    pub(crate) fn failed(&self) -> u64 {
        self.figures.failed.load(Ordering::Relaxed)
    }

    /// Stops the load. No request may have taken longer than the deadline, plus 25 ms and the lateness of a task that
    /// only sleeps, since the machine is shared.
    pub(crate) async fn finish(self, what: &str) {
        self.stop.store(true, Ordering::Relaxed);
        for task in self.tasks {
            task.await.unwrap();
        }
        let slowest = *self.figures.slowest.lock().unwrap();
        let lag = *self.figures.lag.lock().unwrap();
        let (counted, failed) = (&self.figures.counted, &self.figures.failed);
        println!(
            "{what}: slowest request {slowest:.1?}, timers late by up to {lag:.1?}, {counted:?} counted, {failed:?} not"
        );
        let bound = DEADLINE + Duration::from_millis(25) + lag;
        assert!(
            slowest <= bound,
            "{what}: a request took {slowest:?}, more than {bound:?}"
        );
    }
}

fn repeat<F: Future<Output = ()> + Send>(
    stop: &Arc<AtomicBool>,
    once: impl Fn() -> F + Send + 'static,
) -> JoinHandle<()> {
    let stop = Arc::clone(stop);
    tokio::spawn(async move {
        while !stop.load(Ordering::Relaxed) {
            once().await;
        }
    })
}

async fn request(counters: RedisCounters, figures: Arc<Figures>) {
    let (counter_key, rule) = (counter_key("load"), fixed(1 << 40, 3_600));
    let start = Instant::now();
    let answer = ask(&counters, charge(&counter_key, &rule)).await;
    let elapsed = start.elapsed();
    match answer {
        Ok(_) => &figures.counted,
        Err(_) => &figures.failed,
    }
    .fetch_add(1, Ordering::Relaxed);
    let longest = (*figures.slowest.lock().unwrap()).max(elapsed);
    *figures.slowest.lock().unwrap() = longest;
    tokio::time::sleep(Duration::from_millis(1)).await;
}

async fn measure_lag(figures: Arc<Figures>) {
    let (pause, start) = (Duration::from_millis(1), Instant::now());
    tokio::time::sleep(pause).await;
    let mut lag = figures.lag.lock().unwrap();
    *lag = (*lag).max(start.elapsed().saturating_sub(pause));
}
