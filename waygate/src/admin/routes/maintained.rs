use serde::Serialize;
use waygate_core::model::{DroppedMaintenance, GlobalMaintenance};

use crate::{Waygate, engine::MaintenanceScope};

/// Maintenance of everything or of a service, as it is shown.
#[derive(Debug, Serialize)]
pub(super) struct MaintenanceBody {
    #[serde(flatten)]
    maintenance: GlobalMaintenance,
    /// What of it does not do what it says.
    #[serde(skip_serializing_if = "Option::is_none")]
    warning: Option<String>,
    /// What a change has taken from it.
    #[serde(skip_serializing_if = "DroppedMaintenance::is_empty")]
    dropped: DroppedMaintenance,
}

impl MaintenanceBody {
    pub(super) fn new(
        waygate: &Waygate,
        scope: &MaintenanceScope,
        maintenance: GlobalMaintenance,
    ) -> Self {
        Self {
            warning: waygate.maintenance_warning(scope, &maintenance),
            maintenance,
            dropped: DroppedMaintenance::default(),
        }
    }

    pub(super) fn dropping(self, dropped: DroppedMaintenance) -> Self {
        Self { dropped, ..self }
    }
}
