//! What the engine's answers look like, for the OpenAPI document. The types that make them know nothing of utoipa;
//! a test compares the two.
#![allow(dead_code)]

mod concurrency;
mod limits;

use serde_json::Value;
use utoipa::ToSchema;

pub(crate) use concurrency::*;
pub(crate) use limits::*;

/// A route as it is now.
#[derive(ToSchema)]
pub(crate) struct Route {
    /// The key: `METHOD:/template`, in a fleet `service:METHOD:/template`.
    #[schema(example = "GET:/payments/{id}")]
    path: String,
    /// The service, in a fleet.
    #[schema(required)]
    service: Option<String>,
    status: RouteStatus,
    /// Why; may be empty.
    reason: String,
    /// The only environments that are served. Empty when all are; while the status is `env_gated`, when none is.
    allowed_envs: Vec<String>,
    /// The caller must have one of these roles, if there are any.
    allowed_roles: Vec<String>,
    /// The client's address must lie in one of these networks, if there are any.
    allowed_ips: Vec<String>,
    /// The span of a temporary disabling; else the window that comes next or has begun.
    #[schema(required)]
    window: Option<Span>,
    /// When the route is to go away, as an HTTP-date.
    #[schema(required)]
    sunset_date: Option<String>,
    /// What to use instead.
    #[schema(required)]
    successor_path: Option<String>,
    /// Always 100.
    rollout_percentage: u8,
    /// Always served, and refuses changes.
    force_active: bool,
    /// All maintenance windows that have not ended, oldest first.
    windows: Vec<PlannedWindow>,
    /// Set when the route is going away.
    #[schema(required)]
    deprecation: Option<Deprecation>,
    /// When the status ends by itself, if that is known.
    #[schema(required, format = DateTime)]
    until: Option<String>,
    /// Whether an operator has changed the route.
    overridden: bool,
    /// Whether the code declares something else by now than when an operator changed the route.
    drifted: bool,
    /// Whether the route is stored, but no longer in the code.
    orphaned: bool,
    /// The entity tag, for `If-Match`.
    etag: String,
    /// In the answer to a change: what it has taken from the route, if anything.
    #[schema(nullable = false)]
    dropped: Option<Dropped>,
}

/// What a change has taken from a route. What is missing was not taken.
#[derive(ToSchema)]
pub(crate) struct Dropped {
    /// Windows that had not ended.
    #[schema(nullable = false)]
    windows: Option<Vec<PlannedWindow>>,
    /// Environments of the gate.
    #[schema(nullable = false)]
    allowed_envs: Option<Vec<String>>,
    /// Roles of the access list.
    #[schema(nullable = false)]
    allowed_roles: Option<Vec<String>>,
    /// Networks of the access list.
    #[schema(nullable = false)]
    allowed_ips: Option<Vec<String>>,
    /// The deprecation.
    #[schema(nullable = false)]
    deprecation: Option<Deprecation>,
    /// When a temporary disabling would have ended.
    #[schema(format = DateTime, nullable = false)]
    until: Option<String>,
    /// The status that closed the route, where an environment gate has taken its place.
    #[schema(nullable = false)]
    status: Option<RouteStatus>,
}

/// What a route is.
#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
pub(crate) enum RouteStatus {
    Active,
    Maintenance,
    Disabled,
    EnvGated,
    Deprecated,
}

/// A span of time: the start belongs to it, the end does not.
#[derive(ToSchema)]
pub(crate) struct Span {
    #[schema(format = DateTime)]
    start: String,
    #[schema(format = DateTime)]
    end: String,
    /// Why; may be empty.
    reason: String,
}

/// A maintenance window.
#[derive(ToSchema)]
pub(crate) struct PlannedWindow {
    /// The name under which it can be cancelled.
    #[schema(example = "2030-01-01T02:00:00Z/2030-01-01T04:00:00Z")]
    id: String,
    #[schema(format = DateTime)]
    start: String,
    #[schema(format = DateTime)]
    end: String,
    /// Why; may be empty.
    reason: String,
}

