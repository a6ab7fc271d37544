//! Limits of concurrency: listed, set and deleted as rate limits are.

mod body;
mod change;
mod global;
mod request;
mod route;
mod service;

use std::sync::Arc;

use utoipa_axum::router::OpenApiRouter;

use crate::admin::state::AdminState;

pub(super) fn router() -> OpenApiRouter<Arc<AdminState>> {
    OpenApiRouter::new()
        .merge(route::router())
        .merge(global::router())
        .merge(service::router())
}
