use std::{net::SocketAddr, sync::Arc, time::Duration};

use tokio::task::JoinSet;
use waygate_core::{
    limit::{Quota, Rule, quota::SECOND},
    port::{Charge, CounterStore, Permit},
};
use waygate_faultproxy::{Direction, FaultProxy, Mode, RedisProc, eventually};

use crate::support::{ask, charge, connected, counter_key, fixed, now, open, options};

fn rules() -> Vec<Rule> {
    vec![
        fixed(100, 60),
        Rule::Quota(Quota::SlidingWindow {
            capacity: 100,
            period: 60,
        }),
        Rule::Quota(Quota::TokenBucket {
            capacity: 100,
            emission: SECOND,
        }),
        Rule::Quota(Quota::Calendar {
            capacity: 100,
            start: now() - SECOND,
            end: now() + 3_600 * SECOND,
        }),
        Rule::Moving {
            capacity: 100,
            period: 60 * SECOND,
        },
    ]
}

/// Returns the commands of clients, without those of scripts.
fn trips(seen: &[String]) -> Vec<&String> {
    let commands = seen.iter().filter(|line| !line.contains(" lua]"));
    commands.filter(|line| line.contains("\"EVAL")).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_with_several_takes_is_one_round_trip() {
    let server = RedisProc::start();
    let counters = open(server.port()).await;
    let (rules, all) = (rules(), counter_key("all"));
    // Redis caches the script from then on.
    ask(&counters, charge(&all, &rules[0])).await.unwrap();
    let monitor = server.monitor();
    for rule in &rules {
        let counter_key = counter_key(&format!("{rule:?}"));
        ask(&counters, charge(&counter_key, rule)).await.unwrap();
    }
    let counter_key: Vec<_> = (0..rules.len())
        .map(|index| counter_key(&format!("all {index}")))
        .collect();
    let charges: Vec<Charge<'_>> = counter_key
        .iter()
        .zip(&rules)
        .map(|(counter_key, rule)| charge(counter_key, rule))
        .collect();
    let outcomes = counters.charge(&charges, now()).await.unwrap();
    assert!(
        outcomes
            .iter()
            .all(|outcome| outcome.allowed && outcome.remaining == 99),
        "{outcomes:?}"
    );
    let last = "EVALSHA of the last request";
    eventually(Duration::from_secs(5), last, || {
        monitor.seen().iter().any(|line| line.contains("\"5\""))
    })
    .await;
    let seen = monitor.stop();
    let charges = trips(&seen)
        .into_iter()
        .filter(|line| !line.contains("processes"));
    assert_eq!(charges.count(), rules.len() + 1, "{seen:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn redis_keys_reveal_no_rate_limit_key() {
    let server = RedisProc::start();
    let counters = open(server.port()).await;
    let (counter_key, rule) = (counter_key("GET:/payments"), fixed(10, 60));
    ask(&counters, charge(&counter_key, &rule)).await.unwrap();
    let names = server.command(&["KEYS", "*"]);
    assert!(names.contains("waygate:c:{"), "{names}");
    for secret in ["203.0.113.7", "payments"] {
        assert!(!names.contains(secret), "{names}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_counter_expires_even_after_a_cut() {
    let server = RedisProc::start();
    // Four clients at the same time: most of the time is pauses before connections.
    let (mut clients, rules) = (JoinSet::new(), Arc::new(rules()));
    for seed in 11..15 {
        clients.spawn(cut_often(server.addr(), rules.clone(), seed));
    }
    clients.join_all().await;
    let names = server.command(&["KEYS", "waygate:c:*"]);
    let names: Vec<&str> = names
        .split_whitespace()
        .filter(|name| name.starts_with("waygate"))
        .collect();
    assert!(names.len() >= 7, "{names:?}");
    for name in names {
        let left: i64 = server.command(&["PTTL", name]).parse().unwrap();
        assert!(left > 0, "{name} expires in {left} ms");
    }
}

async fn cut_often(server: SocketAddr, rules: Arc<Vec<Rule>>, seed: u64) {
    let proxy = FaultProxy::start(server).await;
    let counters = connected(options(proxy.port())).await;
    let mut random = fastrand::Rng::with_seed(seed);
    for round in 0..15 {
        let rule = &rules[random.usize(..rules.len())];
        let counter_key = counter_key(&format!("{}", round % 7));
        let direction = [Direction::ToServer, Direction::ToClient][round % 2];
        proxy.set(Mode::Cut {
            direction,
            after: random.u64(0..400),
        });
        for _ in 0..3 {
            // This may be charged.
            let _ = ask(&counters, charge(&counter_key, rule)).await;
        }
        proxy.set(Mode::Pass);
        crate::support::until_counted(&counters, Duration::from_secs(5)).await;
        let taken = ask(&counters, charge(&counter_key, rule)).await.unwrap();
        assert!(taken.allowed);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn permits_are_acquired_and_released() {
    let server = RedisProc::start();
    let counters = open(server.port()).await;
    let counter_key = counter_key("places");
    let permit = |holder, lifetime| Permit::new(&counter_key, b"ada", holder, 2, lifetime);
    let long = Duration::from_secs(60);
    let short = Duration::from_millis(50);
    let acquire = async |permit| {
        let outcome = counters.acquire(permit, now()).await.unwrap();
        (outcome.allowed, outcome.in_use)
    };
    assert_eq!(acquire(permit(1, long)).await, (true, 1));
    assert_eq!(acquire(permit(2, short)).await, (true, 2));
    assert_eq!(acquire(permit(1, long)).await, (true, 2));
    // Wait until the short window is over.
    let start = std::time::Instant::now();
    while !acquire(permit(3, long)).await.0 {
        assert!(start.elapsed() < Duration::from_secs(5));
    }
    assert_eq!(acquire(permit(4, long)).await, (false, 2));
    counters.release(permit(1, long)).await.unwrap();
    assert_eq!(acquire(permit(4, long)).await, (true, 2));
    counters.release(permit(9, long)).await.unwrap();
    assert_eq!(acquire(permit(5, long)).await, (false, 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn replicas_are_counted() {
    let server = RedisProc::start();
    let (one, two) = (open(server.port()).await, open(server.port()).await);
    let patience = Duration::from_secs(10);
    eventually(patience, "two processes", || {
        one.replicas() == 2 && two.replicas() == 2
    })
    .await;
    drop(two);
    let gone = "one process that is left";
    eventually(Duration::from_secs(30), gone, || one.replicas() == 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_decides_key_by_key() {
    let server = RedisProc::options().cluster().start();
    let url = format!("redis+cluster://127.0.0.1:{}", server.port());
    let counters = connected(waygate_backends::RedisOptions::new(&url).unwrap()).await;
    let (wide, narrow, counter_key) = (fixed(10, 60), fixed(1, 60), counter_key("cluster"));
    let of = |key, rule| {
        let mut charge = charge(&counter_key, rule);
        charge.key = key;
        charge
    };
    let charges = [of(b"one", &wide), of(b"two", &narrow), of(b"three", &wide)];
    let outcomes = counters.charge(&charges, now()).await.unwrap();
    let decisions = |outcomes: &[waygate_core::limit::Outcome]| -> Vec<(bool, u64)> {
        outcomes
            .iter()
            .map(|outcome| (outcome.allowed, outcome.remaining))
            .collect()
    };
    assert_eq!(decisions(&outcomes), [(true, 9), (true, 0), (true, 9)]);
    let outcomes = counters.charge(&charges, now()).await.unwrap();
    assert_eq!(decisions(&outcomes), [(true, 9), (false, 0), (true, 9)]);
    // The charges of the first group were refunded.
    let look = of(b"one", &wide).cost(0);
    assert_eq!(ask(&counters, look).await.unwrap().remaining, 9);
}