/// What is known about when a route goes away. Everything may be missing.
#[derive(ToSchema)]
pub(crate) struct Deprecation {
    #[schema(format = DateTime, nullable = false)]
    since: Option<String>,
    #[schema(format = DateTime, nullable = false)]
    sunset: Option<String>,
    #[schema(nullable = false)]
    successor: Option<String>,
}

/// Maintenance of everything at once, or of one service.
#[derive(ToSchema)]
pub(crate) struct GlobalMaintenance {
    /// Whether it is on now. One that is planned has a `start` and is not.
    enabled: bool,
    /// Why; may be empty.
    reason: String,
    /// Routes that stay open: `/path`, `METHOD:/path`, or `/prefix/{*rest}` for all below.
    exempt_paths: Vec<String>,
    /// Whether even force-active routes are closed.
    include_force_active: bool,
    /// When it begins or began; missing if it was switched on at once.
    #[schema(format = DateTime, nullable = false)]
    start: Option<String>,
    /// When it ends; missing if it does not end by itself.
    #[schema(format = DateTime, nullable = false)]
    end: Option<String>,
    /// Clients whose addresses lie in one of these networks are served; missing if there are none.
    #[schema(nullable = false, example = json!(["10.0.0.0/8"]))]
    exempt_ips: Option<Vec<String>>,
    /// Callers who have one of these roles are served; missing if there are none.
    #[schema(nullable = false, example = json!(["billing:admin"]))]
    exempt_roles: Option<Vec<String>>,
    /// What of it does not do what it says: exempt paths that no route has, an unknown service, exempt roles where the
    /// application names no type of callers. Only there if something does not.
    #[schema(nullable = false)]
    warning: Option<String>,
    /// In the answer to a change: what was set before and is not any more, if anything.
    #[schema(nullable = false)]
    dropped: Option<DroppedMaintenance>,
}

/// What a change has taken from maintenance of everything or of one service. What is missing was not taken.
#[derive(ToSchema)]
pub(crate) struct DroppedMaintenance {
    /// `true` if it was on, and one that is planned has taken its place: everything is open until that begins.
    #[schema(nullable = false)]
    enabled: Option<bool>,
    /// When it would have begun.
    #[schema(format = DateTime, nullable = false)]
    start: Option<String>,
    /// When it would have ended.
    #[schema(format = DateTime, nullable = false)]
    end: Option<String>,
    /// Routes that stayed open.
    #[schema(nullable = false)]
    exempt_paths: Option<Vec<String>>,
    /// Networks whose clients were served.
    #[schema(nullable = false)]
    exempt_ips: Option<Vec<String>>,
    /// Roles whose callers were served.
    #[schema(nullable = false)]
    exempt_roles: Option<Vec<String>>,
    /// `true` if force-active routes were closed, too.
    #[schema(nullable = false)]
    include_force_active: Option<bool>,
}

/// One line of the audit log.
#[derive(ToSchema)]
pub(crate) struct AuditEntry {
    #[schema(format = "uuid")]
    id: String,
    #[schema(format = DateTime)]
    timestamp: String,
    /// The route's key, `__global__`, `__global_rl__`, `__waygate:svc_global:<service>__`, `__waygate:svc_rl:<service>__`, or
    /// `auth:<user>`.
    path: String,
    /// The service, in a fleet.
    #[schema(required)]
    service: Option<String>,
    /// What was done.
    #[schema(example = "maintenance_on")]
    action: String,
    /// Who: a user, a user's token (`alice/deploy`), `scheduler`, `system` or `anonymous`.
    actor: String,
    /// Through what.
    platform: String,
    /// Why; may be empty.
    reason: String,
    #[schema(required)]
    previous_status: Option<RouteStatus>,
    #[schema(required)]
    new_status: Option<RouteStatus>,
    /// The number of the commit.
    revision: u64,
    /// What was stored before.
    #[schema(value_type = Option<Object>, nullable = false)]
    previous: Option<Value>,
    /// What is stored since.
    #[schema(value_type = Option<Object>, nullable = false)]
    new: Option<Value>,
    /// What the change has taken, as its answer names it.
    #[schema(value_type = Option<Object>, nullable = false)]
    dropped: Option<Value>,
}
