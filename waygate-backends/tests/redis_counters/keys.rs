use std::{net::SocketAddr, sync::Arc, time::Duration};

use tokio::task::JoinSet;
use waygate_core::{
    limit::{Quota, Rule, quota::SECOND},
    port::{CounterStore, Place, Take},
};
use waygate_faultproxy::{Direction, FaultProxy, Mode, RedisProc, eventually};

use crate::support::{ask, connected, fixed, now, open, options, series, take};

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
    let (rules, all) = (rules(), series("all"));
    // Redis caches the script from then on.
    ask(&counters, take(&all, &rules[0])).await.unwrap();
    let monitor = server.monitor();
    for rule in &rules {
        let series = series(&format!("{rule:?}"));
        ask(&counters, take(&series, rule)).await.unwrap();
    }
    let series: Vec<_> = (0..rules.len())
        .map(|index| series(&format!("all {index}")))
        .collect();
    let takes: Vec<Take<'_>> = series
        .iter()
        .zip(&rules)
        .map(|(series, rule)| take(series, rule))
        .collect();
    let outcomes = counters.take(&takes, now()).await.unwrap();
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
    let takes = trips(&seen)
        .into_iter()
        .filter(|line| !line.contains("processes"));
    assert_eq!(takes.count(), rules.len() + 1, "{seen:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn redis_keys_reveal_no_rate_limit_key() {
    let server = RedisProc::start();
    let counters = open(server.port()).await;
    let (series, rule) = (series("GET:/payments"), fixed(10, 60));
    ask(&counters, take(&series, &rule)).await.unwrap();
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
        let series = series(&format!("{}", round % 7));
        let direction = [Direction::ToServer, Direction::ToClient][round % 2];
        proxy.set(Mode::Cut {
            direction,
            after: random.u64(0..400),
        });
        for _ in 0..3 {
            // This may be charged.
            let _ = ask(&counters, take(&series, rule)).await;
        }
        proxy.set(Mode::Pass);
        crate::support::until_counted(&counters, Duration::from_secs(5)).await;
        let taken = ask(&counters, take(&series, rule)).await.unwrap();
        assert!(taken.allowed);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn permits_are_acquired_and_released() {
    let server = RedisProc::start();
    let counters = open(server.port()).await;
    let series = series("places");
    let place = |holder, lifetime| Place::new(&series, b"ada", holder, 2, lifetime);
    let long = Duration::from_secs(60);
    let short = Duration::from_millis(50);
    let occupy = async |place| {
        let occupancy = counters.occupy(place, now()).await.unwrap();
        (occupancy.allowed, occupancy.taken)
    };
    assert_eq!(occupy(place(1, long)).await, (true, 1));
    assert_eq!(occupy(place(2, short)).await, (true, 2));
    assert_eq!(occupy(place(1, long)).await, (true, 2));
    // Wait until the short window is over.
    let start = std::time::Instant::now();
    while !occupy(place(3, long)).await.0 {
        assert!(start.elapsed() < Duration::from_secs(5));
    }
    assert_eq!(occupy(place(4, long)).await, (false, 2));
    counters.vacate(place(1, long)).await.unwrap();
    assert_eq!(occupy(place(4, long)).await, (true, 2));
    counters.vacate(place(9, long)).await.unwrap();
    assert_eq!(occupy(place(5, long)).await, (false, 2));
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
    let (wide, narrow, series) = (fixed(10, 60), fixed(1, 60), series("cluster"));
    let of = |key, rule| {
        let mut take = take(&series, rule);
        take.key = key;
        take
    };
    let takes = [of(b"one", &wide), of(b"two", &narrow), of(b"three", &wide)];
    let outcomes = counters.take(&takes, now()).await.unwrap();
    let decisions = |outcomes: &[waygate_core::limit::Outcome]| -> Vec<(bool, u64)> {
        outcomes
            .iter()
            .map(|outcome| (outcome.allowed, outcome.remaining))
            .collect()
    };
    assert_eq!(decisions(&outcomes), [(true, 9), (true, 0), (true, 9)]);
    let outcomes = counters.take(&takes, now()).await.unwrap();
    assert_eq!(decisions(&outcomes), [(true, 9), (false, 0), (true, 9)]);
    // The charges of the first group were refunded.
    let look = of(b"one", &wide).cost(0);
    assert_eq!(ask(&counters, look).await.unwrap().remaining, 9);
}
