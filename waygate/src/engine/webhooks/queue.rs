//! The events that an endpoint gets, and the order of its attempts.

use std::{collections::BTreeSet, sync::Arc};

use waygate_core::{
    Timestamp,
    grammar::PolicyName,
    model::{AuditEntry, Revision},
    port::{AuditPosition, AuditQuery},
    webhook::WebhookDefinition,
};

use super::{
    job::{Job, throttle},
    progress::Progress,
    records::AttemptOutcome,
    send::Attempted,
};
use crate::engine::{
    Inner,
    kinds::{Declarer, Delivery, DeliveryKey, WebhookCursor},
    store::Versioned,
};

/// The attempts of an endpoint that run at the same time.
pub(super) const CONCURRENCY: usize = 2;
/// The failed events that an endpoint may have. With more, the queue waits for one of them.
pub(super) const MAX_RETRIES: usize = 256;
/// The events that are read at a time.
pub(super) const PAGE: usize = 64;
/// The events that a turn reads in all.
const MAX_PAGE: usize = 1_024;

/// The state of an endpoint.
pub(super) struct Endpoint {
    pub(super) name: PolicyName,
    pub(super) definition: Arc<WebhookDefinition>,
    /// This process, if its code declares the endpoint.
    pub(super) declared: Option<Declarer>,
    pub(super) cursor: Option<Versioned<WebhookCursor>>,
    pub(super) deliveries: Vec<(DeliveryKey, Delivery)>,
    /// The revision of the store.
    pub(super) revision: Revision,
}

impl Endpoint {
    /// Returns whether the record has to be created or changed before anything is sent.
    pub(super) fn is_unsettled(&self) -> bool {
        let Some(known) = &self.cursor else {
            return true;
        };
        let marked = &known.value.declared;
        let is_marked = |own: &Declarer| Some(own.clone().after(marked.clone())) == *marked;
        !self.declared.as_ref().is_none_or(is_marked)
            || known.value.rebased(self.revision).is_some()
    }

    pub(super) fn conflict(&self) -> Option<String> {
        let known = self.cursor.as_ref().map(|known| &known.value);
        conflict(&self.name, self.declared.as_ref(), known)
    }

    /// Returns whether the endpoint gets the event of an entry. Its own end reaches it too late to be of use.
    pub(super) fn wants(&self, entry: &AuditEntry) -> bool {
        let is_own = entry.path.strip_prefix("webhook:") == Some(self.name.as_str());
        !is_own && self.definition.filter.matches(entry)
    }
}

/// Why a process may not deliver: another service declares an endpoint of this name, which has its own events.
pub(super) fn conflict(
    name: &PolicyName,
    own: Option<&Declarer>,
    cursor: Option<&WebhookCursor>,
) -> Option<String> {
    let other = cursor?.declared.as_ref()?;
    (own? != other).then(|| {
        let verb = if other.service.is_some() { "declares" } else { "declare" };
        format!(
            "`{name}` sends nothing from here: {other} {verb} a webhook of this name, too; rename one of them, or let this service take over `{name}` if no code there declares it any more"
        )
    })
}

/// The work of a turn.
pub(super) struct Plan {
    pub(super) jobs: Vec<Job>,
    pub(super) page: Vec<Arc<AuditEntry>>,
}

/// The jobs of a turn.
pub(super) struct Run {
    jobs: Vec<Option<Job>>,
    page: Vec<Arc<AuditEntry>>,
    busy: BTreeSet<String>,
    /// The entries of the page that are done or not wanted.
    passed: Vec<bool>,
    /// The passed entries before the first other one, and the number of others.
    done: usize,
    open: usize,
    furthest: Option<usize>,
    /// The receiver asks for a pause, or is gone.
    is_stopped: bool,
    /// The definition has changed.
    is_outdated: bool,
    /// The attempts since the last call of `take`.
    unrecorded: usize,
    progress: Progress,
}

impl Run {
    pub(super) fn new(plan: Plan, progress: Progress) -> Self {
        let mut passed = vec![true; plan.page.len()];
        for index in plan.jobs.iter().filter_map(|job| job.index) {
            passed[index] = false;
        }
        let mut run = Self {
            jobs: plan.jobs.into_iter().map(Some).collect(),
            page: plan.page,
            busy: BTreeSet::new(),
            open: passed.iter().filter(|passed| !**passed).count(),
            passed,
            done: 0,
            furthest: None,
            is_stopped: false,
            is_outdated: false,
            unrecorded: 0,
            progress,
        };
        run.advance();
        run
    }

