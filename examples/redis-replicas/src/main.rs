//! Three replicas of one service on one Redis, which is killed under load.
//!
//! ```text
//! cargo run -p redis-replicas                 # shows it
//! cargo run -p redis-replicas -- --serve      # keeps running, to be tried with curl
//! ```
//!
//! `README.md` explains the output.

use redis_replicas::{
    Failure, client::Client, fleet::Fleet, redis::Redis, replica, walkthrough::walk,
};

const USAGE: &str =
    "usage: redis-replicas [--serve]; REDIS_URL names a Redis to use instead of one of its own";

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        [] => show().await,
        ["--serve"] => keep_running().await,
        // The program starts itself as a replica.
        ["replica", redis_url] => replica::serve(redis_url).await,
        _ => Err(USAGE.into()),
    }
}

async fn show() -> Result<(), Failure> {
    let program = std::env::current_exe()?;
    walk(&program, std::env::var("REDIS_URL").ok()).await?;
    Ok(())
}

async fn keep_running() -> Result<(), Failure> {
    let program = std::env::current_exe()?;
    // Kept until the end, since dropping it stops the server.
    let (url, _redis) = match std::env::var("REDIS_URL") {
        Ok(url) => (url, None),
        Err(_) => {
            let redis = Redis::start().await?;
            (redis.url(), Some(redis))
        }
    };
    let fleet = Fleet::start(&program, &url, &Client::new()).await?;
    println!("Redis: {url}");
    for address in &fleet.addresses {
        println!("curl -i {address}/search -H 'X-Tenant: acme'");
    }
    println!("Ctrl-C ends it.");
    Ok(tokio::signal::ctrl_c().await?)
}
