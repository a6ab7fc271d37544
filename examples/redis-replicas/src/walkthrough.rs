//! The walk-through, step by step, with its measurements.

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

/// The measurements.
#[derive(Debug)]
pub struct Figures {
    /// How many of 300 requests passed at each replica while Redis was up.
    pub shared: Vec<usize>,
    /// The time until all replicas had applied an operator's change.
    pub change: Duration,
    /// The outage of Redis; `None` for a Redis that must not be killed.
    pub outage: Option<Outage>,
}

/// Measurements during the outage of Redis, and after it.
#[derive(Debug)]
pub struct Outage {
    /// The responses to a load before the outage.
    pub usual: Answers,
    /// The responses to a load before, during and after its start.
    pub answers: Answers,
    /// How many of 300 requests passed at each replica without Redis.
    pub alone: Vec<usize>,
    /// The time until all replicas counted in Redis again.
    pub recovery: Duration,
    /// How many of 300 requests passed at each replica after that.
    pub shared_again: Vec<usize>,
}

/// Starts Redis, unless a URL is given, and three replicas, each as `program replica <redis_url>`, and runs the
/// walk-through.
///
/// # Errors
/// If a program does not start, a request has no response, or something does not happen within ten seconds.
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
    // An existing Redis may contain the counters of an earlier run.
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
