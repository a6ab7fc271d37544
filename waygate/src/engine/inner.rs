use std::sync::Arc;
#[cfg(feature = "axum")]
use std::sync::atomic::Ordering;

use arc_swap::ArcSwap;
use tokio::sync::{Mutex, Notify};
use waygate_core::{
    grammar::{EnvName, ServiceName},
    port::{Backend, Clock, CounterError},
};

use super::{
    Events, OnStoreReset,
    channels::Channels,
    clients::Clients,
    health::Monitor,
    limits::{Counters, CountersHandle, Decisions, LimitBook, Limiting},
    named::Named,
    principal::PrincipalSource,
    snapshot::Snapshot,
    stored::Stored,
};

/// What all handles of one engine share.
#[derive(Debug)]
pub(crate) struct Inner {
    pub(crate) env: EnvName,
    pub(super) named: Named,
    /// From where settings were read, if they were.
    pub(super) settings: Option<String>,
    /// The service that this process is part of, in a fleet.
    pub(crate) service: Option<ServiceName>,
    pub(crate) clients: Clients,
    #[cfg(feature = "axum")]
    pub(crate) answers: super::answers::AnswerSettings,
    #[cfg(feature = "axum")]
    pub(crate) allow_unmounted: Vec<String>,
    #[cfg(feature = "testing")]
    pub(crate) only_handlers_under: Vec<String>,
    #[cfg(feature = "axum")]
    pub(crate) stacked: super::stacked::Stacked,
    #[cfg(feature = "axum")]
    pub(crate) bindings: super::bindings::Bindings,
    #[cfg(feature = "axum")]
    pub(crate) unregistered: super::unregistered::Unregistered,
    pub(crate) on_store_reset: OnStoreReset,
    #[cfg(feature = "file")]
    pub(crate) boot_cache: Option<waygate_backends::BootCache>,
    #[cfg(feature = "file")]
    pub(crate) counter_snapshot: Option<Arc<waygate_backends::CounterSnapshot>>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) backend: Arc<dyn Backend>,
    pub(crate) runtime: tokio::runtime::Handle,
    pub(crate) monitor: Monitor,
    /// What requests read.
    pub(crate) snapshot: ArcSwap<Snapshot>,
    /// The last-known-good picture of the store. Whoever changes or refreshes it holds this lock; requests never do.
    pub(crate) stored: Mutex<Stored>,
    /// Those that follow the snapshot and its events.
    pub(crate) channels: Channels,
    /// Wakes the task that follows the store.
    pub(crate) behind: Arc<Notify>,
    /// Where requests are counted, by what time, and what came of it.
    pub(crate) counters: Arc<Counters>,
    /// The same, as policies know them.
    pub(crate) counters_handle: CountersHandle,
    pub(crate) book: LimitBook,
    pub(crate) decisions: Decisions,
    pub(crate) limiting: Limiting,
    /// Where requests keep their callers.
    pub(crate) principal: Option<PrincipalSource>,
}

impl Inner {
    pub(crate) fn subscribe(&self) -> Events {
        Events::new(self.channels.events())
    }

    #[cfg(feature = "axum")]
    #[inline]
    pub(crate) fn is_stacked(&self) -> bool {
        self.stacked.is_stacked.load(Ordering::Relaxed)
    }

    #[cfg(feature = "axum")]
    /// Notes that there is a route guard, or another guarded router.
    pub(crate) fn note_stacked(&self) {
        if !self.is_stacked() {
            self.stacked.is_stacked.store(true, Ordering::Relaxed);
        }
    }

    #[cfg(feature = "axum")]
    /// Notes a guarded router. Two of them may be nested, and only requests that are marked show whether they are.
    pub(crate) fn note_guarded(&self) {
        if self.stacked.guards.swap(true, Ordering::Relaxed) {
            self.note_stacked();
        }
    }

    /// Updates the health of the shared counters after a call.
    #[inline]
    pub(crate) fn note_counters(&self, fault: Option<&CounterError>) {
        let Some(shared) = &self.counters.shared else {
            return;
        };
        if fault.is_some() {
            self.monitor.counted(fault, &*self.clock);
        } else if self.monitor.is_counting_impaired() && shared.store.health().is_ok() {
            // An unavailable store may still repeat an earlier refusal. That is not a recovery.
            self.monitor.counted(None::<&CounterError>, &*self.clock);
        }
    }
}
