//! One turn of an endpoint's queue: what is due is read, delivered and recorded.

use std::{sync::Arc, time::Duration};

use futures_util::{StreamExt, stream::FuturesUnordered};
use tokio::time::{Instant, sleep_until};
use waygate_core::{
    Printable, Timestamp,
    grammar::PolicyName,
    model::{AuditEntry, Origin},
    port::{AuditPosition, AuditQuery},
};

use super::{
    job::Job,
    progress::{Acquire, Acquired, Progress, Skip},
    queue::{CONCURRENCY, Endpoint, MAX_RETRIES, PAGE, Plan, Run},
};
use crate::engine::{
    ChangeError, Inner,
    kinds::WebhookCursor,
    store::Versioned,
    tx::{By, Change},
};

/// The retries of one turn.
const RETRIES: usize = 16;
/// The skipped events after which the place is written.
const SKIPPED: usize = 100;
/// The time after which the place is written while attempts run; well below that of the lease.
const RENEW: Duration = Duration::from_secs(3);
/// The pause after a failure of the store.
const PAUSE: Duration = Duration::from_secs(1);
/// The time in which a shutdown delivers what is left.
const FLUSH: Duration = Duration::from_secs(3);

/// When to take the next turn.
#[derive(Debug, PartialEq)]
pub(super) enum Wake {
    Now,
    /// After a change of the store, or at this time.
    At(Option<Timestamp>),
    /// After a pause, or a change.
    Soon,
    /// The endpoint is gone.
    Never,
}

/// The memory of a worker between turns.
#[derive(Debug)]
pub(super) struct Worker {
    name: PolicyName,
    /// The stored place, and how far this process has read after it, over events that the endpoint does not get.
    read: Option<(AuditPosition, AuditPosition, usize)>,
    /// The log has nothing after the place up to this revision.
    read_until: u64,
    /// The end of the last turn, in a shutdown.
    pub(super) deadline: Option<Instant>,
}

impl Worker {
    pub(super) fn new(name: PolicyName) -> Self {
        Self {
            name,
            read: None,
            read_until: 0,
            deadline: None,
        }
    }

    /// Notes that the engine shuts down.
    pub(super) fn close(&mut self) {
        self.deadline.get_or_insert_with(|| Instant::now() + FLUSH);
    }

    pub(super) async fn turn(&mut self, inner: &Arc<Inner>) -> Wake {
        match self.attempt(inner).await {
            Ok(wake) => wake,
            Err(error) => {
                tracing::debug!(webhook = %Printable(&self.name), error = %Printable(&error), "the store does not respond");
                tokio::time::sleep(PAUSE).await;
                Wake::Soon
            }
        }
    }

    async fn attempt(&mut self, inner: &Arc<Inner>) -> Result<Wake, ChangeError> {
        let Some(endpoint) = inner.endpoint(&self.name).await else {
            return Ok(Wake::Never);
        };
        let now = inner.clock.now();
        let cursor = endpoint.cursor.as_ref();
        let cursor = cursor.filter(|_| !endpoint.is_unsettled());
        let Some(cursor) = cursor else {
            change(inner, inner.settle(&self.name)).await?;
            self.read_until = 0;
            return Ok(Wake::Now);
        };
        let conflict = endpoint.conflict();
        if inner.webhooks.note_conflict(&self.name, conflict.clone()) {
            inner.note_webhooks().await;
        }
        if conflict.is_some() {
            return Ok(Wake::At(None));
        }
        if cursor.value.disabled.is_some() {
            inner.webhooks.counts(&self.name).set_outbox(0, None);
            return Ok(Wake::At(None));
        }
        let throttled = cursor.value.throttled_until.filter(|until| *until > now);
        if endpoint.definition.paused || throttled.is_some() {
            // For metrics.
            self.read_page(inner, &endpoint, cursor).await?;
            let until = throttled.filter(|_| !endpoint.definition.paused);
            return Ok(Wake::At(until));
        }
        let plan = self.plan(inner, &endpoint, cursor, now).await?;
        let next = endpoint
            .deliveries
            .iter()
            .filter_map(|(_, delivery)| delivery.next);
        let next = next.filter(|next| *next > now).min();
        if plan.jobs.is_empty() {
            let is_more = plan.page.len() == PAGE;
            return Ok(if is_more { Wake::Now } else { Wake::At(next) });
        }
        let acquire = Acquire {
            name: self.name.clone(),
            instance: inner.webhooks.instance,
            revision: cursor.revision,
        };
        match change(inner, acquire).await? {
            Acquired::Yes => self.deliver(inner, &endpoint, plan).await,
            Acquired::Busy(until) => Ok(Wake::At(Some(until))),
            Acquired::Moved => Ok(Wake::Now),
        }
    }

