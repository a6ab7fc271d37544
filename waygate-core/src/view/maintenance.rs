use serde::{Deserialize, Serialize};

use crate::model::{DroppedMaintenance, GlobalMaintenance};

/// Maintenance of all routes, or of one service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(
    feature = "schema",
    derive(utoipa::ToSchema),
    schema(as = GlobalMaintenance)
)]
pub struct Maintenance {
    /// The settings.
    #[serde(flatten)]
    pub settings: GlobalMaintenance,
    /// The settings without effect: exempt paths that no route has, an unknown service, or exempt roles if the
    /// application has no principal type. Missing if there are none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schema(nullable = false))]
    pub warning: Option<String>,
    /// In the response to a change: the settings that it dropped, if any.
    #[serde(default, skip_serializing_if = "DroppedMaintenance::is_empty")]
    pub dropped: DroppedMaintenance,
}
