//! Decisions per second over one connection to Redis, compared with `PING`.
//!
//! A real `redis-server` without persistence on the loopback, on the same machine; a thousand keys, or one; a number
//! of tasks that each repeat their request as soon as it is answered. All variants run in turn, in several rounds, of
//! which the fastest counts. `PING` is the minimum cost of a round trip: a bare multiplexed connection of the `redis`
//! crate, without our deadline and breaker; it runs twice, and the second run is the control.
#![allow(missing_docs, clippy::unwrap_used)]

use std::{
    rc::Rc,
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, Instant},
};

use redis::aio::MultiplexedConnection;
use tokio::task::LocalSet;
use waygate_backends::{RedisCounters, RedisOptions};
use waygate_bench::{Report, Row};
use waygate_core::{
    limit::{Quota, Rule, quota::SECOND},
    port::{Charge, CounterKey, CounterStore},
};
use waygate_faultproxy::{RedisProc, eventually};

const ROUNDS: usize = 7;
const ROUND: Duration = Duration::from_millis(400);
const KEYS: u64 = 1_000;

/// More than any run charges of one key in an hour.
const CAPACITY: u64 = 100_000_000;

#[derive(Clone, Copy, PartialEq)]
enum Variant {
    Ping,
    PingAgain,
    Strict,
    StrictOneKey,
    Bucket,
    Lease,
}

const VARIANTS: [Variant; 6] = [
    Variant::Ping,
    Variant::PingAgain,
    Variant::Strict,
    Variant::StrictOneKey,
    Variant::Bucket,
    Variant::Lease,
];

/// The state shared by all tasks.
struct Bench {
    connection: MultiplexedConnection,
    counters: RedisCounters,
    counter_key: [CounterKey; 4],
    window: Rule,
    bucket: Rule,
    next: AtomicU64,
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let server = RedisProc::start();
    let patience = Duration::from_secs(10);
    // A stalled machine makes a round slow, and then other rounds count.
    let options = RedisOptions::new(&server.url()).unwrap().deadline(patience);
    let counters = RedisCounters::open(options);
    let known = || server.command(&["EXISTS", "waygate:c:processes"]) == "1";
    eventually(patience, "the first heartbeat", known).await;
    let client = redis::Client::open(server.url()).unwrap();
    let bench = Rc::new(Bench {
        connection: client.get_multiplexed_async_connection().await.unwrap(),
        counters,
        counter_key: ["strict", "bucket", "lease", "one key"]
            .map(|name| CounterKey::new(name, "bench", 0, 0)),
        window: Rule::Quota(Quota::FixedWindow {
            capacity: CAPACITY,
            period: 3_600 * SECOND,
        }),
        bucket: Rule::Quota(Quota::TokenBucket {
            capacity: CAPACITY,
            emission: 1_000,
        }),
        next: AtomicU64::new(0),
    });
    let (one, many, crowd) = (
        bench.time(1).await,
        bench.time(32).await,
        bench.time(256).await,
    );
    let row = |name, times: &[f64], variant: usize, target| {
        Row::new(name, times[variant], "PING", times[0], target)
    };
    let rows = vec![
        row("strict, 32 tasks", &many, 2, Some(2.0)),
        row("lease, 32 tasks", &many, 5, Some(1.0)),
        row("strict, 1 task", &one, 2, None),
        row("strict, 256 tasks", &crowd, 2, None),
        row("strict, one key, 32 tasks", &many, 3, None),
        row("strict, one key, 256 tasks", &crowd, 3, None),
        row("token bucket, 1 task", &one, 4, None),
        row("token bucket, 32 tasks", &many, 4, None),
        row("token bucket, 256 tasks", &crowd, 4, None),
        row("lease, 1 task", &one, 5, None),
        row("lease, 256 tasks", &crowd, 5, None),
    ];
    Report::new("redis", many[1] / many[0], rows)
        .publish()
        .unwrap();
}

impl Bench {
    /// Returns the nanoseconds per operation of each variant with this many tasks.
    async fn time(self: &Rc<Self>, tasks: usize) -> Vec<f64> {
        let mut fastest = vec![f64::INFINITY; VARIANTS.len()];
        for _ in 0..ROUNDS {
            for (variant, fastest) in VARIANTS.iter().zip(&mut fastest) {
                *fastest = fastest.min(self.round(*variant, tasks).await);
            }
        }
        fastest
    }

    async fn round(self: &Rc<Self>, variant: Variant, tasks: usize) -> f64 {
        match variant {
            Variant::Ping | Variant::PingAgain => {
                let connections = (0..tasks).map(|_| self.connection.clone());
                let pings = connections.map(|mut connection| {
                    async move || {
                        redis::cmd("PING")
                            .exec_async(&mut connection)
                            .await
                            .unwrap();
                    }
                });
                run(pings.collect()).await
            }
            Variant::Strict => {
                self.decide(tasks, 0, KEYS, |bench| &bench.window, false)
                    .await
            }
            Variant::StrictOneKey => self.decide(tasks, 3, 1, |bench| &bench.window, false).await,
            Variant::Bucket => {
                self.decide(tasks, 1, KEYS, |bench| &bench.bucket, false)
                    .await
            }
            Variant::Lease => {
                self.decide(tasks, 2, KEYS, |bench| &bench.window, true)
                    .await
            }
        }
    }

    async fn decide(
        self: &Rc<Self>,
        tasks: usize,
        counter_key: usize,
        keys: u64,
        rule: fn(&Self) -> &Rule,
        lease: bool,
    ) -> f64 {
        let decisions = (0..tasks).map(|_| {
            let bench = Rc::clone(self);
            async move || {
                let key = (bench.next.fetch_add(1, Ordering::Relaxed) % keys).to_le_bytes();
                let charge =
                    Charge::new(&bench.counter_key[counter_key], &key, rule(&bench)).lease(lease);
                let outcomes = bench.counters.charge(&[charge], 0).await.unwrap();
                assert!(outcomes[0].allowed);
            }
        });
        run(decisions.collect()).await
    }
}

/// Lets each task repeat its operation for one round; returns the nanoseconds per operation.
async fn run<F>(tasks: Vec<F>) -> f64
where
    F: AsyncFnMut() + 'static,
{
    let (local, start) = (LocalSet::new(), Instant::now());
    let handles: Vec<_> = tasks
        .into_iter()
        .map(|task| local.spawn_local(repeat(task, start)))
        .collect();
    let count = local
        .run_until(async {
            let mut count = 0;
            for handle in handles {
                count += handle.await.unwrap();
            }
            count
        })
        .await;
    start.elapsed().as_nanos() as f64 / count as f64
}

async fn repeat<F: AsyncFnMut() + 'static>(mut once: F, start: Instant) -> u64 {
    let mut count = 0_u64;
    while start.elapsed() < ROUND {
        once().await;
        count += 1;
        // A response without a round trip must not keep the other tasks from running.
        tokio::task::coop::consume_budget().await;
    }
    count
}
