//! Requests that arrive while others are in flight, and share a call.

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    time::{Duration, Instant},
};

use tokio::task::{JoinHandle, JoinSet, block_in_place, yield_now};
use waygate_backends::RedisCounters;
use waygate_core::{
    limit::Outcome,
    port::{CounterError, CounterStore},
};
use waygate_faultproxy::{RedisProc, eventually};

use crate::support::{
    DEADLINE, PATIENCE, ask, charge, connected, counter_key, fixed, now, open, options,
    until_counted,
};

/// The number of concurrent calls before requests share one.
const UNDER_WAY: usize = 3;

type Answer = Result<Outcome, CounterError>;

/// Spawns a request for one unit of `key` with this capacity.
fn request(counters: &RedisCounters, key: &str, capacity: u64) -> JoinHandle<Answer> {
    let (counters, key) = (counters.clone(), key.to_owned());
    tokio::spawn(async move {
        let (counter_key, rule) = (counter_key("batches"), fixed(capacity, 600));
        let mut charge = charge(&counter_key, &rule);
        charge.key = key.as_bytes();
        ask(&counters, charge).await
    })
}

/// Counts the scripts of counters; those that report processes have no plan.
fn calls(seen: &[String]) -> usize {
    let calls = seen.iter().filter(|line| line.contains("\"EVALSHA\""));
    calls.filter(|line| line.contains("W:w600000:")).count()
}

#[tokio::test]
async fn waiting_requests_share_a_call_in_order() {
    let server = RedisProc::start();
    let counters = open(server.port()).await;
    request(&counters, "first", 100).await.unwrap().unwrap();
    let monitor = server.monitor();
    server.stop();
    let requests: Vec<_> = (0..64).map(|_| request(&counters, "a", 100)).collect();
    // All of them run until they wait.
    yield_now().await;
    server.cont();
    for (index, request) in requests.into_iter().enumerate() {
        let outcome = request.await.unwrap().unwrap();
        assert_eq!(outcome.remaining, 99 - index as u64);
    }
    request(&counters, "last", 100).await.unwrap().unwrap();
    eventually(PATIENCE, "the last call", || {
        calls(&monitor.seen()) > UNDER_WAY
    })
    .await;
    let calls = calls(&monitor.stop());
    assert!(
        calls <= UNDER_WAY + 3,
        "{calls} calls of 64 requests and one"
    );
}

#[tokio::test]
async fn a_key_of_a_wrong_type_fails_alone() {
    let server = RedisProc::start();
    let counters = open(server.port()).await;
    request(&counters, "broken", 100).await.unwrap().unwrap();
    let names = server.command(&["KEYS", "waygate:c:{*"]);
    let broken = names.split_whitespace().find(|name| name.contains('{'));
    let broken = broken.unwrap().trim_matches('"');
    server.command(&["SET", broken, "not a hash"]);
    server.stop();
    let is_broken = |index| [3, 17, 18, 31].contains(&index);
    let keys = (0..32).map(|index| match index {
        index if is_broken(index) => "broken".to_owned(),
        other => format!("sound {other}"),
    });
    let requests: Vec<_> = keys.map(|key| request(&counters, &key, 100)).collect();
    yield_now().await;
    server.cont();
    for (index, request) in requests.into_iter().enumerate() {
        match request.await.unwrap() {
            Ok(outcome) => assert!(outcome.remaining == 99 && !is_broken(index), "{index}"),
            Err(error) => {
                assert!(error.to_string().contains("WRONGTYPE"), "{error}");
                assert!(is_broken(index), "{index}: {error}");
            }
        }
    }
    counters.health().unwrap();
}

