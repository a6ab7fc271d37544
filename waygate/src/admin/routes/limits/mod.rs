//! Limits: those of routes, of services and of all routes together, and their counts.

mod concurrency;
mod control;
mod hits;
mod patch;
mod policy;
mod rate;
mod request;
mod reset;
mod shared;

use std::sync::Arc;

use utoipa_axum::router::OpenApiRouter;

use crate::admin::{
    scoped::{global, service},
    state::AdminState,
};

pub(super) use concurrency::ConcurrencyLimits;
pub(super) use rate::RateLimits;
pub(super) use request::{
    PolicyNameRequest, SetConcurrencyLimit, SetRateLimit, SetSharedConcurrencyLimit,
    SetSharedRateLimit, or_default,
};

pub(super) fn router() -> OpenApiRouter<Arc<AdminState>> {
    OpenApiRouter::new()
        .merge(rate::router())
        .merge(control::router())
        .merge(reset::router())
        .merge(hits::router())
        .merge(global("/api/global-rate-limit", shared::router()))
        .merge(service(
            "/api/services/{service}/rate-limit",
            shared::router(),
        ))
        .merge(concurrency::router())
        .merge(global(
            "/api/global-concurrency-limits",
            concurrency::shared_router(),
        ))
        .merge(service(
            "/api/services/{service}/concurrency-limits",
            concurrency::shared_router(),
        ))
}
