//! The knowledge of a process about its webhooks, beside the store.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use uuid::Uuid;
use waygate_core::{
    grammar::PolicyName,
    model::AuditEntry,
    webhook::{Message, WebhookDefinition},
};

use super::{
    counts::{Counts, WebhookCounts},
    records::WebhookAttempt,
    send::Sender,
};

/// A formatter of the application.
#[derive(Clone)]
pub(crate) struct Formatter(Arc<Format>);

type Format = dyn Fn(&AuditEntry) -> Result<Option<Message>, String> + Send + Sync;

impl Formatter {
    pub(crate) fn new(
        format: impl Fn(&AuditEntry) -> Result<Option<Message>, String> + Send + Sync + 'static,
    ) -> Self {
        Self(Arc::new(format))
    }

    pub(super) fn message(&self, entry: &AuditEntry) -> Result<Option<Message>, String> {
        (self.0)(entry)
    }
}

impl fmt::Debug for Formatter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Formatter(..)")
    }
}

/// The most attempts of an endpoint that are listed.
const MAX_ATTEMPTS: usize = 100;
/// The most commits that are remembered as silent.
const MAX_SILENT: usize = 1_024;

/// The most events that are remembered as delivered before they were in the log.
const MAX_EARLY: usize = 16;

/// The webhooks of a process.
#[derive(Debug)]
pub(crate) struct Hub {
    /// Distinguishes this process from others in the store.
    pub(super) instance: Uuid,
    pub(super) declared: BTreeMap<PolicyName, Arc<WebhookDefinition>>,
    pub(super) formatters: BTreeMap<PolicyName, Formatter>,
    pub(super) sender: Sender,
    known: Mutex<BTreeMap<PolicyName, Known>>,
    /// The last commits of this process that have written nothing to the log.
    silent: Mutex<BTreeSet<u64>>,
}

#[derive(Debug, Default)]
struct Known {
    /// Newest first.
    attempts: VecDeque<WebhookAttempt>,
    counts: Arc<Counts>,
    /// The last events that this process has delivered before they were in the log.
    early: VecDeque<Uuid>,
    /// The report of entries that the log has dropped.
    gap: Option<String>,
    /// The report of another endpoint of the same name.
    conflict: Option<String>,
}

impl Hub {
    pub(crate) fn new(
        declared: BTreeMap<PolicyName, Arc<WebhookDefinition>>,
        formatters: BTreeMap<PolicyName, Formatter>,
        sender: Sender,
    ) -> Self {
        Self {
            instance: Uuid::new_v4(),
            declared,
            formatters,
            sender,
            known: Mutex::default(),
            silent: Mutex::default(),
        }
    }

    fn known(&self) -> MutexGuard<'_, BTreeMap<PolicyName, Known>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes a commit, so that workers need not read the log because of those that move their places.
    pub(crate) fn note_commit(&self, number: u64, is_silent: bool) {
        let mut silent = self.silent.lock().unwrap_or_else(PoisonError::into_inner);
        // A store may use a number again.
        silent.remove(&number);
        if is_silent {
            silent.insert(number);
            if silent.len() > MAX_SILENT {
                silent.pop_first();
            }
        }
    }

    /// The revision up to which the log has nothing after this one, as far as this process knows.
    pub(super) fn skip_silent(&self, from: u64) -> u64 {
        let silent = self.silent.lock().unwrap_or_else(PoisonError::into_inner);
        let next = (from.saturating_add(1)..).take_while(|number| silent.contains(number));
        next.last().unwrap_or(from)
    }

    pub(super) fn counts(&self, name: &PolicyName) -> Arc<Counts> {
        self.known().entry(name.clone()).or_default().counts.clone()
    }

    pub(super) fn note(&self, name: &PolicyName, attempt: WebhookAttempt) {
        let mut known = self.known();
        let known = known.entry(name.clone()).or_default();
        known.counts.note(&attempt);
        known.attempts.push_front(attempt);
        known.attempts.truncate(MAX_ATTEMPTS);
    }

    pub(super) fn attempts(&self, name: &PolicyName) -> Vec<WebhookAttempt> {
        let known = self.known();
        let attempts = known.get(name).map(|known| known.attempts.iter().cloned());
        attempts.into_iter().flatten().collect()
    }

    pub(super) fn note_early(&self, name: &PolicyName, entry: Uuid) {
        let mut known = self.known();
        let known = known.entry(name.clone()).or_default();
        known.early.push_front(entry);
        known.early.truncate(MAX_EARLY);
    }

    pub(super) fn was_early(&self, name: &PolicyName, entry: Uuid) -> bool {
        let known = self.known();
        known
            .get(name)
            .is_some_and(|known| known.early.contains(&entry))
    }

    pub(super) fn note_gap(&self, name: &PolicyName, gap: String) {
        self.known().entry(name.clone()).or_default().gap = Some(gap);
    }

    /// Returns whether this is new.
    pub(super) fn note_conflict(&self, name: &PolicyName, conflict: Option<String>) -> bool {
        let mut known = self.known();
        let known = &mut known.entry(name.clone()).or_default().conflict;
        std::mem::replace(known, conflict) != *known
    }

    /// The reports of all endpoints.
    pub(super) fn reports(&self) -> Vec<String> {
        let known = self.known();
        let reports = known
            .values()
            .flat_map(|known| [&known.gap, &known.conflict]);
        reports.flatten().cloned().collect()
    }

    /// Ends the report of a gap, which an operator has seen.
    pub(super) fn forget_gap(&self, name: &PolicyName) {
        if let Some(known) = self.known().get_mut(name) {
            known.gap = None;
        }
    }

    /// Forgets an endpoint that is gone.
    pub(super) fn forget(&self, name: &PolicyName) {
        self.known().remove(name);
    }

    /// The counters of an endpoint: 0 before its first attempt.
    pub(super) fn read_counts(&self, name: &PolicyName) -> WebhookCounts {
        let known = self.known();
        known
            .get(name)
            .map_or_else(WebhookCounts::default, |known| known.counts.read())
    }
}
