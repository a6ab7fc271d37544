use std::{
    collections::BTreeMap,
    fmt,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use serde::Serialize;
use waygate_core::{
    Printable, Timestamp,
    port::{BackendError, Clock},
};

use super::store_faults::StoreFaults;

/// A part of Waygate that can be impaired while the API keeps running.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// use waygate::{Waygate, health::Component};
///
/// let waygate = Waygate::builder().bypass_rate_limits(true).build().await?;
/// let health = waygate.health();
/// assert!(health.contains_key(&Component::RateLimitBypass));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Component {
    /// The store cannot be read, and the last known state applies; or it cannot be written, and what is known is
    /// current. If both, the cause is that of the reads.
    Store,
    /// The store was emptied, replaced or rolled back; the last known state applies.
    StoreReset,
    /// Some stored records cannot be read. The cause names each of them and its substitute: the last known value,
    /// otherwise a closed route or path, active maintenance, or a declared limit. Cleared when the record is repaired
    /// or changed.
    Records,
    /// Some stored flags or segments have conditions that never match, or flags of the program do not fit to those in
    /// the store and were not [written](crate::WaygateBuilder), or a gate has served the default of a flag that is not
    /// stored or cannot be evaluated, or a gate was decided without the caller that its handler has. Cleared when they are
    /// changed.
    Flags,
    /// The task that follows the store.
    Sync,
    /// The task that announces scheduled transitions.
    Scheduler,
    /// The counter store is unavailable; `on_store_failure` of each rate limit applies, and concurrency limits apply
    /// within this process.
    Counters,
    /// The task that notes the requests of each minute, or the one that writes refusals of limits to the store.
    Traffic,
    /// The boot cache cannot be written.
    BootCache,
    /// The counters of this process cannot be written to their file, or could not be restored at startup (reported for
    /// one hour).
    CounterSnapshot,
    /// The file of users of the admin API cannot be read or is invalid; its last valid users remain.
    AdminUsers,
    /// A webhook is disabled, or the audit log has dropped events that it has not got, or events of it were given up.
    Webhooks,
    /// Not a fault of Waygate: maintenance or a limit names an unknown route or service, probably misspelled, or `route
    /// = ".."` names a route that a different handler serves. Not reported if the process is part of a fleet, since it
    /// does not know the other routes.
    Unmatched,
    /// Not a fault: this process has bypassed every gate since its start
    /// ([`bypass_lifecycle`](crate::WaygateBuilder::bypass_lifecycle)) or [later](crate::Waygate::bypass_lifecycle).
    /// Cleared when the bypass ends.
    LifecycleBypass,
    /// Not a fault: this process has bypassed all limits since its start
    /// ([`bypass_rate_limits`](crate::WaygateBuilder::bypass_rate_limits)) or
    /// [later](crate::Waygate::bypass_rate_limits). Cleared when the bypass ends.
    RateLimitBypass,
}

impl fmt::Display for Component {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Store => "store",
            Self::StoreReset => "store_reset",
            Self::Records => "records",
            Self::Flags => "flags",
            Self::Sync => "sync",
            Self::Scheduler => "scheduler",
            Self::Counters => "counters",
            Self::Traffic => "traffic",
            Self::BootCache => "boot_cache",
            Self::CounterSnapshot => "counter_snapshot",
            Self::AdminUsers => "admin_users",
            Self::Webhooks => "webhooks",
            Self::Unmatched => "unmatched",
            Self::LifecycleBypass => "lifecycle_bypass",
            Self::RateLimitBypass => "rate_limit_bypass",
        })
    }
}

/// An impairment: its cause and its start.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// use waygate::{Waygate, health::Component};
///
/// let waygate = Waygate::builder().bypass_rate_limits(true).build().await?;
/// let health = waygate.health();
/// let degraded = &health[&Component::RateLimitBypass];
/// assert!(!degraded.cause.is_empty());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Degraded {
    /// The start, in UTC.
    pub since: Timestamp,
    /// The cause. It may contain file paths of this machine, which the admin API omits.
    pub cause: String,
}

/// The impaired components. Empty means healthy.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// let waygate = waygate::Waygate::builder().build().await?;
/// assert!(waygate.health().is_empty(), "all is well");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub type Health = BTreeMap<Component, Degraded>;

/// Tracks impairments, and logs each transition once.
#[derive(Debug, Default)]
pub(crate) struct Monitor {
    health: Mutex<Health>,
    /// Locked before `health`, so that both agree.
    store: Mutex<StoreFaults>,
    counting: Counting,
}

/// The failure state of the counter store, readable without a lock.
#[derive(Debug, Default)]
struct Counting {
    fails: AtomicBool,
    /// On the monotonic clock, in milliseconds.
    failed_at: AtomicU64,
}

/// The time without failures after which the counter store has recovered, in milliseconds. Some results come from
/// leased blocks, and do not show its state.
const CALM: u64 = 1_000;

