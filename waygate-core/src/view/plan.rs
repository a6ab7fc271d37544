use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::model::{Action, LimitKey, RouteStatus};

/// What a change would do: the response to a dry run.
///
/// ```
/// use waygate_core::view::Plan;
///
/// let plan: Plan = serde_json::from_str(
///     r#"{"dry_run": true, "revision": 7, "routes": [], "limits": [], "requests": 0, "changes": [], "warnings": []}"#,
/// )?;
/// assert!(plan.is_empty());
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[non_exhaustive]
pub struct Plan {
    /// Always `true`.
    pub dry_run: bool,
    /// The commit that the plan is based on.
    pub revision: u64,
    /// The routes that requests would find in another state, by path and method.
    pub routes: Vec<PlannedRoute>,
    /// The limits that would differ, by key.
    pub limits: Vec<PlannedLimit>,
    /// The requests of the last hour to these routes and to the routes of these limits, as this process has counted
    /// them.
    pub requests: u64,
    /// The lines that the change would add to the audit log.
    pub changes: Vec<PlannedChange>,
    /// The warnings that the change would have.
    pub warnings: Vec<String>,
}

impl Plan {
    /// Creates the plan of a change without effect, at a commit.
    ///
    /// ```
    /// assert_eq!(waygate_core::view::Plan::at(7).revision, 7);
    /// ```
    pub fn at(revision: u64) -> Self {
        Self {
            dry_run: true,
            revision,
            routes: Vec::new(),
            limits: Vec::new(),
            requests: 0,
            changes: Vec::new(),
            warnings: Vec::new(),
        }
    }

    /// Returns `true` if the change would write nothing.
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }
}

/// A route that requests would find in another state.
///
/// ```
/// use waygate_core::view::PlannedRoute;
///
/// let route: PlannedRoute = serde_json::from_str(
///     r#"{
///         "key": "GET:/payments",
///         "before": {"status": "active", "blocked_by": null, "reason": "", "http_status": null},
///         "after": {"status": "disabled", "blocked_by": "disabled", "reason": "incident 12", "http_status": 503}
///     }"#,
/// )?;
/// assert_eq!(route.after.http_status, Some(503));
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct PlannedRoute {
    /// The route's key.
    #[cfg_attr(feature = "schema", schema(example = "GET:/payments"))]
    pub key: String,
    /// The state before the change.
    pub before: RouteOutcome,
    /// The state after the change.
    pub after: RouteOutcome,
}

/// The decision about a request that has no address, no roles and no flags.
///
/// ```
/// use waygate_core::{model::RouteStatus, view::RouteOutcome};
///
/// let open = RouteOutcome { status: RouteStatus::Active, blocked_by: None, reason: String::new(), http_status: None };
/// assert_eq!(open.http_status, None);
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct RouteOutcome {
    /// The status of the route itself, without global and service maintenance.
    pub status: RouteStatus,
    /// What refuses the request: `maintenance`, `global_maintenance`, `service_maintenance`, `disabled`, `env_gated`,
    /// `ip` or `role`; null if the handler runs.
    #[cfg_attr(feature = "schema", schema(required, example = "maintenance"))]
    pub blocked_by: Option<String>,
    /// The operator's reason for that; may be empty.
    pub reason: String,
    /// The status of the built-in response to a refused request; null if the handler runs.
    #[cfg_attr(feature = "schema", schema(required, example = 503))]
    pub http_status: Option<u16>,
}

/// A limit that would differ.
///
/// ```
/// use waygate_core::view::{LimitKind, PlannedLimit};
///
/// let limit: PlannedLimit = serde_json::from_str(
///     r#"{"key": "*#default", "kind": "rate", "before": null, "after": {"limit": "100/minute"}}"#,
/// )?;
/// assert_eq!(limit.kind, LimitKind::Rate);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct PlannedLimit {
    /// The key of the policy.
    pub key: LimitKey,
    /// The kind of limit.
    pub kind: LimitKind,
    /// The policy before the change; null if there was none.
    #[cfg_attr(feature = "schema", schema(required, value_type = Option<Object>))]
    pub before: Option<Value>,
    /// The policy after the change; null if there would be none.
    #[cfg_attr(feature = "schema", schema(required, value_type = Option<Object>))]
    pub after: Option<Value>,
}

/// A kind of limit.
///
/// ```
/// use waygate_core::view::LimitKind;
///
/// assert_eq!(serde_json::to_string(&LimitKind::Concurrency)?, r#""concurrency""#);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum LimitKind {
    /// A rate limit.
    Rate,
    /// A concurrency limit.
    Concurrency,
}

/// A line that a change would add to the audit log.
///
/// ```
/// use waygate_core::{model::Action, view::PlannedChange};
///
/// let change: PlannedChange = serde_json::from_str(
///     r#"{"path": "GET:/payments", "action": "disable", "reason": "incident 12"}"#,
/// )?;
/// assert_eq!(change.action, Action::Disable);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct PlannedChange {
    /// The path of the line.
    #[cfg_attr(feature = "schema", schema(example = "GET:/payments"))]
    pub path: String,
    /// The action.
    pub action: Action,
    /// The reason; may be empty.
    pub reason: String,
    /// The stored value before the change, if any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schema(value_type = Option<Object>, nullable = false))]
    pub previous: Option<Value>,
    /// The stored value after the change, if any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schema(value_type = Option<Object>, nullable = false))]
    pub new: Option<Value>,
    /// Other settings that the change would drop, such as planned windows, if any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schema(value_type = Option<Object>, nullable = false))]
    pub dropped: Option<Value>,
}
