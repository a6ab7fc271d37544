use std::time::{Duration, Instant};

use waygate_backends::RedisCounters;
use waygate_core::{
    limit::{Rule, quota::SECOND},
    port::{CounterError, CounterStore},
};
use waygate_faultproxy::{FaultProxy, RedisProc, eventually, free_port};

use crate::support::{
    DEADLINE, PATIENCE, ask, charge, connected, counter_key, fixed, now, open, patient,
    until_counted,
};

async fn error(counters: &RedisCounters) -> Option<CounterError> {
    let (counter_key, rule) = (counter_key("answers"), fixed(1 << 40, 60));
    ask(counters, charge(&counter_key, &rule)).await.err()
}

/// Repeats a request until its error `fits`.
async fn until_error(
    counters: &RedisCounters,
    fits: impl Fn(&CounterError) -> bool,
) -> CounterError {
    let start = Instant::now();
    loop {
        let found = error(counters).await;
        if let Some(error) = found.clone().filter(&fits) {
            return error;
        }
        assert!(start.elapsed() < PATIENCE, "{found:?}");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flushed_script_is_sent_again() {
    let server = RedisProc::start();
    let counters = open(server.port()).await;
    assert!(error(&counters).await.is_none());
    for _ in 0..3 {
        server.command(&["SCRIPT", "FLUSH"]);
        assert!(error(&counters).await.is_none());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replica_refuses_until_it_is_promoted() {
    let server = RedisProc::start();
    let counters = open(server.port()).await;
    server.replicate(([127, 0, 0, 1], free_port()).into());
    let refused = until_error(&counters, |error| matches!(error, CounterError::Refused(_))).await;
    assert!(refused.to_string().contains("READONLY"), "{refused}");
    // Any connection gets this error.
    assert!(matches!(
        error(&counters).await,
        Some(CounterError::Refused(_))
    ));
    server.promote();
    let back = until_counted(&counters, Duration::from_secs(3)).await;
    println!("a promoted replica counts after {back:.0?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redis_without_memory_refuses_and_recovers() {
    let mut server = RedisProc::start();
    let counters = open(server.port()).await;
    assert!(error(&counters).await.is_none());
    server.config_set("maxmemory-policy", "noeviction");
    server.config_set("maxmemory", "1");
    let refused = error(&counters).await.expect("no memory");
    assert!(matches!(refused, CounterError::Refused(_)), "{refused}");
    assert!(refused.to_string().contains("OOM"), "{refused}");
    assert!(counters.health().is_err());
    server.config_set("maxmemory", "0");
    assert!(error(&counters).await.is_none());
    eventually(Duration::from_secs(3), "health", || {
        counters.health().is_ok()
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_loading_redis_is_retried() {
    let mut server = RedisProc::options()
        .argument("enable-debug-command", ["yes"])
        .start();
    let counters = open(server.port()).await;
    for key in 0..400 {
        server.command(&["SET", &format!("ballast:{key}"), &"x".repeat(100)]);
    }
    server.config_set("rdbcompression", "no");
    // Answers clients while it loads slowly.
    server.config_set("loading-process-events-interval-bytes", "1024");
    server.config_set("key-load-delay", "5000");
    let server = std::sync::Arc::new(server);
    let reload = tokio::task::spawn_blocking({
        let server = std::sync::Arc::clone(&server);
        move || server.command(&["DEBUG", "RELOAD"])
    });
    let loading = until_error(&counters, |error| error.to_string().contains("LOADING")).await;
    assert!(matches!(loading, CounterError::Refused(_)), "{loading}");
    reload.await.unwrap();
    until_counted(&counters, Duration::from_secs(3)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_password_is_reported_and_retried_slowly() {
    let mut server = RedisProc::options().password("hunter2").start();
    let proxy = FaultProxy::start(server.addr()).await;
    let counters = connected(patient(proxy.port()).password("hunter2".to_owned())).await;
    server.config_set("requirepass", "other");
    proxy.reset_connections();
    let wrong = until_error(&counters, |error| {
        matches!(error, CounterError::Misconfigured(_))
    })
    .await;
    assert!(!wrong.to_string().contains("hunter2"), "{wrong}");
    assert!(!format!("{counters:?}").contains("hunter2"));
    let (dials, start) = (proxy.counts().accepted, Instant::now());
    eventually(PATIENCE, "another attempt", || {
        proxy.counts().accepted > dials
    })
    .await;
    while start.elapsed() < Duration::from_secs(1) {
        assert!(error(&counters).await.is_some());
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    assert!(
        proxy.counts().accepted <= dials + 2,
        "{} attempts",
        proxy.counts().accepted - dials
    );
    server.config_set("requirepass", "hunter2");
    until_counted(&counters, Duration::from_millis(2_500)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unreachable_redis_does_not_prevent_the_start() {
    let port = free_port();
    let counters = RedisCounters::open(patient(port));
    assert!(matches!(
        error(&counters).await,
        Some(CounterError::Unavailable(_))
    ));
    let _server = RedisProc::options().port(port).start();
    until_counted(&counters, Duration::from_secs(3)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn redis_is_reached_over_tls() {
    let server = RedisProc::options().tls().start();
    let url = format!("rediss://127.0.0.1:{}", server.tls_addr().port());
    let options = waygate_backends::RedisOptions::new(&url).unwrap();
    let trusted = connected(options.clone().ca_file(&server.certificate().certificate)).await;
    assert!(error(&trusted).await.is_none());
    // Only this option makes the certificate trusted.
    let counters = RedisCounters::open(options);
    assert!(
        until_error(&counters, |_| true)
            .await
            .to_string()
            .contains("unavailable")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_beyond_max_in_flight_fail_immediately() {
    let server = RedisProc::start();
    let counters = connected(patient(server.port()).max_in_flight(2)).await;
    server.stop();
    let mut requests = tokio::task::JoinSet::new();
    for _ in 0..4 {
        let counters = counters.clone();
        requests.spawn(async move { error(&counters).await });
    }
    let start = Instant::now();
    for _ in 0..2 {
        let text = requests
            .join_next()
            .await
            .unwrap()
            .unwrap()
            .unwrap()
            .to_string();
        assert!(text.contains("as many requests as may wait"), "{text}");
    }
    println!("refused after {:.0?}", start.elapsed());
    assert!(start.elapsed() < DEADLINE);
    server.cont();
}

/// Opens a store as the user `ada`, who has permissions besides those for keys and channels.
fn store_of_ada(rules: &str) -> (RedisProc, RedisCounters) {
    let rules = format!("on >secret ~waygate:* &waygate:* {rules}");
    let server = RedisProc::options().user("ada", &rules).start();
    let options = patient(server.port())
        .user("ada")
        .password("secret".to_owned());
    (server, RedisCounters::open(options))
}

#[tokio::test(flavor = "multi_thread")]
async fn the_documented_permissions_are_enough() {
    let (_server, counters) =
        store_of_ada("+@read +@write +@scripting +@pubsub +@connection +time");
    let (counter_key, rule) = (counter_key("permitted"), fixed(2, 600));
    assert!(
        ask(&counters, charge(&counter_key, &rule))
            .await
            .unwrap()
            .allowed
    );
    counters
        .adjust(charge(&counter_key, &rule), 1, now())
        .await
        .unwrap();
    counters
        .reset(charge(&counter_key, &rule), now())
        .await
        .unwrap();
    counters.health().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_without_time_permission_is_reported() {
    let (_server, counters) = store_of_ada("+@read +@write +@scripting +@pubsub +@connection");
    eventually(PATIENCE, "the missing permission", || {
        matches!(counters.health(), Err(CounterError::Misconfigured(_)))
    })
    .await;
    let moving = Rule::Moving {
        capacity: 2,
        period: SECOND,
    };
    for rule in [moving, fixed(2, 1)] {
        let denied = ask(&counters, charge(&counter_key("denied"), &rule)).await;
        assert!(
            matches!(denied, Err(CounterError::Misconfigured(_))),
            "{denied:?}"
        );
    }
}
