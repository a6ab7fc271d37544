//! One replica: an axum service with its state and counters in Redis. This is the part to copy.

use axum::{
    Json, Router,
    extract::State,
    http::StatusCode,
    routing::{get, post},
};
use serde::{Deserialize, Serialize};
use tokio::{io::AsyncReadExt, net::TcpListener};
use waygate::{
    ChangeError, Waygate,
    port::{CounterStore, RedisBackend, RedisCounters, RedisOptions},
    prelude::*,
};

use crate::Failure;

/// The requests of one tenant that pass in an hour, on all replicas together.
pub const LIMIT: usize = 100;

/// While Redis is down, each replica grants its share of the limit: `on_store_failure = "local"` is the default.
#[rate_limit("100/hour", key = "header:X-Tenant", route = "GET /search")]
async fn search() -> &'static str {
    "found\n"
}

/// An operator closes this route, on one replica for all of them.
#[env_only("production", route = "GET /export")]
async fn export() -> &'static str {
    "exported\n"
}

/// A replica's view of the others.
#[derive(Debug, Serialize, Deserialize)]
pub struct Status {
    /// `true` if requests are counted in Redis.
    pub shared: bool,
    /// The number of replicas that count there.
    pub replicas: u32,
}

#[derive(Clone)]
struct Ops {
    waygate: Waygate,
    counters: RedisCounters,
}

async fn status(State(ops): State<Ops>) -> Json<Status> {
    Json(Status {
        shared: ops.counters.health().is_ok(),
        replicas: ops.counters.replicas(),
    })
}

async fn close(State(ops): State<Ops>) -> Result<&'static str, (StatusCode, String)> {
    let system = ops.waygate.system();
    let closed = system.disable("GET:/export", "closed by hand").await;
    closed.map_err(not_changed)?;
    Ok("closed\n")
}

async fn open(State(ops): State<Ops>) -> Result<&'static str, (StatusCode, String)> {
    let system = ops.waygate.system();
    let opened = system.enable("GET:/export", "opened by hand").await;
    opened.map_err(not_changed)?;
    Ok("open\n")
}

fn not_changed(error: ChangeError) -> (StatusCode, String) {
    (StatusCode::SERVICE_UNAVAILABLE, format!("{error}\n"))
}

async fn app(redis_url: &str) -> Result<Router, Failure> {
    let redis = RedisOptions::new(redis_url)?.prefix("redis-replicas");
    let counters = RedisCounters::open(redis.clone());
    let waygate = Waygate::builder()
        .environment("production")
        .backend(RedisBackend::open(redis))
        .counters(counters.clone())
        .build()
        .await?;
    let api = Router::new()
        .route("/search", get(search))
        .route("/export", get(export));
    let guarded = waygate.guard(api).await?;
    let own = Router::new()
        .route("/ops/status", get(status))
        .route("/ops/close", post(close))
        .route("/ops/open", post(open))
        .with_state(Ops { waygate, counters });
    Ok(guarded.into_router().merge(own))
}

/// Serves on a free port, which it prints as the first line, until its standard input ends, so that no replica
/// outlives the process that started it.
pub async fn serve(redis_url: &str) -> Result<(), Failure> {
    let app = app(redis_url).await?;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("{}", listener.local_addr()?);
    let served = axum::serve(listener, app).with_graceful_shutdown(async {
        let mut nothing = Vec::new();
        let _ = tokio::io::stdin().read_to_end(&mut nothing).await;
    });
    Ok(served.await?)
}