impl Monitor {
    pub(crate) fn degrade(&self, component: Component, cause: impl fmt::Display, now: Timestamp) {
        let cause = cause.to_string();
        let mut health = self.health();
        match health.get_mut(&component) {
            Some(known) => {
                // For these, each cause is news; other causes change with every attempt.
                let is_news = matches!(
                    component,
                    Component::Records
                        | Component::Unmatched
                        | Component::Flags
                        | Component::Webhooks
                );
                if is_news && known.cause != cause {
                    tracing::warn!(%component, cause = %Printable(&cause), "still degraded");
                }
                known.cause = cause;
            }
            None => {
                tracing::warn!(%component, cause = %Printable(&cause), "degraded");
                health.insert(component, Degraded { since: now, cause });
            }
        }
        if component == Component::Counters {
            self.counting.fails.store(true, Ordering::Relaxed);
        }
    }

    pub(crate) fn recover(&self, component: Component) {
        if self.health().remove(&component).is_some() {
            tracing::info!(%component, "recovered");
        }
    }

    /// Records that the store cannot be read at all, and that everything is closed until it can. Returns the cause.
    pub(crate) fn store_is_closed(&self, error: &BackendError, now: Timestamp) -> String {
        self.note_store(now, |faults| {
            faults.closed(error);
            faults.read_fault().unwrap_or_default().to_owned()
        })
    }

    /// Records a failed read of the store.
    pub(crate) fn store_read_failed(&self, cause: impl fmt::Display, now: Timestamp) {
        self.note_store(now, |faults| faults.read_failed(cause));
    }

    /// Records a failed write.
    pub(crate) fn store_write_failed(&self, error: &BackendError, now: Timestamp) {
        self.note_store(now, |faults| faults.write_failed(error));
    }

    /// Records a successful read of the store.
    pub(crate) fn store_was_read(&self, now: Timestamp) {
        self.note_store(now, StoreFaults::was_read);
    }

    /// Records a successful write on the current state, which proves that nothing newer is unread.
    pub(crate) fn store_was_written(&self, now: Timestamp) {
        self.note_store(now, |faults| {
            faults.probed(None::<&BackendError>);
            faults.was_read();
        });
    }

    /// Records whether the store accepts writes.
    pub(crate) fn store_takes_writes(&self, fault: Option<&impl fmt::Display>, now: Timestamp) {
        self.note_store(now, |faults| faults.probed(fault));
    }

    /// Returns `true` if the store is known not to be writable.
    pub(crate) fn store_refuses_writes(&self) -> bool {
        self.store().refuses_writes()
    }

    /// Returns `true` unless reads of the store have failed since the last one that succeeded.
    pub(crate) fn store_is_readable(&self) -> bool {
        self.store().read_fault().is_none()
    }

    /// The cause of failed reads of the store, since which its values may be out of date.
    #[cfg(feature = "flags")]
    pub(crate) fn store_read_fault(&self) -> Option<String> {
        self.store().read_fault().map(str::to_owned)
    }

    /// Updates the failures of the store, and its health with them.
    fn note_store<R>(&self, now: Timestamp, update: impl FnOnce(&mut StoreFaults) -> R) -> R {
        let mut faults = self.store();
        let result = update(&mut faults);
        match faults.cause() {
            Some(cause) => self.degrade(Component::Store, cause, now),
            None => self.recover(Component::Store),
        }
        result
    }

    /// Records the result of a call to the counter store.
    #[inline]
    pub(crate) fn counted(&self, fault: Option<&impl fmt::Display>, clock: &dyn Clock) {
        match fault {
            Some(fault) => self.counting_failed(fault, clock),
            None if self.counting.fails.load(Ordering::Relaxed) => self.counting_succeeded(clock),
            None => {}
        }
    }

    /// Returns `true` if the counter store has failed and not recovered.
    #[inline]
    pub(crate) fn is_counting_impaired(&self) -> bool {
        self.counting.fails.load(Ordering::Relaxed)
    }

    #[cold]
    fn counting_failed(&self, fault: &impl fmt::Display, clock: &dyn Clock) {
        let counting = &self.counting;
        counting
            .failed_at
            .fetch_max(milliseconds(clock), Ordering::Relaxed);
        self.degrade(Component::Counters, fault, clock.now());
    }

    #[cold]
    fn counting_succeeded(&self, clock: &dyn Clock) {
        let counting = &self.counting;
        let failed_at = counting.failed_at.load(Ordering::Relaxed);
        if milliseconds(clock).saturating_sub(failed_at) >= CALM {
            // A later failure sets the flag again, and the next success checks again.
            counting.fails.store(false, Ordering::Relaxed);
            self.recover(Component::Counters);
        }
    }

    /// Returns `true` if a component is impaired.
    pub(crate) fn is_degraded(&self, component: Component) -> bool {
        self.health().contains_key(&component)
    }

    pub(crate) fn current(&self) -> Health {
        self.health().clone()
    }

    fn health(&self) -> MutexGuard<'_, Health> {
        self.health.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn store(&self) -> MutexGuard<'_, StoreFaults> {
        self.store.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn milliseconds(clock: &dyn Clock) -> u64 {
    u64::try_from(clock.monotonic().as_millis()).unwrap_or(u64::MAX)
}