    /// Reads what is due.
    async fn plan(
        &mut self,
        inner: &Arc<Inner>,
        endpoint: &Endpoint,
        cursor: &Versioned<WebhookCursor>,
        now: Timestamp,
    ) -> Result<Plan, ChangeError> {
        let alive = endpoint
            .deliveries
            .iter()
            .filter(|(_, delivery)| delivery.next.is_some());
        let mut due: Vec<_> = alive
            .clone()
            .filter(|(_, known)| known.next.is_some_and(|next| next <= now))
            .collect();
        due.sort_by_key(|(_, delivery)| (delivery.next, delivery.entry.revision));
        let jobs = due.into_iter().take(RETRIES).map(|(_, delivery)| Job {
            entry: delivery.entry.clone(),
            attempts: delivery.attempts,
            index: None,
        });
        let mut plan = Plan {
            jobs: jobs.collect(),
            page: Vec::new(),
        };
        let mut room = MAX_RETRIES.saturating_sub(alive.count());
        for entry in self.read_page(inner, endpoint, cursor).await? {
            if endpoint.wants(&entry) {
                let Some(left) = room.checked_sub(1) else {
                    break;
                };
                room = left;
                plan.jobs.push(Job {
                    entry: entry.clone(),
                    attempts: 0,
                    index: Some(plan.page.len()),
                });
            }
            plan.page.push(entry);
        }
        Ok(plan)
    }

    /// Reads what waits in the log, and counts it.
    async fn read_page(
        &mut self,
        inner: &Arc<Inner>,
        endpoint: &Endpoint,
        cursor: &Versioned<WebhookCursor>,
    ) -> Result<Vec<Arc<AuditEntry>>, ChangeError> {
        let (stored, read, skipped) = match self.read {
            Some(read) if read.0 == cursor.value.position => read,
            _ => {
                self.read_until = 0;
                (cursor.value.position, cursor.value.position, 0)
            }
        };
        self.read_until = inner.webhooks.skip_silent(self.read_until);
        if self.read_until >= endpoint.revision.number {
            return Ok(Vec::new());
        }
        let query = AuditQuery::oldest(PAGE).after(read);
        let page = inner.backend.audit(query).await?;
        self.check_gap(inner, stored, !page.is_empty()).await?;
        let wanted = page.iter().filter(|entry| endpoint.wants(entry));
        let oldest = wanted.clone().map(|entry| entry.timestamp).next();
        let counts = inner.webhooks.counts(&self.name);
        counts.set_outbox(wanted.count(), oldest);
        let Some(last) = page.last() else {
            self.read = Some((stored, read, skipped));
            self.read_until = endpoint.revision.number;
            return Ok(Vec::new());
        };
        if oldest.is_none() {
            let (to, skipped) = (AuditPosition::of(last), skipped + page.len());
            self.read = Some((stored, to, skipped));
            if skipped >= SKIPPED {
                self.skip(inner, cursor.revision, to).await?;
            }
        }
        Ok(page.into_iter().map(Arc::new).collect())
    }

    async fn skip(
        &self,
        inner: &Arc<Inner>,
        revision: u64,
        to: AuditPosition,
    ) -> Result<(), ChangeError> {
        let name = self.name.clone();
        change(inner, Skip { name, revision, to }).await
    }

