//! Limits that many processes share, and each failure policy while their Redis is down.

use std::time::{Duration, Instant};

use axum::http::StatusCode;
use tokio::task::block_in_place;
use waygate::{
    Waygate,
    limits::{LimitKey, RateLimitPolicy},
};
use waygate_faultproxy::{RedisProc, eventually};

use crate::{
    http::Service,
    support::{PATIENCE, options},
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_failure_policy_applies_without_redis() {
    let mut server = RedisProc::start();
    let service = Service::start(options(server.addr())).await;
    let client = &service.client;
    for path in ["/local", "/open", "/closed"] {
        assert_eq!(client.get(path).await, StatusCode::OK, "{path}");
    }
    block_in_place(|| server.kill());
    eventually(PATIENCE, "the fault", || service.counters.health().is_err()).await;
    let before = service.waygate.counting_modes();
    for _ in 0..10 {
        assert_eq!(client.get("/local").await, StatusCode::OK);
        assert_eq!(client.get("/open").await, StatusCode::OK);
        assert_eq!(client.get("/closed").await, StatusCode::TOO_MANY_REQUESTS);
        assert_eq!(
            client.get("/disabled").await,
            StatusCode::SERVICE_UNAVAILABLE
        );
    }
    let after = service.waygate.counting_modes();
    let mut expected = before;
    expected.local += 10;
    expected.open += 10;
    expected.closed += 10;
    assert_eq!(after, expected);
    block_in_place(|| server.restart());
    eventually(PATIENCE, "a connection", || {
        service.counters.health().is_ok()
    })
    .await;
    assert_eq!(client.get("/closed").await, StatusCode::OK);
}

/// The engine gives up on Redis before the counters would.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn refused_clients_gain_nothing_when_redis_is_given_up() {
    let server = RedisProc::start();
    let service = Service::start(options(server.addr()).deadline(PATIENCE)).await;
    let refused = Instant::now();
    let status = service.client.get("/exhausted").await;
    assert_eq!(status, StatusCode::TOO_MANY_REQUESTS);
    // Redis is asked again from then on.
    eventually(PATIENCE, "a second", || {
        refused.elapsed() > Duration::from_millis(1_100)
    })
    .await;
    server.stop();
    let status = service.client.get("/exhausted").await;
    server.cont();
    assert_eq!(status, StatusCode::TOO_MANY_REQUESTS);
}

/// The number of policies of a route does not matter.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_makes_one_round_trip() {
    const REQUESTS: usize = 50;
    let server = RedisProc::start();
    let service = Service::start(options(server.addr())).await;
    // Redis caches the script from then on.
    service.client.get("/two").await;
    let monitor = server.monitor();
    for _ in 0..REQUESTS {
        assert_eq!(service.client.get("/two").await, StatusCode::OK);
    }
    server.command(&["ECHO", "all of them"]);
    eventually(PATIENCE, "all commands", || {
        monitor
            .seen()
            .iter()
            .any(|line| line.contains("all of them"))
    })
    .await;
    let seen = monitor.stop();
    // Commands inside scripts have `lua` in place of an address. The heartbeat names processes, not limits.
    let takes = seen.iter().filter(|line| {
        !line.contains(" lua]") && line.contains("EVALSHA") && !line.contains("processes")
    });
    assert_eq!(takes.count(), REQUESTS, "{seen:#?}");
}

/// Whether an engine applies this limit; `None` for no limit at all.
fn applies(engine: &Waygate, key: &LimitKey, limit: Option<&str>) -> bool {
    let found = engine.rate_limit(key);
    found
        .map(|record| record.policy.limit.to_string())
        .as_deref()
        == limit
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn edited_and_deleted_policies_reach_every_replica() {
    const ENGINES: usize = 8;
    const CHANGES: usize = 60;
    let server = RedisProc::start();
    let mut services = Vec::new();
    for _ in 0..ENGINES {
        services.push(Service::start(options(server.addr())).await);
    }
    let key: LimitKey = "*#shared".parse().unwrap();
    let mut times = Vec::new();
    for nth in 0..=CHANGES {
        let system = services[nth % ENGINES].waygate.system();
        let text = format!("{}/minute", 1_000 + nth);
        let begin = Instant::now();
        let expected = match nth % 3 {
            2 => {
                system.delete_rate_limit(key.clone()).await.unwrap();
                None
            }
            _ => {
                let policy = RateLimitPolicy::new(text.parse().unwrap()).unwrap();
                system.set_rate_limit(key.clone(), policy).await.unwrap();
                Some(&*text)
            }
        };
        let waits = services.iter().map(|service| async {
            eventually(PATIENCE, "the change", || {
                applies(&service.waygate, &key, expected)
            })
            .await;
            begin.elapsed()
        });
        let waits = futures_util::future::join_all(waits).await;
        // The first change waits until every engine has subscribed.
        if nth > 0 {
            times.extend(waits);
        }
    }
    times.sort_unstable();
    let p99 = times[(times.len() - 1) * 99 / 100];
    println!(
        "{CHANGES} changes of a limit over {ENGINES} engines: p50 {:.1?}, p99 {p99:.1?}, max {:.1?}",
        times[times.len() / 2],
        times[times.len() - 1]
    );
    assert!(p99 <= Duration::from_millis(100), "{p99:?}");
}
