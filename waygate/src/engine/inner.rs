use std::sync::Arc;
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
    health::Monitor,
    limits::{Counters, CountersHandle, Decisions, LimitConfig, LimitStats},
    named::Named,
    principal::PrincipalSource,
    request::Clients,
    snapshot::Snapshot,
    stored::Stored,
};

/// The state shared by all handles of an engine.
#[derive(Debug)]
pub(crate) struct Inner {
    pub(crate) env: EnvName,
    pub(super) named: Named,
    /// The sources of settings, if any were read.
    pub(super) settings: Option<String>,
    /// The service that this process belongs to, if it is part of a fleet.
    pub(crate) service: Option<ServiceName>,
    pub(crate) clients: Clients,
    pub(crate) answers: super::answers::AnswerSettings,
    pub(crate) allow_unmounted: Vec<String>,
    #[cfg(feature = "testing")]
    pub(crate) only_handlers_under: Vec<String>,
    pub(crate) stacked: super::stacked::Stacked,
    pub(crate) bindings: super::bindings::Bindings,
    pub(crate) unregistered: super::unregistered::Unregistered,
    pub(crate) on_store_reset: OnStoreReset,
    #[cfg(feature = "file")]
    pub(crate) boot_cache: Option<waygate_backends::BootCache>,
    #[cfg(feature = "file")]
    pub(crate) counter_snapshot: Option<Arc<waygate_backends::CounterSnapshot>>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) backend: Arc<dyn Backend>,
    #[cfg(feature = "webhooks")]
    pub(crate) webhooks: super::webhooks::Hub,
    pub(crate) runtime: tokio::runtime::Handle,
    pub(crate) monitor: Monitor,
    /// The snapshot that requests read.
    pub(crate) snapshot: ArcSwap<Snapshot>,
    /// The last known good state of the store. Changes and refreshes hold this lock; requests never do.
    pub(crate) stored: Mutex<Stored>,
    /// The subscribers to the snapshot and its events.
    pub(crate) channels: Channels,
    /// Wakes the task that follows the store.
    pub(crate) behind: Arc<Notify>,
    /// The counters, their clock, and statistics.
    pub(crate) counters: Arc<Counters>,
    /// A weak handle to the counters, for policies.
    pub(crate) counters_handle: CountersHandle,
    pub(crate) book: LimitStats,
    pub(crate) decisions: Decisions,
    pub(crate) observed: super::observed::Observed,
    #[cfg(feature = "metrics")]
    pub(crate) metrics_budget: usize,
    /// `true` if the program exposes metrics.
    #[cfg(feature = "metrics")]
    pub(crate) has_metrics: std::sync::atomic::AtomicBool,
    /// The largest number of series that a family of metrics has left out.
    #[cfg(feature = "metrics")]
    pub(crate) dropped_series: std::sync::Mutex<std::collections::BTreeMap<&'static str, u64>>,
    pub(crate) limiting: LimitConfig,
    #[cfg(feature = "flags")]
    pub(crate) flag_options: waygate_core::flag::CompileOptions,
    #[cfg(feature = "flags")]
    pub(crate) flag_facts: Arc<super::flags::FlagFacts>,
    #[cfg(feature = "flags")]
    pub(crate) sowing: super::flags::Sowing,
    /// The source of contexts of flags.
    #[cfg(feature = "flags")]
    pub(crate) flag_contexts: super::flags::ContextSource,
    /// The source of callers in requests.
    pub(crate) principal: Option<PrincipalSource>,
}

impl Inner {
    pub(crate) fn subscribe(&self) -> Events {
        Events::new(self.channels.events())
    }

    #[inline]
    pub(crate) fn is_stacked(&self) -> bool {
        self.stacked.is_stacked.load(Ordering::Relaxed)
    }

    /// Records a route guard or another guarded router.
    pub(crate) fn note_stacked(&self) {
        if !self.is_stacked() {
            self.stacked.is_stacked.store(true, Ordering::Relaxed);
        }
    }

    /// Records a guarded router. Two of them may be nested, which only marked requests show.
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
