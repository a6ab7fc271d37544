use serde::{Deserialize, Serialize};

use crate::model::{Dropped, RouteView};

/// The current state of a route.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Route {
    /// The state of the route.
    #[serde(flatten)]
    pub view: RouteView,
    /// `true` if an operator has changed the route.
    pub overridden: bool,
    /// `true` if the declaration in the code has changed since an operator changed the route.
    pub drifted: bool,
    /// `true` if the route is stored, but no longer exists in the code.
    pub orphaned: bool,
    /// The entity tag, for `If-Match`.
    pub etag: String,
    /// In the response to a change: how it may differ from what was intended, if it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schema(nullable = false))]
    pub warning: Option<String>,
    /// In the response to a change: the settings that it dropped from the route, if any.
    #[serde(default, skip_serializing_if = "Dropped::is_empty")]
    pub dropped: Dropped,
}
