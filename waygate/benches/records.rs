//! The cost of a start and of changes with 100,000 records in the store.
//!
//! A thousand routes; the rest are, in equal parts, limits of services, maintenance of services, and tokens. A change
//! is timed from the call to its return, when it is in effect; the same change with a thousand records is the peer.
//! Also prints the resident memory of the process, which includes the store in memory.
#![allow(missing_docs, clippy::unwrap_used)]

use std::time::{Duration, Instant};

use serde_json::json;
use waygate::{
    Operator, Waygate,
    limits::{LimitKey, RateLimitPolicy},
    model::{GlobalMaintenance, Registration},
    port::{Backend, Batch, MemoryBackend},
};
use waygate_bench::{Report, Row};

const ROUTES: usize = 1_000;
const CHANGES: usize = 200;

async fn engine(records: usize) -> (Waygate, Duration) {
    let backend = MemoryBackend::new();
    let mut puts = Vec::new();
    for at in 0..records / 3 {
        let policy = json!({"policy": {"limit": "5/minute"}});
        puts.push((
            format!("limit/service:s{at}#default").as_str().into(),
            policy,
        ));
        let maintenance = json!({"enabled": at % 2 == 0, "reason": "moving"});
        puts.push((format!("service/s{at}").as_str().into(), maintenance));
        let token = json!({"username": "admin", "platform": "cli", "scopes": ["read"]});
        puts.push((format!("token/{at:064x}").as_str().into(), token));
    }
    let mut batch = Batch::new();
    batch.puts = puts;
    backend.commit(batch).await.unwrap();
    let begun = Instant::now();
    let waygate = Waygate::builder().backend(backend).build().await.unwrap();
    let routes = (0..ROUTES).map(|at| Registration::new(format!("GET:/r{at}").parse().unwrap()));
    waygate.register_all(routes).await.unwrap();
    (waygate, begun.elapsed())
}

/// The median time of a change.
async fn median<F: Future<Output = ()>>(change: impl Fn(usize) -> F) -> f64 {
    let mut times = Vec::new();
    for at in 0..CHANGES {
        let begun = Instant::now();
        change(at).await;
        times.push(begun.elapsed());
    }
    times.sort_unstable();
    times[CHANGES / 2].as_nanos() as f64
}

async fn route(operator: &Operator, at: usize) {
    let key = format!("GET:/r{at}");
    operator.disable(&key, "incident").await.unwrap();
}

async fn limit(operator: &Operator, key: LimitKey, at: usize) {
    let limit = format!("{}/minute", at + 1);
    let policy: RateLimitPolicy = serde_json::from_value(json!({"limit": limit})).unwrap();
    operator.set_rate_limit(key, policy).await.unwrap();
}

async fn costs(operator: &Operator) -> [f64; 4] {
    let service = |at| format!("service:s{at}#default").parse().unwrap();
    [
        median(async |at| route(operator, at).await).await,
        median(async |at| limit(operator, service(at), at).await).await,
        median(async |at| limit(operator, "*#default".parse().unwrap(), at).await).await,
        median(async |at| {
            let service = format!("s{at}");
            let config = GlobalMaintenance::default();
            let change = operator.enable_service_maintenance(&service, config);
            change.await.unwrap();
        })
        .await,
    ]
}

/// In mebibytes.
fn resident() -> usize {
    let pages = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages = pages
        .split(' ')
        .nth(1)
        .and_then(|pages| pages.parse::<usize>().ok());
    pages.unwrap_or(0) * 4 / 1024
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let before = resident();
    let (many, start) = engine(100_000).await;
    println!("start {start:?}, resident {} MiB more", resident() - before);
    let ours = costs(&many.system()).await;
    println!(
        "after {CHANGES} changes of each kind {} MiB more",
        resident() - before
    );
    let (few, _) = engine(1_000).await;
    let peers = costs(&few.system()).await;
    let again = costs(&few.system()).await;
    let names = [
        "a route",
        "a limit of a service",
        "the global limit",
        "maintenance of a service",
    ];
    let rows = names.into_iter().zip(ours).zip(peers);
    let rows =
        rows.map(|((name, ours), peer)| Row::new(name, ours, "beside 1,000 records", peer, None));
    Report::new("records", again[0] / peers[0], rows.collect())
        .publish()
        .unwrap();
}