    fn advance(&mut self) {
        let rest = self.passed.iter().skip(self.done);
        self.done += rest.take_while(|passed| **passed).count();
    }

    /// The events of the log that are not done, and the time of the oldest one.
    pub(super) fn waiting(&self) -> (usize, Option<Timestamp>) {
        let oldest = self.page.get(self.done).map(|entry| entry.timestamp);
        (self.open, oldest)
    }

    /// Returns whether more events may be read while an attempt takes long.
    pub(super) fn has_room(&self, running: usize) -> bool {
        let is_idle = running < CONCURRENCY && self.jobs.iter().all(Option::is_none);
        is_idle && !self.is_stopped && !self.is_outdated && (1..MAX_PAGE).contains(&self.page.len())
    }

    /// Reads events that have happened since.
    pub(super) async fn refill(&mut self, inner: &Inner, endpoint: &Endpoint) {
        let Some(last) = self.page.last() else {
            return;
        };
        let query = AuditQuery::oldest(PAGE).after(AuditPosition::of(last));
        // The next turn reads them if the store fails now.
        let more = inner.backend.audit(query).await.unwrap_or_default();
        self.jobs.clear();
        for entry in more.into_iter().map(Arc::new) {
            let wanted = endpoint.wants(&entry);
            let index = self.page.len();
            self.passed.push(!wanted);
            self.open += usize::from(wanted);
            self.jobs.extend(wanted.then(|| {
                Some(Job {
                    entry: entry.clone(),
                    attempts: 0,
                    index: Some(index),
                })
            }));
            self.page.push(entry);
        }
        self.advance();
    }

    /// The next job: the first about a subject that no running one is about. After a stop, only those before one that
    /// was started, so that the place passes it.
    pub(super) fn next(&mut self, is_over: bool) -> Option<Job> {
        let is_stopped = self.is_stopped || is_over;
        let furthest = self.furthest;
        if self.is_outdated {
            return None;
        }
        let may_start = |job: &Job| {
            !is_stopped
                || job
                    .index
                    .is_some_and(|index| furthest.is_some_and(|furthest| index < furthest))
        };
        let mut waiting = BTreeSet::new();
        let at = self.jobs.iter().position(|job| {
            let Some(job) = job else { return false };
            // Of one subject, in order.
            !self.busy.contains(&job.entry.path)
                && waiting.insert(&job.entry.path)
                && may_start(job)
        })?;
        let job = self.jobs[at].take()?;
        self.busy.insert(job.entry.path.clone());
        self.furthest = self.furthest.max(job.index);
        Some(job)
    }

    /// Starts no more jobs, since they would follow an old definition. Some that were done are done again.
    pub(super) fn give_up(&mut self) {
        self.is_outdated = true;
    }

    pub(super) fn finish(&mut self, job: &Job, attempted: Option<&Attempted>, now: Timestamp) {
        self.busy.remove(&job.entry.path);
        self.unrecorded += 1;
        if let Some(index) = job.index {
            self.passed[index] = true;
            self.open -= 1;
            self.advance();
        }
        let key = DeliveryKey {
            endpoint: self.progress.name.clone(),
            entry: job.entry.id,
        };
        match attempted {
            Some(attempted) if attempted.outcome != AttemptOutcome::Delivered => {
                let is_answer = attempted.outcome != AttemptOutcome::Unformatted;
                self.progress.has_failure |= is_answer;
                let throttled = throttle(attempted, now);
                self.progress.throttled_until = self.progress.throttled_until.max(throttled);
                if attempted.outcome == AttemptOutcome::Gone {
                    self.progress.gone = Some("the receiver answered 410 Gone".to_owned());
                }
                self.is_stopped |= throttled.is_some() || self.progress.gone.is_some();
                self.progress.kept.push((key, job.failed(attempted, now)));
            }
            outcome => {
                self.progress.has_success |= outcome.is_some();
                if job.index.is_none() {
                    self.progress.done.push(key);
                }
            }
        }
    }

    /// Returns whether so much was delivered that the results are due.
    pub(super) fn is_due(&self) -> bool {
        self.unrecorded >= PAGE
    }

    /// The results since the last call.
    pub(super) fn take(&mut self) -> Progress {
        self.unrecorded = 0;
        let next = Progress::new(self.progress.name.clone(), self.progress.instance);
        let mut progress = std::mem::replace(&mut self.progress, next);
        progress.position = self
            .done
            .checked_sub(1)
            .map(|last| AuditPosition::of(&self.page[last]));
        progress
    }
}
