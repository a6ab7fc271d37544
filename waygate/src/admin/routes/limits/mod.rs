//! Limits: those of routes, the global ones, those of services, and what they have counted.

mod body;
mod change;
mod concurrency;
mod control;
mod global;
mod hits;
mod request;
mod reset;
mod route;
mod service;
mod shared;

use std::sync::Arc;

use utoipa_axum::router::OpenApiRouter;

use crate::admin::state::AdminState;

pub(super) fn router() -> OpenApiRouter<Arc<AdminState>> {
    OpenApiRouter::new()
        .merge(route::router())
        .merge(control::router())
        .merge(reset::router())
        .merge(hits::router())
        .merge(global::router())
        .merge(service::router())
        .merge(concurrency::router())
}
