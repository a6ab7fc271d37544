//! The responses of the admin API. Servers write these types, and clients read them.
//!
//! Unknown fields are ignored, so that a client can talk to a newer server.

mod auth;
mod bulk;
mod concurrency;
mod decision;
mod device;
mod done;
mod maintenance;
mod plan;
mod rate_limit;
mod rights;
mod role;
mod route;
mod services;
mod system;
mod traffic;
mod usage;
mod window_list;
mod windows;

use crate::model::RouteKey;

pub use auth::{Login, Me, NewToken, Platform, Token, TokenScope, TokenScopes};
pub use bulk::{AppliedChange, AppliedChanges, Reverted};
pub use concurrency::{ConcurrencyLimit, RouteConcurrencyLimit, SharedConcurrencyLimit};
pub use decision::{DecisionCause, DecisionRecord, DecisionStep, SkippedPolicy};
pub use device::{DeviceLogin, DeviceToken};
pub use done::{DeletedLimit, Done, Mistake, Problem, Reseeded, ResetRateLimits};
pub use maintenance::Maintenance;
pub use plan::{LimitKind, Plan, PlannedChange, PlannedLimit, PlannedRoute, RouteOutcome};
pub use rate_limit::{AboutRateLimit, RouteRateLimit, SharedRateLimit, SharedRateLimitState};
pub use rights::Rights;
pub use role::Role;
pub use route::{FlagGate, Route};
pub use services::Services;
pub use system::{
    ApiVersion, CountingMode, CountingModes, Degraded, Health, MaintenanceNotice, Readiness,
};
pub use traffic::{
    Latency, LatencyBucket, RouteTraffic, StatusClasses, Traffic, TrafficHistory, TrafficMinute,
};
pub use usage::{HitRecord, KeyUse, LimitCounts};
pub use window_list::WindowList;
pub use windows::ScheduledWindow;

/// The method of a route that takes all methods.
pub const ALL_METHODS: &str = "ALL";

/// The method of a route, or [`ALL_METHODS`].
pub fn method_of(route: &RouteKey) -> String {
    route
        .method()
        .map_or(ALL_METHODS, |method| method.as_str())
        .to_owned()
}
