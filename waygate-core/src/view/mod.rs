//! What the admin API shows. Servers write these types, and clients read them.
//!
//! All of them are read as they are written. Fields that this version does not know are ignored, so that a client can
//! talk to a newer server.

mod auth;
mod concurrency;
mod decision;
mod done;
mod maintenance;
mod rate_limit;
mod route;
mod system;
mod usage;

pub use auth::{Login, Me, NewToken, Platform, Token, TokenScope, TokenScopes};
pub use concurrency::{ConcurrencyLimit, RouteConcurrencyLimit, SharedConcurrencyLimit};
pub use decision::{DecisionCause, DecisionRecord, DecisionStep, SkippedPolicy};
pub use done::{DeletedLimit, Done, Problem, Reseeded, ResetRateLimits};
pub use maintenance::Maintenance;
pub use rate_limit::{AboutRateLimit, RouteRateLimit, SharedRateLimit, SharedRateLimitState};
pub use route::Route;
pub use system::{CountingMode, CountingModes, Degraded, Health, MaintenanceNotice};
pub use usage::{HitRecord, KeyUse, LimitCounts};

/// The `method` of the limit of a route that takes all methods.
pub const ALL_METHODS: &str = "ALL";

/// The method of a route, or [`ALL_METHODS`].
fn method_of(route: &crate::model::RouteKey) -> String {
    route
        .method()
        .map_or(ALL_METHODS, |method| method.as_str())
        .to_owned()
}
