use serde::{Deserialize, Serialize};

use super::{Access, Deprecation, Position};

/// Everything that decides about a route, apart from the request and the time.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RouteState {
    /// Open, closed, planned to be closed, or open in some environments.
    #[serde(default)]
    pub position: Position,
    /// Set when the route is going away; it is served all the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deprecation: Option<Deprecation>,
    /// Who may call it.
    #[serde(default, skip_serializing_if = "Access::is_open")]
    pub access: Access,
    /// Always served, and refuses changes.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub force_active: bool,
}

/// What is stored for a route that an operator has changed. Untouched routes are not stored at all.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RouteOverride {
    /// The state that applies.
    pub state: RouteState,
    /// What the code declared when the operator changed it. When the code declares something else
    /// by now, the override still applies, and the difference is reported as drift.
    pub declared: RouteState,
}
