use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use waygate_core::{
    Timestamp,
    grammar::Invalid,
    model::{LimitScope, RouteKey},
    port::EntityKey,
};

use super::maintenance::MaintenanceScope;
use crate::engine::store::{Kind, Shown, View, named};

/// How far the audit log covers the scheduled transitions.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Schedules;

/// A state that changes with time. Its name in the store is the key of a route, `*` for all routes, or
/// `service:<name>`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Timed {
    Route(RouteKey),
    Maintenance(MaintenanceScope),
}

/// The mark of one state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Schedule {
    /// Transitions up to this instant are in the audit log and were sent to subscribers.
    #[serde(rename = "told_until")]
    pub(crate) logged_until: Timestamp,
}

impl Kind for Schedules {
    const NAMES: &'static [&'static str] = &["schedule"];
    const GOVERNS: bool = true;
    type Key = Timed;
    type Value = Schedule;

    fn parse(kind: &str, name: Option<&str>) -> Result<Timed, Invalid> {
        named(kind, name)
    }

    fn entity(timed: &Timed) -> EntityKey {
        EntityKey::of("schedule", timed)
    }

    fn route(timed: &Timed) -> Option<&RouteKey> {
        match timed {
            Timed::Route(key) => Some(key),
            Timed::Maintenance(_) => None,
        }
    }

    fn route_in_name<'a>(_kind: &str, name: &'a str) -> Option<&'a str> {
        Some(name)
    }

    // The mark changes only with transitions, which have their own events.
    fn shown(_: &Timed, _: Option<&Schedule>, _: &dyn View) -> Option<Shown> {
        None
    }
}

impl fmt::Display for Timed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Route(key) => key.fmt(f),
            Self::Maintenance(scope) => LimitScope::from(scope).fmt(f),
        }
    }
}

impl FromStr for Timed {
    type Err = Invalid;

    fn from_str(name: &str) -> Result<Self, Invalid> {
        Ok(match name.parse()? {
            LimitScope::Route(key) => Self::Route(key),
            LimitScope::Global => Self::Maintenance(MaintenanceScope::Global),
            LimitScope::Service(name) => Self::Maintenance(MaintenanceScope::Service(name)),
        })
    }
}
