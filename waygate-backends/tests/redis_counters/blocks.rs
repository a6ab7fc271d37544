use std::time::{Duration, Instant};

use waygate_backends::RedisCounters;
use waygate_core::{
    limit::{Quota, Rule, quota::SECOND},
    port::{Charge, CounterStore},
};
use waygate_faultproxy::RedisProc;

use crate::support::{ask, charge, counter_key, fixed, now, open};

fn trips(server: &RedisProc) -> u64 {
    let stats = server.command(&["INFO", "commandstats"]);
    let calls = stats
        .lines()
        .filter(|line| line.starts_with("cmdstat_eval"));
    calls
        .filter_map(|line| {
            line.split("calls=")
                .nth(1)?
                .split(',')
                .next()?
                .parse::<u64>()
                .ok()
        })
        .sum()
}

/// Counts the refusals that ran no script, apart from those that report the process.
async fn refusals_without_a_trip(
    server: &RedisProc,
    requests: u64,
    mut request: impl AsyncFnMut(),
) -> u64 {
    let before = trips(server);
    for _ in 0..requests {
        request().await;
    }
    requests.saturating_sub(trips(server) - before)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_key_is_refused_without_a_round_trip() {
    let server = RedisProc::start();
    let counters = open(server.port()).await;
    let (counter_key, rule) = (counter_key("blocked"), fixed(1, 600));
    assert!(
        ask(&counters, charge(&counter_key, &rule))
            .await
            .unwrap()
            .allowed
    );
    let mut waits = Vec::new();
    let local = refusals_without_a_trip(&server, 500, async || {
        let outcome = ask(&counters, charge(&counter_key, &rule)).await.unwrap();
        assert!(!outcome.allowed && outcome.remaining == 0 && outcome.limit == 1);
        waits.push(outcome.retry_after);
    })
    .await;
    // Redis is asked, and the process reported, at least once a second.
    assert!(local > 400, "{local} of 500");
    assert!(
        waits
            .iter()
            .all(|wait| (590 * SECOND..=600 * SECOND).contains(wait))
    );
    // The wait falls, by up to a rounded millisecond with each answer of Redis.
    assert!(
        waits.windows(2).all(|pair| pair[1] <= pair[0] + 2_000_000),
        "{waits:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_remembered_refusal_ends_in_time() {
    let server = RedisProc::start();
    let counters = open(server.port()).await;
    let counter_key = counter_key("bucket");
    let rule = Rule::Quota(Quota::TokenBucket {
        capacity: 1,
        emission: SECOND / 4,
    });
    let start = Instant::now();
    let mut admitted = 0;
    while admitted < 9 {
        let outcome = ask(&counters, charge(&counter_key, &rule)).await.unwrap();
        admitted += u32::from(outcome.allowed);
        let wait = Duration::from_nanos(outcome.retry_after);
        assert!(wait <= Duration::from_millis(250));
        // Repeats the request exactly after the announced wait.
        tokio::time::sleep(wait).await;
        assert!(start.elapsed() < Duration::from_secs(10));
    }
    // Eight tokens must be refilled, one every quarter of a second.
    assert!(start.elapsed() >= Duration::from_secs(2) - Duration::from_millis(2));
}

#[tokio::test(flavor = "multi_thread")]
async fn another_request_asks_redis() {
    let server = RedisProc::start();
    let counters = open(server.port()).await;
    let (counter_key, rule, wider) = (counter_key("changes"), fixed(3, 600), fixed(5, 600));
    let costly = charge(&counter_key, &rule).cost(3);
    assert!(ask(&counters, costly.cost(2)).await.unwrap().allowed);
    assert!(!ask(&counters, costly).await.unwrap().allowed);
    // A smaller cost fits.
    assert!(
        ask(&counters, charge(&counter_key, &rule))
            .await
            .unwrap()
            .allowed
    );
    assert!(
        !ask(&counters, charge(&counter_key, &rule))
            .await
            .unwrap()
            .allowed
    );
    // So does the same cost under a wider limit.
    assert!(
        ask(&counters, charge(&counter_key, &wider))
            .await
            .unwrap()
            .allowed
    );
    assert!(
        !ask(&counters, charge(&counter_key, &rule))
            .await
            .unwrap()
            .allowed
    );
    // Refunded units are available immediately.
    counters
        .adjust(charge(&counter_key, &rule), 2, now())
        .await
        .unwrap();
    assert!(
        ask(&counters, charge(&counter_key, &rule))
            .await
            .unwrap()
            .allowed
    );
    assert!(
        !ask(&counters, charge(&counter_key, &rule))
            .await
            .unwrap()
            .allowed
    );
    counters
        .reset(charge(&counter_key, &rule), now())
        .await
        .unwrap();
    assert!(
        ask(&counters, charge(&counter_key, &rule))
            .await
            .unwrap()
            .allowed
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reset_by_another_process_applies_within_a_second() {
    let server = RedisProc::start();
    let (one, other) = (open(server.port()).await, open(server.port()).await);
    let (counter_key, rule) = (counter_key("forgotten"), fixed(1, 600));
    assert!(
        ask(&one, charge(&counter_key, &rule))
            .await
            .unwrap()
            .allowed
    );
    assert!(
        !ask(&one, charge(&counter_key, &rule))
            .await
            .unwrap()
            .allowed
    );
    other
        .reset(charge(&counter_key, &rule), now())
        .await
        .unwrap();
    let start = Instant::now();
    loop {
        // The time of the request matters: the machine may be slow to answer.
        let asked = start.elapsed();
        if ask(&one, charge(&counter_key, &rule))
            .await
            .unwrap()
            .allowed
        {
            break;
        }
        assert!(asked < Duration::from_secs(1), "{asked:?}");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

/// The key is refused for longer than a refusal is cached while Redis answers, and for a reason other than a failing
/// store.
async fn stays_refused(counters: &RedisCounters, charge: Charge<'_>) {
    let start = Instant::now();
    while start.elapsed() < Duration::from_millis(1_500) {
        let outcome = ask(counters, charge).await.unwrap();
        assert!(!outcome.allowed && outcome.retry_after > 0);
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let mut other = charge;
    other.key = b"198.51.100.1";
    assert!(ask(counters, other).await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn refusals_hold_while_redis_is_out_of_memory() {
    let mut server = RedisProc::start();
    let counters = open(server.port()).await;
    let (counter_key, rule) = (counter_key("full"), fixed(1, 600));
    assert!(
        ask(&counters, charge(&counter_key, &rule))
            .await
            .unwrap()
            .allowed
    );
    assert!(
        !ask(&counters, charge(&counter_key, &rule))
            .await
            .unwrap()
            .allowed
    );
    tokio::task::block_in_place(|| server.config_set("maxmemory", "1"));
    stays_refused(&counters, charge(&counter_key, &rule)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn refusals_hold_with_a_wrong_password() {
    let mut server = RedisProc::start();
    let counters = open(server.port()).await;
    let (counter_key, rule) = (counter_key("locked out"), fixed(1, 600));
    assert!(
        ask(&counters, charge(&counter_key, &rule))
            .await
            .unwrap()
            .allowed
    );
    assert!(
        !ask(&counters, charge(&counter_key, &rule))
            .await
            .unwrap()
            .allowed
    );
    tokio::task::block_in_place(|| {
        server.config_set("requirepass", "other");
        server.command(&["CLIENT", "KILL", "TYPE", "normal"]);
    });
    stays_refused(&counters, charge(&counter_key, &rule)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn refusals_hold_without_redis() {
    let mut server = RedisProc::start();
    let counters = open(server.port()).await;
    let (counter_key, rule) = (counter_key("outage"), fixed(1, 600));
    assert!(
        ask(&counters, charge(&counter_key, &rule))
            .await
            .unwrap()
            .allowed
    );
    assert!(
        !ask(&counters, charge(&counter_key, &rule))
            .await
            .unwrap()
            .allowed
    );
    tokio::task::block_in_place(|| server.kill());
    stays_refused(&counters, charge(&counter_key, &rule)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn known_refusals_need_no_wait() {
    let server = RedisProc::start();
    let counters = open(server.port()).await;
    let (counter_key, rule) = (counter_key("known"), fixed(1, 600));
    let known = || counters.known_refusal(&[charge(&counter_key, &rule)], now());
    assert!(
        ask(&counters, charge(&counter_key, &rule))
            .await
            .unwrap()
            .allowed
    );
    assert!(known().is_none());
    let refused = ask(&counters, charge(&counter_key, &rule)).await.unwrap();
    let outcomes = known().unwrap();
    assert_eq!(outcomes.len(), 1);
    assert!(!outcomes[0].allowed && outcomes[0].retry_after <= refused.retry_after);
    counters
        .reset(charge(&counter_key, &rule), now())
        .await
        .unwrap();
    assert!(known().is_none());
}
