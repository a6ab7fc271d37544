//! Propagation time of changes.

use std::time::{Duration, Instant};

use waygate::Waygate;
use waygate_faultproxy::{RedisProc, eventually};

use crate::support::*;

async fn engines(options: waygate::port::RedisOptions, count: usize) -> Vec<Waygate> {
    let mut engines = Vec::new();
    for _ in 0..count {
        let waygate = engine(options.clone()).await;
        app(&waygate, 2).await;
        engines.push(waygate);
    }
    engines
}

/// Toggles a route at one engine, and returns how long each of the others took to see it.
async fn change(engines: &[Waygate], nth: usize) -> Vec<Duration> {
    let writer = &engines[nth % engines.len()];
    let begin = Instant::now();
    let system = writer.system();
    let made = match nth % 2 {
        0 => system.disable("GET:/0", "test").await,
        _ => system.enable("GET:/0", "test").await,
    };
    let due = made.unwrap().revision.number;
    let waits = engines.iter().map(|engine| async move {
        eventually(PATIENCE, "the change is seen", || {
            engine.route("GET:/0").unwrap().revision.number >= due
        })
        .await;
        begin.elapsed()
    });
    futures_util::future::join_all(waits).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn eight_engines_converge_quickly() {
    let changes: usize =
        std::env::var("WAYGATE_TEST_CHANGES").map_or(200, |text| text.parse().unwrap());
    let server = RedisProc::start();
    let engines = engines(options(server.addr()), 8).await;
    // The first change waits until every engine has subscribed.
    change(&engines, 0).await;
    let mut times = Vec::new();
    for nth in 1..=changes {
        times.extend(change(&engines, nth).await);
    }
    times.sort_unstable();
    let at = |share: f64| times[((times.len() - 1) as f64 * share) as usize];
    let (half, p99, most) = (at(0.5), at(0.99), at(1.0));
    println!(
        "{changes} changes over 8 engines, from the call to everywhere: p50 {half:?}, p99 {p99:?}, max {most:?}"
    );
    assert!(p99 <= Duration::from_millis(100), "{p99:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_messages_they_converge_by_polling() {
    // This user can neither publish nor subscribe.
    let rules = "on >secret ~waygate:* resetchannels +@all";
    let server = RedisProc::options().user("deaf", rules).start();
    let options = options(server.addr())
        .user("deaf")
        .password("secret".to_owned());
    let engines = engines(options, 3).await;
    let mut most = Duration::ZERO;
    for nth in 0..2 {
        most = most.max(change(&engines, nth).await.into_iter().max().unwrap());
    }
    println!("no messages at all: the latest engine saw a change after {most:?}");
    assert!(most <= Duration::from_secs(7), "{most:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_subscriptions_cause_no_long_delay() {
    let server = RedisProc::start();
    let engines = engines(options(server.addr()), 4).await;
    let mut most = Duration::ZERO;
    for nth in 0..40 {
        server.command(&["CLIENT", "KILL", "TYPE", "pubsub"]);
        most = most.max(change(&engines, nth).await.into_iter().max().unwrap());
    }
    level(&engines).await;
    println!("40 changes, each after `CLIENT KILL TYPE pubsub`: the latest seen after {most:?}");
    assert!(most <= Duration::from_secs(2), "{most:?}");
}