#[tokio::test]
async fn dropped_callers_charge_nothing_and_block_no_others() {
    let server = RedisProc::start();
    let counters = open(server.port()).await;
    request(&counters, "sent", 100).await.unwrap().unwrap();
    server.stop();
    let sent: Vec<_> = (0..UNDER_WAY)
        .map(|_| request(&counters, "sent", 100))
        .collect();
    let gone: Vec<_> = (0..10).map(|_| request(&counters, "gone", 100)).collect();
    let stays: Vec<_> = (0..10).map(|_| request(&counters, "stays", 100)).collect();
    yield_now().await;
    for request in gone {
        request.abort();
        assert!(request.await.unwrap_err().is_cancelled());
    }
    // The requests in flight, whose end releases the others.
    for request in sent {
        request.abort();
        assert!(request.await.unwrap_err().is_cancelled());
    }
    server.cont();
    for (index, request) in stays.into_iter().enumerate() {
        assert_eq!(request.await.unwrap().unwrap().remaining, 99 - index as u64);
    }
    let left = request(&counters, "gone", 100).await.unwrap().unwrap();
    assert_eq!(left.remaining, 99);
    let left = request(&counters, "sent", 100).await.unwrap().unwrap();
    let charged = 99 - left.remaining;
    assert!(charged <= 1 + UNDER_WAY as u64, "{charged} charged");
}

#[tokio::test(flavor = "multi_thread")]
async fn takes_of_a_request_stay_together_in_a_batch() {
    let server = RedisProc::start();
    let counters = open(server.port()).await;
    let mut tasks = JoinSet::new();
    for index in 0..64 {
        let counters = counters.clone();
        tasks.spawn(async move {
            let (counter_key, wide, narrow) =
                (counter_key("batches"), fixed(100, 600), fixed(5, 600));
            let of = |key, rule| {
                let mut charge = charge(&counter_key, rule);
                charge.key = key;
                charge
            };
            let mut charges = [of(b"wide".as_slice(), &wide), of(b"narrow", &narrow)];
            if index % 2 == 0 {
                charges.reverse();
            }
            let outcomes = counters.charge(&charges, now()).await.unwrap();
            outcomes.iter().all(|outcome| outcome.allowed)
        });
    }
    let admitted = tasks.join_all().await.into_iter().filter(|all| *all);
    assert_eq!(admitted.count(), 5);
    let wide = request(&counters, "wide", 100).await.unwrap().unwrap();
    assert_eq!(wide.remaining, 94);
}

/// Measures how late sleeping tasks wake up, since the machine is shared.
async fn lag(of: Duration) -> Duration {
    let (start, mut lag) = (Instant::now(), Duration::ZERO);
    while start.elapsed() < of {
        let (pause, since) = (Duration::from_millis(1), Instant::now());
        tokio::time::sleep(pause).await;
        lag = lag.max(since.elapsed().saturating_sub(pause));
    }
    lag
}

async fn all_fail_in_time(what: &str, fault: impl FnOnce(&mut RedisProc)) {
    static BEGUN: AtomicUsize = AtomicUsize::new(0);
    let mut server = RedisProc::start();
    let counters = connected(options(server.port())).await;
    until_counted(&counters, PATIENCE).await;
    server.stop();
    let lag = tokio::spawn(lag(DEADLINE * 3));
    let before = BEGUN.load(Ordering::Relaxed);
    let mut requests = JoinSet::new();
    for _ in 0..200 {
        let counters = counters.clone();
        requests.spawn(async move {
            let start = Instant::now();
            BEGUN.fetch_add(1, Ordering::Relaxed);
            let answer = request(&counters, "queue", 1_000).await.unwrap();
            assert!(answer.is_err(), "{answer:?}");
            start.elapsed()
        });
    }
    let begun = || BEGUN.load(Ordering::Relaxed) >= before + 200;
    eventually(PATIENCE, "all requests", begun).await;
    block_in_place(|| fault(&mut server));
    let slowest = requests.join_all().await.into_iter().max().unwrap();
    let lag = lag.await.unwrap();
    println!("{what}: slowest {slowest:.1?}, timers late by up to {lag:.1?}");
    let bound = DEADLINE + Duration::from_millis(25) + lag;
    assert!(slowest <= bound, "{what}: {slowest:?}, more than {bound:?}");
    eventually(PATIENCE, "the fault", || counters.health().is_err()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn waiting_requests_fail_in_time_without_redis() {
    all_fail_in_time("frozen", |_| {}).await;
    all_fail_in_time("killed", RedisProc::kill).await;
}
