//! The endpoints, one file per group.

mod access;
mod announcements;
mod audit;
mod auth;
mod change;
mod changes;
mod deprecation;
mod device;
#[cfg(feature = "flags")]
mod flags;
mod lifecycle;
mod limits;
mod maintenance;
#[cfg(feature = "metrics")]
mod metrics;
pub(super) mod probes;
mod reset;
mod route;
mod schedule;
mod sessions;
mod system;
mod tokens;
mod traffic;
#[cfg(feature = "webhooks")]
mod webhooks;
mod windows;

use std::sync::Arc;

use utoipa::OpenApi;
use utoipa_axum::router::OpenApiRouter;

use super::{
    docs,
    state::{AdminState, Settings},
};

/// Every endpoint, with its description.
pub(super) fn router(settings: &Settings) -> OpenApiRouter<Arc<AdminState>> {
    #[cfg(not(feature = "flags"))]
    let _ = settings;
    let router = OpenApiRouter::with_openapi(docs::Base::openapi())
        .merge(auth::router())
        .merge(device::router())
        .merge(tokens::router())
        .merge(sessions::router())
        .merge(changes::router())
        .merge(route::router())
        .merge(lifecycle::router())
        .merge(schedule::router())
        .merge(deprecation::router())
        .merge(access::router())
        .merge(reset::router())
        .merge(maintenance::router())
        .merge(limits::router())
        .merge(announcements::router())
        .merge(windows::router())
        .merge(audit::router())
        .merge(traffic::router())
        .merge(system::router())
        .merge(probes::router());
    #[cfg(feature = "metrics")]
    let router = router.merge(metrics::router());
    #[cfg(feature = "webhooks")]
    let router = router.merge(webhooks::router());
    #[cfg(feature = "flags")]
    if settings.flags {
        return router.merge(flags::router());
    }
    router
}
