use std::{
    collections::BTreeMap,
    fmt,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use serde::Serialize;
use waygate_core::{Printable, Timestamp, port::Clock};

/// A part of Waygate that can be impaired while the API goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Component {
    /// The store does not answer or takes no writes; the last known state applies.
    Store,
    /// The store was emptied, replaced or went back in time; the last known state applies.
    StoreReset,
    /// Some stored records cannot be read. The cause names each of them and what applies instead: the last known value,
    /// else a closed route, path or maintenance, or a declared limit. Cleared once the record is mended or changed.
    Records,
    /// The task that follows the store.
    Sync,
    /// The task that tells of transitions.
    Scheduler,
    /// The store of the counters does not count; each rate limit does what its policy says,
    /// and limits of concurrency hold within this process.
    Counters,
    /// The file for a start without the store cannot be written.
    BootCache,
    /// The counters of this process are not kept in their file, or could not be put back at the start (reported for an
    /// hour).
    CounterSnapshot,
    /// Not a fault of Waygate: maintenance or a limit names an unknown route or service, which most likely is a
    /// typing error, or `route = ".."` names a route that another handler serves. Not reported where the process is part of a fleet, whose other routes it does not know.
    Unmatched,
    /// Not a fault: this process is set to open every gate, at its start
    /// ([`bypass_lifecycle`](crate::WaygateBuilder::bypass_lifecycle)) or
    /// [afterwards](crate::Waygate::bypass_lifecycle). Cleared when that is switched off.
    LifecycleBypass,
    /// Not a fault: this process is set to count nothing, at its start
    /// ([`bypass_rate_limits`](crate::WaygateBuilder::bypass_rate_limits)) or
    /// [afterwards](crate::Waygate::bypass_rate_limits). Cleared when that is switched off.
    RateLimitBypass,
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
            Self::BootCache => "boot_cache",
            Self::CounterSnapshot => "counter_snapshot",
            Self::Unmatched => "unmatched",
            Self::LifecycleBypass => "lifecycle_bypass",
            Self::RateLimitBypass => "rate_limit_bypass",
        })
    }
}

/// Why a component is impaired, and since when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Degraded {
    /// Since when, in UTC.
    pub since: Timestamp,
    /// What is wrong, in the words of the component. It may name files of this machine, which the admin API leaves out.
    pub cause: String,
}

/// The impaired components. Empty means healthy.
pub type Health = BTreeMap<Component, Degraded>;

/// Keeps track of what is impaired, and logs each transition once.
#[derive(Debug, Default)]
pub(crate) struct Monitor {
    health: Mutex<Health>,
    counting: Counting,
    /// Whether the store takes no writes, which reading it does not disprove.
    refuses_writes: AtomicBool,
}

/// Whether the store of the counters fails: what requests look at before they wait for each other.
#[derive(Debug, Default)]
struct Counting {
    fails: AtomicBool,
    /// On the monotonic clock, in milliseconds.
    failed_at: AtomicU64,
}

/// For so long the store of the counters must not have failed. Some answers come from blocks that were taken in advance,
/// and say nothing about it.
const CALM: u64 = 1_000;

impl Monitor {
    pub(crate) fn degrade(&self, component: Component, cause: impl fmt::Display, now: Timestamp) {
        let cause = cause.to_string();
        let mut health = self.health();
        match health.get_mut(&component) {
            Some(known) => {
                // Of these, each is news; other causes change with every attempt.
                let is_news = matches!(component, Component::Records | Component::Unmatched);
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

    /// Notes that the store was read.
    pub(crate) fn store_was_read(&self) {
        if !self.store_refuses_writes() {
            self.recover(Component::Store);
        }
    }

    /// Notes whether the store takes writes.
    pub(crate) fn store_takes_writes(&self, fault: Option<&impl fmt::Display>, now: Timestamp) {
        self.refuses_writes
            .store(fault.is_some(), Ordering::Relaxed);
        match fault {
            Some(fault) => self.degrade(Component::Store, fault, now),
            None => self.recover(Component::Store),
        }
    }

    /// Whether the store takes no writes, as far as is known.
    pub(crate) fn store_refuses_writes(&self) -> bool {
        self.refuses_writes.load(Ordering::Relaxed)
    }

    /// Notes whether the store of the counters has failed a request.
    #[inline]
    pub(crate) fn counted(&self, fault: Option<&impl fmt::Display>, clock: &dyn Clock) {
        match fault {
            Some(fault) => self.counting_failed(fault, clock),
            None if self.counting.fails.load(Ordering::Relaxed) => self.counting_succeeded(clock),
            None => {}
        }
    }

    /// Whether the store of the counters has failed and has not been well since.
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
            // A failure that comes now raises the flag again, and the next success looks again.
            counting.fails.store(false, Ordering::Relaxed);
            self.recover(Component::Counters);
        }
    }

    /// Whether a component is impaired.
    pub(crate) fn is_degraded(&self, component: Component) -> bool {
        self.health().contains_key(&component)
    }

    pub(crate) fn current(&self) -> Health {
        self.health().clone()
    }

    fn health(&self) -> MutexGuard<'_, Health> {
        self.health.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn milliseconds(clock: &dyn Clock) -> u64 {
    u64::try_from(clock.monotonic().as_millis()).unwrap_or(u64::MAX)
}
