use ipnet::IpNet;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{
    Deprecation, Lifecycle, Position, RouteKey, RouteState, RouteStatus, Window, WindowId, text,
};
use crate::grammar::{EnvName, LinkTarget, Reason, RoleName, ServiceName, format_http_date};

/// A route as the admin interface shows it (wire contract section 2.1), and a little more.
///
/// `status` and `reason` are what holds at the instant for which the view was made. The fields up to
/// `force_active` are the contract's, in its order; those after it may be missing in what other servers send.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RouteView {
    /// The whole key, the service of a fleet included.
    pub path: RouteKey,
    /// The service, in a fleet.
    pub service: Option<ServiceName>,
    /// What the route is.
    pub status: RouteStatus,
    /// Why; may be empty.
    pub reason: Reason,
    /// The only environments that are served. Empty when all are; while the status is `env_gated`, when none is.
    pub allowed_envs: Vec<EnvName>,
    /// The caller must have one of these roles, if there are any.
    pub allowed_roles: Vec<RoleName>,
    /// The client's address must lie in one of these networks, if there are any.
    #[serde(with = "text::networks")]
    pub allowed_ips: Vec<IpNet>,
    /// The span of a temporary disabling; else the window that comes next or has begun.
    pub window: Option<Span>,
    /// When the route is to go away, as an HTTP-date.
    pub sunset_date: Option<String>,
    /// What to use instead.
    pub successor_path: Option<LinkTarget>,
    /// Always 100: a part of the traffic is a matter of flags.
    pub rollout_percentage: u8,
    /// Always served, and refuses changes.
    pub force_active: bool,
    /// All windows that have not ended, oldest first.
    #[serde(default)]
    pub windows: Vec<PlannedWindow>,
    /// Set when the route is going away.
    #[serde(default)]
    pub deprecation: Option<Deprecation>,
    /// When the status ends by itself, if that is known.
    #[serde(default, with = "text::maybe_instant")]
    pub until: Option<Timestamp>,
}

/// A span of time and what it is for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Span {
    /// The first instant.
    #[serde(with = "text::instant")]
    pub start: Timestamp,
    /// The first instant after it.
    #[serde(with = "text::instant")]
    pub end: Timestamp,
    /// Why; may be empty.
    #[serde(default)]
    pub reason: Reason,
}

/// A maintenance window with the name under which it can be cancelled.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedWindow {
    /// The window's name.
    pub id: WindowId,
    /// When, and why.
    #[serde(flatten)]
    pub span: Span,
}

impl RouteView {
    /// The route `key` in `state`, as it is at `now`.
    pub fn new(key: &RouteKey, state: &RouteState, now: Timestamp) -> Self {
        let effective = state.position.effective(now);
        let windows = planned(&state.position, now);
        let deprecation = state.deprecation.as_ref();
        Self {
            path: key.clone(),
            service: key.service().and_then(|name| name.parse().ok()),
            status: state.status(now),
            reason: effective.reason().clone(),
            allowed_envs: state.position.envs.clone().unwrap_or_default(),
            allowed_roles: state.access.roles.clone(),
            allowed_ips: state.access.ips.clone(),
            window: disabled_span(&state.position, now)
                .or_else(|| windows.first().map(|window| window.span.clone())),
            sunset_date: deprecation
                .and_then(Deprecation::sunset)
                .map(format_http_date),
            successor_path: deprecation.and_then(Deprecation::successor).cloned(),
            rollout_percentage: 100,
            force_active: state.force_active,
            windows,
            deprecation: state.deprecation.clone(),
            until: effective.until(),
        }
    }
}

/// The windows that have not ended, oldest first.
fn planned(position: &Position, now: Timestamp) -> Vec<PlannedWindow> {
    let mut windows: Vec<_> = position.windows.iter().collect();
    windows.retain(|window| window.interval.end() > now);
    windows.sort_by_key(|window| window.interval);
    windows.into_iter().map(PlannedWindow::from).collect()
}

fn disabled_span(position: &Position, now: Timestamp) -> Option<Span> {
    match &position.lifecycle {
        Lifecycle::Disabled(disabled) => {
            let (start, end) = disabled.since.zip(disabled.until)?;
            (end > now).then(|| Span {
                start,
                end,
                reason: position.reason.clone(),
            })
        }
        Lifecycle::Active | Lifecycle::Maintenance => None,
    }
}

impl From<&Window> for PlannedWindow {
    fn from(window: &Window) -> Self {
        Self {
            id: window.id(),
            span: Span {
                start: window.interval.start(),
                end: window.interval.end(),
                reason: window.reason.clone(),
            },
        }
    }
}
