//! Helpers for several topics.

use std::{net::SocketAddr, time::Duration};

use axum::{Router, routing::get};
use waygate::{
    Waygate,
    health::Component,
    model::RouteState,
    port::{OnStoreReset, RedisBackend, RedisOptions},
    testing::TestApp,
};
use waygate_faultproxy::eventually;

pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// Whether the long version of the tests is requested: `./test.sh --full`.
pub(crate) fn full() -> bool {
    std::env::var_os("WAYGATE_TEST_FULL").is_some_and(|value| value == "1")
}

pub(crate) fn options(addr: SocketAddr) -> RedisOptions {
    RedisOptions::new(&format!("redis://{addr}")).unwrap()
}

pub(crate) async fn engine(options: RedisOptions) -> Waygate {
    engine_with(options, OnStoreReset::Keep).await
}

pub(crate) async fn engine_with(options: RedisOptions, policy: OnStoreReset) -> Waygate {
    let builder = Waygate::builder()
        .allow_unmounted("")
        .environment("production")
        .on_store_reset(policy);
    let builder = builder.backend(RedisBackend::open(options));
    builder.build().await.unwrap()
}

/// An application with this many routes: `/0`, `/1` and so on.
pub(crate) async fn app(waygate: &Waygate, routes: usize) -> TestApp {
    let mut router = Router::new();
    for nth in 0..routes {
        router = router.route(&format!("/{nth}"), get(async || "served"));
        let key = format!("GET:/{nth}").parse().unwrap();
        waygate.register(key, RouteState::default()).await.unwrap();
    }
    TestApp::new(waygate.guard(router).await.unwrap().into_router())
}

pub(crate) async fn blocked(app: &TestApp, nth: usize) -> bool {
    match app.get(&format!("/{nth}")).await.status() {
        axum::http::StatusCode::OK => false,
        axum::http::StatusCode::SERVICE_UNAVAILABLE => true,
        other => panic!("{other}"),
    }
}

pub(crate) async fn block(waygate: &Waygate, nth: usize) {
    let key = format!("GET:/{nth}");
    waygate.system().disable(&key, "test").await.unwrap();
}

pub(crate) fn is_degraded(waygate: &Waygate, component: Component) -> bool {
    waygate.health().contains_key(&component)
}

/// Waits until the engines have seen the same commit.
pub(crate) async fn level(engines: &[Waygate]) -> Duration {
    let agree = || {
        let first = engines[0].revision();
        engines.iter().all(|engine| engine.revision() == first)
    };
    eventually(PATIENCE, "all engines agree", agree).await
}
