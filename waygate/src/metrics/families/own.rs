//! The metrics themselves, and the program.

use std::{fmt, sync::PoisonError};

use crate::metrics::{
    exposition::Exposition,
    family::{Family, Kind},
    scrape::Scrape,
};

const DROPPED: Family = Family {
    name: "waygate_metrics_dropped_series",
    help: "Series that were left out or merged, because there are too many",
    kind: Kind::Counter,
    labels: &["family"],
};

const BUILD: Family = Family {
    name: "waygate_build_info",
    help: "1, with the version of Waygate and its features",
    kind: Kind::Gauge,
    labels: &["version", "features"],
};

/// The families that may drop series.
const CAPPED: [&str; 7] = [
    "http_server_request_duration_seconds",
    "waygate_blocked_requests_total",
    "waygate_concurrency_in_use",
    "waygate_flag_evaluations_total",
    "waygate_rate_limit_decisions_total",
    "waygate_route_status",
    "waygate_webhook_attempts_total",
];

pub(super) fn collect(scrape: &mut Scrape<'_>, out: &mut Exposition<'_>) -> fmt::Result {
    let dropped = &scrape.engine.dropped_series;
    let mut most = dropped.lock().unwrap_or_else(PoisonError::into_inner);
    for family in CAPPED {
        let now = scrape.dropped.get(family).copied().unwrap_or_default();
        let known = most.entry(family).or_default();
        // A counter never decreases.
        *known = now.max(*known);
    }
    out.family(&DROPPED, |samples| {
        let mut all = most.iter();
        all.try_for_each(|(family, count)| samples.counter(&[family], *count))
    })?;
    let features = features();
    out.family(&BUILD, |samples| {
        samples.gauge(&[env!("CARGO_PKG_VERSION"), &features], 1.0)
    })
}

fn features() -> String {
    let all = [
        ("admin", cfg!(feature = "admin")),
        ("file", cfg!(feature = "file")),
        ("flags", cfg!(feature = "flags")),
        ("macros", cfg!(feature = "macros")),
        ("ofrep", cfg!(feature = "ofrep")),
        ("openapi", cfg!(feature = "openapi")),
        ("otel", cfg!(feature = "otel")),
        ("redis", cfg!(feature = "redis")),
        ("swagger-ui", cfg!(feature = "swagger-ui")),
        ("webhooks", cfg!(feature = "webhooks")),
    ];
    let on = all.iter().filter(|(_, is_on)| *is_on);
    let on: Vec<&str> = on.map(|(name, _)| *name).collect();
    on.join(",")
}
