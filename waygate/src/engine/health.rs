use std::{
    collections::BTreeMap,
    fmt,
    sync::{Mutex, MutexGuard, PoisonError},
};

use serde::Serialize;
use waygate_core::Timestamp;

/// A part of Waygate that can be impaired while the API goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Component {
    /// The store does not answer or takes no writes; the last known state applies.
    Store,
    /// The store was emptied, replaced or went back in time; the last known state applies.
    StoreReset,
    /// Some stored records cannot be read; their last known or declared state applies.
    Records,
    /// The task that follows the store.
    Sync,
    /// The task that tells of transitions.
    Scheduler,
    /// The store of the counters does not count; each rate limit does what its policy says,
    /// and limits of concurrency hold within this process.
    Counters,
}

impl fmt::Display for Component {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Store => "store",
            Self::StoreReset => "store_reset",
            Self::Records => "records",
            Self::Sync => "sync",
            Self::Scheduler => "scheduler",
            Self::Counters => "counters",
        })
    }
}

/// Why a component is impaired, and since when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Degraded {
    /// Since when, in UTC.
    pub since: Timestamp,
    /// What is wrong.
    pub cause: String,
}

/// The impaired components. Empty means healthy.
pub type Health = BTreeMap<Component, Degraded>;

/// Keeps track of what is impaired, and logs each transition once.
#[derive(Debug, Default)]
pub(crate) struct Monitor(Mutex<Health>);

impl Monitor {
    pub(crate) fn degrade(&self, component: Component, cause: impl fmt::Display, now: Timestamp) {
        let cause = cause.to_string();
        let mut health = self.health();
        match health.get_mut(&component) {
            Some(known) => known.cause = cause,
            None => {
                tracing::warn!(%component, %cause, "degraded");
                health.insert(component, Degraded { since: now, cause });
            }
        }
    }

    pub(crate) fn recover(&self, component: Component) {
        if self.health().remove(&component).is_some() {
            tracing::info!(%component, "recovered");
        }
    }

    pub(crate) fn current(&self) -> Health {
        self.health().clone()
    }

    fn health(&self) -> MutexGuard<'_, Health> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
