//! Deliveries a second, and the time from a change to its arrival.
//!
//! `WAYGATE_TEST_FULL=1 cargo test --release -p waygate-rs --features webhooks-ring --test webhooks speed -- --nocapture
//! --test-threads 1` sends 10,000 events, and requires 1,000 deliveries a second and arrivals within a second. An
//! ordinary run sends 500, and only bounds the time.

use std::time::{Duration, Instant};

use waygate::{Timestamp, Waygate, port::MemoryBackend};

use crate::{
    receiver::{OK, Receiver},
    support::{hook, options, start, toggle},
};

fn is_full() -> bool {
    std::env::var_os("WAYGATE_TEST_FULL").is_some_and(|value| value == "1")
}

fn events() -> usize {
    if is_full() { 10_000 } else { 500 }
}

async fn engine(receiver: &Receiver) -> Waygate {
    // Large enough for all events.
    let store = MemoryBackend::new().with_audit_capacity(20_000);
    let builder = Waygate::builder()
        .backend(store)
        .webhook_options(options(&[receiver]));
    start(builder).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn waiting_events_are_delivered_swiftly() {
    let receiver = Receiver::start([OK]).await;
    let waygate = engine(&receiver).await;
    let system = waygate.system();
    let paused = hook("ops", &receiver).paused(true);
    system.set_webhook(paused).await.unwrap();
    for nth in 0..events() / 2 {
        toggle(&waygate, nth).await;
    }
    let since = Instant::now();
    system.set_webhook(hook("ops", &receiver)).await.unwrap();
    receiver.wait_for(events()).await;
    let rate = events() as f64 / since.elapsed().as_secs_f64();
    println!(
        "{rate:.0} deliveries a second of {} waiting events",
        events()
    );
    assert!(rate > if is_full() { 1_000.0 } else { 20.0 }, "{rate}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_arrive_soon_after_the_change() {
    let receiver = Receiver::start([OK]).await;
    let waygate = engine(&receiver).await;
    let system = waygate.system();
    system.set_webhook(hook("ops", &receiver)).await.unwrap();
    // Two events each; 1,000 a second in all.
    let mut ticks = tokio::time::interval(Duration::from_millis(2));
    let since = Instant::now();
    for nth in 0..events() / 2 {
        ticks.tick().await;
        toggle(&waygate, nth).await;
    }
    let rate = events() as f64 / since.elapsed().as_secs_f64();
    let got = receiver.wait_for(events()).await;
    let mut lags: Vec<f64> = got
        .iter()
        .map(|got| {
            let changed: Timestamp = got.json()["timestamp"].as_str().unwrap().parse().unwrap();
            got.at.duration_since(changed).as_secs_f64()
        })
        .collect();
    lags.sort_by(f64::total_cmp);
    let (median, last) = (lags[lags.len() / 2], lags[lags.len() - 1]);
    println!(
        "{rate:.0} changes a second: the median arrives after {:.1} ms, the last one after {:.1} ms",
        median * 1e3,
        last * 1e3
    );
    assert!(last < if is_full() { 1.0 } else { 30.0 }, "{last} s");
}