    /// Reports entries that the log has dropped before they were delivered.
    async fn check_gap(
        &self,
        inner: &Inner,
        place: AuditPosition,
        has_entries: bool,
    ) -> Result<(), ChangeError> {
        if !has_entries || place.entry.is_none() {
            return Ok(());
        }
        let oldest = inner.backend.audit(AuditQuery::oldest(1)).await?;
        if let Some(oldest) = oldest
            .first()
            .filter(|oldest| oldest.revision > place.revision)
        {
            let gap = format!(
                "the audit log has dropped events between the commits {} and {} before `{}` got them; keep more entries, or fix its receiver sooner",
                place.revision, oldest.revision, self.name
            );
            inner.webhooks.note_gap(&self.name, gap);
        }
        Ok(())
    }

    /// Delivers, with at most two attempts at the same time, and one about each subject.
    async fn deliver(
        &mut self,
        inner: &Arc<Inner>,
        endpoint: &Endpoint,
        plan: Plan,
    ) -> Result<Wake, ChangeError> {
        let mut run = Run::new(
            plan,
            Progress::new(self.name.clone(), inner.webhooks.instance),
        );
        let mut version = inner.channels.versions();
        let name = self.name.clone();
        let mut running = FuturesUnordered::new();
        let mut renewal = Instant::now() + RENEW;
        let mut has_news = false;
        let counts = inner.webhooks.counts(&self.name);
        loop {
            let (waiting, oldest) = run.waiting();
            counts.set_outbox(waiting, oldest);
            if has_news && run.has_room(running.len()) {
                has_news = false;
                // What is not recorded is delivered again if this process dies.
                if run.is_due() {
                    let progress = run.take();
                    if !self.record(inner, progress).await {
                        return Ok(Wake::Now);
                    }
                }
                run.refill(inner, endpoint).await;
            }
            let is_over = self
                .deadline
                .is_some_and(|deadline| Instant::now() >= deadline);
            while running.len() < CONCURRENCY
                && let Some(job) = run.next(is_over)
            {
                let name = name.clone();
                running.push(async move {
                    let now = inner.clock.now();
                    let definition = &endpoint.definition;
                    let attempted = inner.webhooks.deliver(
                        &name,
                        definition,
                        &job.entry,
                        job.attempts + 1,
                        now,
                    );
                    (attempted.await, job)
                });
            }
            tokio::select! {
                finished = running.next() => match finished {
                    Some((attempted, job)) => run.finish(&job, attempted.as_ref(), inner.clock.now()),
                    None => break,
                },
                changed = version.changed(), if self.deadline.is_none() => match changed {
                    Ok(()) if inner.is_current(endpoint).await => has_news = true,
                    Ok(()) => run.give_up(),
                    Err(_) => self.close(),
                },
                // What does not end in time comes again after the next start.
                () = at(self.deadline) => break,
                () = sleep_until(renewal) => {
                    renewal = Instant::now() + RENEW;
                    let progress = run.take();
                    if !self.record(inner, progress).await {
                        return Ok(Wake::Now);
                    }
                }
            }
        }
        let mut last = run.take();
        last.goes_on = false;
        self.record(inner, last).await;
        Ok(Wake::Now)
    }

    /// Writes the results, however long the store takes: without them, events would be sent again. Returns `false` if
    /// this process no longer delivers.
    async fn record(&mut self, inner: &Arc<Inner>, progress: Progress) -> bool {
        self.read = None;
        let mut is_reported = false;
        loop {
            match change(inner, progress.clone()).await {
                Ok(is_ours) => return is_ours,
                Err(error) if !is_reported => {
                    is_reported = true;
                    tracing::warn!(webhook = %Printable(&self.name), error = %Printable(&error), "the results of webhooks cannot be written; retrying");
                }
                Err(_) => {}
            }
            tokio::time::sleep(PAUSE).await;
        }
    }
}

/// Waits until this time; for ever without one.
async fn at(time: Option<Instant>) {
    match time {
        Some(time) => sleep_until(time).await,
        None => std::future::pending().await,
    }
}

/// Makes a change as the system.
pub(super) async fn change<C: Change + 'static>(
    inner: &Arc<Inner>,
    change: C,
) -> Result<C::Done, ChangeError> {
    let by = By::new(Origin::system());
    inner.clone().make(change, by).await
}
