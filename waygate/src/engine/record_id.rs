use waygate_core::{
    grammar::{Invalid, ServiceName},
    model::{LimitKey, RouteKey},
    port::EntityKey,
};

use super::{maintenance::MaintenanceScope, stored::kind};

/// What a stored record is about. Whatever handles records by their kind matches on this, so that the compiler finds the
/// places that a new kind is missing from.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum RecordId {
    Route(RouteKey),
    Schedule(RouteKey),
    Maintenance(MaintenanceScope),
    Limit(LimitKey),
    Concurrency(LimitKey),
    Counters(LimitKey),
    /// A record that the engine does not look into.
    Other(EntityKey),
}

impl RecordId {
    /// Reads the key of a record.
    ///
    /// # Errors
    /// [`Invalid`] when there is no such kind, or the name does not follow the grammar of its kind.
    pub(crate) fn of(key: &EntityKey) -> Result<Self, Invalid> {
        let unknown = |kind: &str| {
            let problem = "there is no such kind of records in this version; check its spelling";
            Invalid::new("record", kind, problem)
        };
        let Some((kind, name)) = key.as_str().split_once('/') else {
            return match key.as_str() {
                kind::GLOBAL => Ok(Self::Maintenance(MaintenanceScope::Global)),
                kind::RESEED => Ok(Self::Other(key.clone())),
                other => Err(unknown(other)),
            };
        };
        Ok(match kind {
            kind::ROUTE => Self::Route(name.parse()?),
            kind::SCHEDULE => Self::Schedule(name.parse()?),
            kind::SERVICE => {
                Self::Maintenance(MaintenanceScope::Service(name.parse::<ServiceName>()?))
            }
            kind::LIMIT => Self::Limit(name.parse()?),
            kind::CONCURRENCY => Self::Concurrency(name.parse()?),
            kind::COUNTERS => Self::Counters(name.parse()?),
            kind::TOKEN | kind::LOGIN => Self::Other(key.clone()),
            other => return Err(unknown(other)),
        })
    }

    /// The record of this kind and name, if there can be one.
    pub(crate) fn named(kind: &'static str, name: &str) -> Option<Self> {
        match kind {
            kind::GLOBAL => Some(Self::Maintenance(MaintenanceScope::Global)),
            kind => Self::of(&EntityKey::of(kind, name)).ok(),
        }
    }

    /// The key under which the record is stored.
    pub(crate) fn entity(&self) -> EntityKey {
        match self {
            Self::Route(key) => EntityKey::of(kind::ROUTE, key),
            Self::Schedule(key) => EntityKey::of(kind::SCHEDULE, key),
            Self::Maintenance(scope) => scope.entity(),
            Self::Limit(key) => EntityKey::of(kind::LIMIT, key),
            Self::Concurrency(key) => EntityKey::of(kind::CONCURRENCY, key),
            Self::Counters(key) => EntityKey::of(kind::COUNTERS, key),
            Self::Other(key) => key.clone(),
        }
    }
}
