//! An application on a real socket, and a client with concurrent requests.

use std::net::SocketAddr;

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
use tokio::net::TcpListener;
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
    /// An application with a limit for each failure policy, one that is used up, and a route closed by an operator.
    pub(crate) async fn start(options: RedisOptions) -> Self {
        let service = Self::open(options).await;
        service.close().await;
        service
    }

    /// The same, before the operator closes anything.
    pub(crate) async fn open(options: RedisOptions) -> Self {
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
        eventually(PATIENCE, "counters", || counters.health().is_ok()).await;
        client.get("/exhausted").await;
        Self {
            waygate,
            counters,
            client,
        }
    }

    pub(crate) async fn close(&self) {
        let system = self.waygate.system();
        system.disable("GET:/disabled", "test").await.unwrap();
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
