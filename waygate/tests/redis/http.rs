//! An application on a real socket, and requests that do not wait for one another.

use std::{collections::BTreeMap, net::SocketAddr, time::Duration};

use axum::{
    Router,
    body::{Body, to_bytes},
    http::{Request, StatusCode},
    routing::get,
};
use hyper_util::{
    client::legacy::{self, connect::HttpConnector},
    rt::TokioExecutor,
};
use tokio::{net::TcpListener, task::JoinSet};
use waygate::{
    Waygate,
    port::{RedisBackend, RedisCounters, RedisOptions},
    prelude::*,
};
use waygate_faultproxy::eventually;

use crate::support::PATIENCE;

#[rate_limit("1000000/hour", key = "global", route = "GET /local")]
async fn local() -> &'static str {
    "served"
}

#[rate_limit(
    "1000000/hour",
    key = "global",
    on_store_failure = "open",
    route = "GET /open"
)]
async fn open() -> &'static str {
    "served"
}

#[rate_limit(
    "1000000/hour",
    key = "global",
    on_store_failure = "closed",
    route = "GET /closed"
)]
async fn closed() -> &'static str {
    "served"
}

#[rate_limit("1/hour", key = "global", route = "GET /exhausted")]
async fn exhausted() -> &'static str {
    "served"
}

#[rate_limit("1000000/hour", key = "global", name = "first", route = "GET /two")]
#[rate_limit("1000000/minute", key = "global", name = "second")]
async fn two() -> &'static str {
    "served"
}

#[env_only("production", route = "GET /disabled")]
async fn disabled() -> &'static str {
    "never served"
}

pub(crate) struct Service {
    pub(crate) waygate: Waygate,
    pub(crate) counters: RedisCounters,
    pub(crate) client: Client,
}

impl Service {
    /// An application with a limit for each way to fail, one that is used up, and a route that an operator has closed.
    pub(crate) async fn start(options: RedisOptions) -> Self {
        let counters = RedisCounters::open(options.clone());
        let builder = Waygate::builder()
            .allow_unmounted("")
            .environment("production");
        let builder = builder.backend(RedisBackend::open(options));
        let waygate = builder.counters(counters.clone()).build().await.unwrap();
        let router = Router::new()
            .route("/local", get(local))
            .route("/open", get(open))
            .route("/closed", get(closed))
            .route("/exhausted", get(exhausted))
            .route("/two", get(two))
            .route("/disabled", get(disabled));
        let router = waygate.guard(router).await.unwrap().into_router();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let client = Client::new(listener.local_addr().unwrap());
        tokio::spawn(axum::serve(listener, router).into_future());
        let system = waygate.system();
        system.disable("GET:/disabled", "test").await.unwrap();
        eventually(PATIENCE, "counters", || counters.health().is_ok()).await;
        client.get("/exhausted").await;
        Self {
            waygate,
            counters,
            client,
        }
    }
}

#[derive(Clone)]
pub(crate) struct Client {
    addr: SocketAddr,
    http: legacy::Client<HttpConnector, Body>,
}

impl Client {
    fn new(addr: SocketAddr) -> Self {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        let http = legacy::Client::builder(TokioExecutor::new()).build(connector);
        Self { addr, http }
    }

    pub(crate) async fn get(&self, path: &str) -> StatusCode {
        let request = Request::get(format!("http://{}{path}", self.addr));
        let request = request.body(Body::empty()).unwrap();
        let response = self.http.request(request).await.unwrap();
        let status = response.status();
        to_bytes(Body::new(response.into_body()), 65_536)
            .await
            .unwrap();
        status
    }
}

/// What one load has measured.
pub(crate) struct Figures {
    /// How often each path was answered with each status.
    pub(crate) answers: BTreeMap<(&'static str, u16), usize>,
    /// How long answers took that Redis has a say in.
    pub(crate) counted: Times,
    /// How long answers took at the same time that need no Redis: what the machine, busy with others, takes for itself.
    pub(crate) plain: Times,
}

/// How long answers took from when each request was due, in order.
pub(crate) struct Times(Vec<Duration>);

impl Times {
    pub(crate) fn max(&self) -> Duration {
        self.at(1.0)
    }

    pub(crate) fn p99(&self) -> Duration {
        self.at(0.99)
    }

    pub(crate) fn count(&self) -> usize {
        self.0.len()
    }

    fn at(&self, share: f64) -> Duration {
        self.0[((self.0.len() - 1) as f64 * share) as usize]
    }
}

const PATHS: [&str; 10] = [
    "/local",
    "/local",
    "/local",
    "/open",
    "/closed",
    "/exhausted",
    "/disabled",
    "/disabled",
    "/disabled",
    "/disabled",
];

/// Asks the paths in an order that the seed says, `rate` times a second, for so long. A request goes out when it is
/// due, whatever has become of those before it.
pub(crate) async fn load(client: Client, rate: u32, length: Duration, seed: u64) -> Figures {
    let mut random = fastrand::Rng::with_seed(seed);
    let requests = (length.as_secs_f64() * f64::from(rate)) as u32;
    let begin = tokio::time::Instant::now();
    let mut running = JoinSet::new();
    for nth in 0..requests {
        let due = begin + Duration::from_secs(1) * nth / rate;
        tokio::time::sleep_until(due).await;
        let path = PATHS[random.usize(..PATHS.len())];
        let client = client.clone();
        running.spawn(async move {
            let status = client.get(path).await.as_u16();
            (path, status, due.elapsed())
        });
    }
    let (mut answers, mut counted, mut plain) = (BTreeMap::new(), Vec::new(), Vec::new());
    while let Some(asked) = running.join_next().await {
        let (path, status, took) = asked.unwrap();
        *answers.entry((path, status)).or_default() += 1;
        match path {
            "/disabled" => plain.push(took),
            _ => counted.push(took),
        }
    }
    counted.sort_unstable();
    plain.sort_unstable();
    Figures {
        answers,
        counted: Times(counted),
        plain: Times(plain),
    }
}
