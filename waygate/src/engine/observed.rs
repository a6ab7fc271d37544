//! Counts of rare events, for metrics.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use waygate_core::model::AuditEntry;

use super::traffic::{Latencies, LatencyTotals};

/// The most kinds and platforms that are counted one by one. Programs choose the names of platforms.
const MAX_NAMES: usize = 256;
/// The substitute for all others.
const OTHER: &str = "_other";

/// The counts since the process started.
#[derive(Debug, Default)]
pub(crate) struct Observed {
    changes: Named<AtomicU64>,
    conflicts: Named<AtomicU64>,
    /// The time between a scheduled transition and its line in the audit log.
    lateness: Named<Latencies>,
    logins: Named<AtomicU64>,
    builds: Latencies,
}

/// Counters by a kind and a platform, or another second name.
#[derive(Debug)]
struct Named<T>(Mutex<BTreeMap<Names, Arc<T>>>);

/// See [`Named`].
pub(crate) type Names = (Box<str>, Box<str>);

impl<T> Default for Named<T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<T: Default> Named<T> {
    fn of(&self, kind: &str, second: &str) -> Arc<T> {
        let mut all = self.lock();
        let names: Names = (kind.into(), second.into());
        let is_full = all.len() >= MAX_NAMES && !all.contains_key(&names);
        let names = match is_full {
            true => (OTHER.into(), OTHER.into()),
            false => names,
        };
        all.entry(names).or_default().clone()
    }

    fn list(&self) -> Vec<(Names, Arc<T>)> {
        let all = self.lock();
        all.iter()
            .map(|(names, counter)| (names.clone(), counter.clone()))
            .collect()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<Names, Arc<T>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Named<AtomicU64> {
    fn count(&self, kind: &str, second: &str) {
        self.of(kind, second).fetch_add(1, Ordering::Relaxed);
    }

    fn counts(&self) -> Vec<(Names, u64)> {
        let all = self.list().into_iter();
        all.map(|(names, counter)| (names, counter.load(Ordering::Relaxed)))
            .collect()
    }
}

impl Observed {
    /// Counts the changes of a commit.
    pub(crate) fn note_lines<'a>(&self, lines: impl IntoIterator<Item = &'a AuditEntry>) {
        for line in lines {
            self.changes.count(line.action.as_str(), &line.platform);
            let late = line.new.as_ref().and_then(|new| new["late_ms"].as_u64());
            if let Some(late) = late {
                let lateness = self.lateness.of(line.action.as_str(), "");
                lateness.add(Duration::from_millis(late));
            }
        }
    }

    /// Counts a change that lost against another one.
    pub(crate) fn note_conflict(&self, kind: &str, platform: &str) {
        self.conflicts.count(kind, platform);
    }

    #[cfg_attr(not(feature = "admin"), allow(dead_code, reason = "for logins"))]
    pub(crate) fn note_login(&self, result: &str) {
        self.logins.count(result, "");
    }

    /// Notes the time in which a snapshot was built.
    pub(crate) fn note_build(&self, took: Duration) {
        self.builds.add(took);
    }
}

#[cfg_attr(not(feature = "metrics"), allow(dead_code, reason = "for metrics"))]
impl Observed {
    pub(crate) fn changes(&self) -> Vec<(Names, u64)> {
        self.changes.counts()
    }

    pub(crate) fn conflicts(&self) -> Vec<(Names, u64)> {
        self.conflicts.counts()
    }

    pub(crate) fn logins(&self) -> Vec<(Names, u64)> {
        self.logins.counts()
    }

    pub(crate) fn lateness(&self) -> Vec<(Names, LatencyTotals)> {
        let all = self.lateness.list().into_iter();
        all.map(|(names, latencies)| (names, latencies.totals()))
            .collect()
    }

    pub(crate) fn builds(&self) -> LatencyTotals {
        self.builds.totals()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_bounded() {
        let observed = Observed::default();
        for number in 0..1_000 {
            observed.note_conflict("race", &format!("platform-{number}"));
        }
        let conflicts = observed.conflicts();
        assert_eq!(conflicts.len(), MAX_NAMES + 1);
        let total: u64 = conflicts.iter().map(|(_, count)| count).sum();
        assert_eq!(total, 1_000);
    }
}
