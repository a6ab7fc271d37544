//! A router, and the same limit by the client's address on it from both peers. It allows every request: a burst of a
//! billion.

use std::sync::Arc;

use axum::{Router, routing::get};
use tower_governor::{
    GovernorLayer, governor::GovernorConfigBuilder, key_extractor::PeerIpKeyExtractor,
};
use waygate::{
    Waygate,
    limits::{LimitKey, RateLimitHeaders, RateLimitPolicy},
    model::RouteState,
};

const BURST: u32 = 1_000_000_000;

pub(super) fn router() -> Router {
    Router::new().route("/items/{id}", get(|| async { "item" }))
}

pub(super) fn governed(headers: bool) -> Router {
    let mut config = GovernorConfigBuilder::default();
    config.per_nanosecond(1).burst_size(BURST);
    let mut config = config.key_extractor(PeerIpKeyExtractor);
    if headers {
        let config = config.use_headers().finish().unwrap();
        router().layer(GovernorLayer::new(Arc::new(config)))
    } else {
        let config = config.finish().unwrap();
        router().layer(GovernorLayer::new(Arc::new(config)))
    }
}

const ROUTE: &str = "GET:/items/{id}";

pub(super) async fn limited(headers: RateLimitHeaders) -> Router {
    let (waygate, router) = guarded(headers).await;
    let key: LimitKey = format!("{ROUTE}#default").parse().unwrap();
    let policy = RateLimitPolicy::new(format!("{BURST}/second").parse().unwrap()).unwrap();
    waygate.system().set_rate_limit(key, policy).await.unwrap();
    router
}

/// The route without a limit.
pub(super) async fn guarded(headers: RateLimitHeaders) -> (Waygate, Router) {
    let builder = Waygate::builder().rate_limit_headers(headers);
    let waygate = builder.build().await.unwrap();
    waygate
        .register(ROUTE.parse().unwrap(), RouteState::default())
        .await
        .unwrap();
    let guarded = waygate.guard(router()).await.unwrap().into_router();
    (waygate, guarded)
}
