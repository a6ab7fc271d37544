//! What happens to the replicas, act by act, and what was measured.

use std::{path::Path, time::Duration};

use axum::http::{Method, StatusCode};
use tokio::time::sleep;

use crate::{
    Failure,
    client::Client,
    fleet::{Fleet, SIZE},
    load::{self, Answers},
    redis::Redis,
    replica::LIMIT,
};

const REQUESTS: usize = 300;

/// What was measured.
#[derive(Debug)]
pub struct Figures {
    /// How many of 300 requests passed at each replica, while Redis was there.
    pub shared: Vec<usize>,
    /// How long an operator's change took to hold at all replicas.
    pub change: Duration,
    /// What happened to Redis; nothing, where it is not ours to kill.
    pub outage: Option<Outage>,
}

/// What was measured while Redis was gone, and when it came back.
#[derive(Debug)]
pub struct Outage {
    /// The answers to requests while all was well.
    pub usual: Answers,
    /// The answers to requests before, during and after its end.
    pub answers: Answers,
    /// How many of 300 requests passed at each replica without Redis.
    pub alone: Vec<usize>,
    /// How long Redis was back before all replicas counted in it again.
    pub recovery: Duration,
    /// How many of 300 requests passed at each replica after that.
    pub shared_again: Vec<usize>,
}

/// Starts Redis, unless there is one, and three replicas, each as `program replica <redis_url>`; then shows what holds.
///
/// # Errors
/// When a program does not start, a request has no answer, or something does not happen within ten seconds.
pub async fn walk(program: &Path, redis_url: Option<String>) -> Result<Figures, Failure> {
    let (url, redis) = match redis_url {
        Some(url) => (url, None),
        None => {
            let redis = Redis::start().await?;
            (redis.url(), Some(redis))
        }
    };
    let client = Client::new();
    let fleet = Fleet::start(program, &url, &client).await?;
    println!("Redis: {url}\nreplicas: {}\n", fleet.addresses.join(" "));
    let shared = share(&client, &fleet, "before").await?;
    let change = close(&client, &fleet).await?;
    let outage = match redis {
        Some(redis) => Some(outage(&client, &fleet, redis).await?),
        None => {
            println!("Your Redis is not killed; without REDIS_URL, one of its own is.");
            None
        }
    };
    client
        .ask(Method::POST, &fleet.addresses[0], "/ops/open", "")
        .await?;
    Ok(Figures {
        shared,
        change,
        outage,
    })
}

async fn share(client: &Client, fleet: &Fleet, tenant: &str) -> Result<Vec<usize>, Failure> {
    println!("One limit for all replicas: {LIMIT}/hour for each tenant.");
    // A Redis of yours may remember an earlier run.
    let tenant = format!("{tenant}-{}", std::process::id());
    let passed = client.passed(&fleet.addresses, REQUESTS, &tenant).await?;
    let total: usize = passed.iter().sum();
    println!("  {REQUESTS} requests in turn: {total} passed, {passed:?} of each replica\n");
    Ok(passed)
}

async fn close(client: &Client, fleet: &Fleet) -> Result<Duration, Failure> {
    println!("An operator closes /export at the first replica.");
    let closed = client
        .ask(Method::POST, &fleet.addresses[0], "/ops/close", "")
        .await?;
    if closed.status != StatusCode::OK {
        return Err(format!("/export is not closed: {}", closed.body).into());
    }
    let took = fleet
        .until_all_answer(client, "/export", StatusCode::SERVICE_UNAVAILABLE)
        .await?;
    println!("  all replicas obey {took:.1?} later\n");
    Ok(took)
}

async fn outage(client: &Client, fleet: &Fleet, mut redis: Redis) -> Result<Outage, Failure> {
    println!(
        "Redis is killed while {} requests a second come in.",
        load::RATE
    );
    let addresses = &fleet.addresses;
    let usual = load::run(client, addresses, Duration::from_secs(1), "usual").await?;
    println!("  before: {usual}");
    let load = load::run(client, addresses, Duration::from_secs(3), "outage");
    let kill = async {
        sleep(Duration::from_secs(1)).await;
        redis.kill().await
    };
    let (answers, ()) = tokio::try_join!(load, kill)?;
    println!("  before, at and after its end: {answers}");
    let closed = StatusCode::SERVICE_UNAVAILABLE;
    fleet.until_all_answer(client, "/export", closed).await?;
    println!("  /export is still closed");
    let alone = client.passed(&fleet.addresses, REQUESTS, "alone").await?;
    println!(
        "  {REQUESTS} requests in turn: each replica gives out {LIMIT} / {SIZE}, rounded up, {alone:?}\n"
    );
    println!("Redis is started again.");
    redis.run().await?;
    let recovery = fleet
        .until(client, "all replicas count in Redis", |status| {
            status.shared
        })
        .await?;
    println!("  all replicas count in it again {recovery:.1?} later\n");
    let shared_again = share(client, fleet, "after").await?;
    Ok(Outage {
        usual,
        answers,
        alone,
        recovery,
        shared_again,
    })
}
