use waygate_core::{
    grammar::{Invalid, ServiceName},
    model::{GlobalMaintenance, LimitScope},
    port::EntityKey,
};

use super::reason::unreadable_reason;
use crate::engine::store::{Instead, Kind, Shown, Unread, View, named, record};

/// Maintenance of all routes, or of a service.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Maintenances;

/// The routes that a maintenance record covers.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum MaintenanceScope {
    /// All routes.
    Global,
    /// The routes of one service.
    Service(ServiceName),
}

impl MaintenanceScope {
    pub(crate) fn service(&self) -> Option<&ServiceName> {
        match self {
            Self::Global => None,
            Self::Service(service) => Some(service),
        }
    }

    /// Describes the scope for people.
    pub(crate) fn in_words(&self) -> String {
        match self {
            Self::Global => "global maintenance".to_owned(),
            Self::Service(service) => format!("maintenance of the service {service}"),
        }
    }
}

impl From<&MaintenanceScope> for LimitScope {
    fn from(scope: &MaintenanceScope) -> Self {
        match scope {
            MaintenanceScope::Global => Self::Global,
            MaintenanceScope::Service(name) => Self::Service(name.clone()),
        }
    }
}

impl Kind for Maintenances {
    const NAMES: &'static [&'static str] = &["global", "service"];
    const GOVERNS: bool = true;
    const INSTEAD: Instead = Instead::MaintenanceOn;
    type Key = MaintenanceScope;
    type Value = GlobalMaintenance;

    fn parse(kind: &str, name: Option<&str>) -> Result<MaintenanceScope, Invalid> {
        match kind {
            "global" if name.is_none() => Ok(MaintenanceScope::Global),
            "service" => named(kind, name).map(MaintenanceScope::Service),
            _ => Err(crate::engine::store::unknown(kind)),
        }
    }

    fn entity(scope: &MaintenanceScope) -> EntityKey {
        match scope {
            MaintenanceScope::Global => EntityKey::singleton("global"),
            MaintenanceScope::Service(service) => EntityKey::of("service", service),
        }
    }

    fn may_stand_in(older: &GlobalMaintenance) -> bool {
        older.is_unbounded() && older.exempts_nothing() && older.recurring.is_empty()
    }

    fn stand_in(unread: &Unread) -> (Instead, Option<GlobalMaintenance>) {
        match unread.says_off {
            true => (Instead::MaintenanceOff, None),
            false => (Self::INSTEAD, Some(closed_maintenance())),
        }
    }

    fn shown(
        scope: &MaintenanceScope,
        value: Option<&GlobalMaintenance>,
        view: &dyn View,
    ) -> Option<Shown> {
        let now = value.cloned().unwrap_or_default().at(view.now());
        let key = LimitScope::from(scope);
        Some(Shown::new("maintenance", key, Some(record(now))))
    }
}

/// The substitute for an unreadable record: active maintenance.
pub(crate) fn closed_maintenance() -> GlobalMaintenance {
    let mut config = GlobalMaintenance::new(unreadable_reason());
    config.enabled = true;
    config
}
