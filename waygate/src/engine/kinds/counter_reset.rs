use serde::{Deserialize, Serialize};
use waygate_core::{grammar::Invalid, model::LimitScope, port::EntityKey};

use super::maintenance::MaintenanceScope;
use crate::engine::store::{Kind, Shown, Touches, View, named, unknown};

/// The resets of all counters of a service, or of all routes.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct CounterResets;

/// The number of resets of all counters in a scope.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CounterReset {
    pub(crate) resets: u64,
}

impl Kind for CounterResets {
    const NAMES: &'static [&'static str] = &["counter_reset"];
    type Key = MaintenanceScope;
    type Value = CounterReset;

    fn parse(kind: &str, name: Option<&str>) -> Result<MaintenanceScope, Invalid> {
        match named(kind, name)? {
            LimitScope::Global => Ok(MaintenanceScope::Global),
            LimitScope::Service(service) => Ok(MaintenanceScope::Service(service)),
            LimitScope::Route(_) => Err(unknown(kind)),
        }
    }

    fn entity(scope: &MaintenanceScope) -> EntityKey {
        EntityKey::of("counter_reset", LimitScope::from(scope))
    }

    fn touches(_: &MaintenanceScope) -> Touches<'_> {
        Touches::AllLimits
    }

    // The end of the maintenance has its own event.
    fn shown(_: &MaintenanceScope, _: Option<&CounterReset>, _: &dyn View) -> Option<Shown> {
        None
    }
}
