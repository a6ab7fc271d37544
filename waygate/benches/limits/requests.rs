//! One request through a router, limited by the client's address. "Added" is the cost above the bare router.

use std::{net::Ipv4Addr, sync::Arc};

use axum::{Router, routing::get};
use tower_governor::{
    GovernorLayer, governor::GovernorConfigBuilder, key_extractor::PeerIpKeyExtractor,
};
use waygate::{LimitKey, RateLimitHeaders, RateLimitPolicy, RouteState, Waygate};
use waygate_bench::{Row, Timing, Variant, time};

/// The same limit for both, which lets everything pass: a billion at once.
const BURST: u32 = 1_000_000_000;

pub(super) fn rows() -> Vec<Row> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let timings = runtime.block_on(async { time(variants().await) });
    println!(
        "\n{:<34} {:>9} {:>9} {:>14}",
        "one request", "min", "p10", "added (min)"
    );
    for Timing { name, min, p10, .. } in &timings {
        let added = min - timings[0].min;
        println!("{name:<34} {min:>6.0} ns {p10:>6.0} ns {added:>11.0} ns");
    }
    let added = |index: usize| timings[index].min - timings[0].min;
    vec![
        Row::new(
            "by ip, no headers",
            added(3),
            "tower_governor PeerIp",
            added(2),
            Some(1.0),
        ),
        Row::new(
            "by ip, headers",
            added(5),
            "tower_governor, use_headers",
            added(4),
            Some(0.7),
        ),
        Row::new(
            "by ip, headers, the standard ones besides",
            added(6),
            "tower_governor, use_headers",
            added(4),
            None,
        ),
    ]
}

async fn variants() -> Vec<Variant> {
    let variants = vec![
        Variant::new("bare axum", router(), "/items/42"),
        Variant::new("bare axum, again", router(), "/items/42"),
        Variant::new("tower_governor, no headers", governed(false), "/items/42"),
        Variant::new(
            "waygate, no headers",
            limited(RateLimitHeaders::Off).await,
            "/items/42",
        ),
        Variant::new("tower_governor, headers", governed(true), "/items/42"),
        // As many headers as the peer has, and one more: the reset.
        Variant::new(
            "waygate, headers",
            limited(RateLimitHeaders::Legacy).await,
            "/items/42",
        ),
        Variant::new(
            "waygate, all headers",
            limited(RateLimitHeaders::Both).await,
            "/items/42",
        ),
    ];
    let peer = (Ipv4Addr::new(203, 0, 113, 7), 4711);
    variants
        .into_iter()
        .map(|variant| variant.from_peer(peer))
        .collect()
}

fn router() -> Router {
    Router::new().route("/items/{id}", get(|| async {}))
}

fn governed(headers: bool) -> Router {
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

async fn limited(headers: RateLimitHeaders) -> Router {
    let builder = Waygate::builder().rate_limit_headers(headers);
    let waygate = builder.build().await.unwrap();
    let route = "GET:/items/{id}";
    waygate
        .register(route.parse().unwrap(), RouteState::default())
        .await
        .unwrap();
    let guarded = waygate.guard(router()).await.unwrap().into_router();
    let key: LimitKey = format!("{route}#default").parse().unwrap();
    let policy = RateLimitPolicy::new(format!("{BURST}/second").parse().unwrap()).unwrap();
    waygate.system().set_rate_limit(key, policy).await.unwrap();
    guarded
}
