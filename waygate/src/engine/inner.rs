use std::{future::Future, sync::Arc, time::Duration};

use arc_swap::ArcSwap;
use tokio::sync::{Mutex, Notify};
use waygate_core::{
    Printable,
    grammar::{EnvName, ServiceName},
    model::Revision,
    port::{Backend, BackendError, Batch, Clock, CommitError, Entity, EntityKey, Image},
};

use super::{
    Component, Events, RouteRecord,
    builder::OnStoreReset,
    channels::Channels,
    clients::Clients,
    environment::Named,
    health::Monitor,
    limits::{Counters, Decisions, LimitBook, Limiting},
    lineage,
    principal::PrincipalSource,
    record,
    record_id::RecordId,
    reseed,
    snapshot::Snapshot,
    stored::Stored,
    unreadable::Past,
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
    pub(crate) book: LimitBook,
    pub(crate) decisions: Decisions,
    pub(crate) limiting: Limiting,
    /// Where requests keep their callers.
    pub(crate) principal: Option<PrincipalSource>,
}

/// No change and no refresh waits longer than this for the store.
const STORE_DEADLINE: Duration = Duration::from_secs(10);

/// Gives the store a deadline.
pub(crate) async fn in_time<T>(
    call: impl Future<Output = Result<T, BackendError>>,
) -> Result<T, BackendError> {
    match tokio::time::timeout(STORE_DEADLINE, call).await {
        Ok(outcome) => outcome,
        Err(_) => Err(BackendError::Unavailable(format!(
            "no answer within {} seconds",
            STORE_DEADLINE.as_secs()
        ))),
    }
}

impl Inner {
    pub(crate) fn subscribe(&self) -> Events {
        Events::new(self.channels.events())
    }

    /// Reports which records cannot be read, or that all can.
    pub(crate) fn note_records(&self, stored: &Stored) {
        match stored.impairment() {
            Some(cause) => {
                self.monitor
                    .degrade(Component::Records, cause, self.clock.now());
            }
            None => self.monitor.recover(Component::Records),
        }
    }

    /// Writes a batch as it is.
    pub(crate) async fn commit_in_time(&self, batch: Batch) -> Result<Revision, CommitError> {
        let call = tokio::time::timeout(STORE_DEADLINE, self.backend.commit(batch));
        call.await.unwrap_or_else(|_| {
            let seconds = STORE_DEADLINE.as_secs();
            Err(CommitError::Unconfirmed(format!(
                "no answer within {seconds} seconds"
            )))
        })
    }

    /// Writes a batch and takes it over into `stored`, or changes nothing.
    pub(crate) async fn commit(
        &self,
        stored: &mut Stored,
        mut batch: Batch,
    ) -> Result<Revision, CommitError> {
        // What is decided on nothing must not stand beside what cannot be read.
        if let Some(cause) = &stored.blind {
            return Err(BackendError::Unreadable(cause.clone()).into());
        }
        if let Some(reset) = self.monitor.current().get(&Component::StoreReset) {
            return Err(BackendError::Corrupt(reset.cause.clone()).into());
        }
        // What is decided on this picture must not be written into a store that has lost it.
        batch.expected_epoch = (stored.revision.number > 0).then_some(stored.revision.epoch);
        let (puts, deletes) = (batch.puts.clone(), batch.deletes.clone());
        let revision = match self.commit_in_time(batch).await {
            Ok(revision) => revision,
            Err(CommitError::Backend(error)) => {
                let (monitor, now) = (&self.monitor, self.clock.now());
                match &error {
                    BackendError::NotWritable(_) => monitor.store_takes_writes(Some(&error), now),
                    _ => monitor.degrade(Component::Store, &error, now),
                }
                return Err(error.into());
            }
            Err(error @ CommitError::Unconfirmed(_)) => {
                // The next look at the store will tell.
                self.behind.notify_one();
                let error = BackendError::Unavailable(error.to_string());
                self.monitor
                    .degrade(Component::Store, &error, self.clock.now());
                return Err(error.into());
            }
            Err(error @ CommitError::Replaced { .. }) => {
                self.reload(stored).await?;
                return Err(error);
            }
            Err(error) => return Err(error),
        };
        let no_fault = None::<&BackendError>;
        self.monitor.store_takes_writes(no_fault, self.clock.now());
        let changed: Vec<EntityKey> = puts.iter().map(|(key, _)| key.clone()).collect();
        for (key, value) in puts {
            let entity = Entity {
                revision: revision.number,
                value,
            };
            if let Err(problem) = stored.put(&key, entity) {
                tracing::error!(key = %Printable(&key), problem = %Printable(problem), "a record that was just written cannot be read back");
            }
        }
        for key in &deletes {
            stored.delete(key);
        }
        stored.forget_setback(changed.iter().chain(&deletes));
        self.note_records(stored);
        let follows = revision.epoch == stored.revision.epoch
            && revision.number == stored.revision.number + 1;
        if follows || stored.revision.number == 0 && revision.number == 1 {
            stored.revision = revision;
        } else {
            self.behind.notify_one();
        }
        Ok(revision)
    }

    /// Compiles every route anew when the wall clock was set back: rules know nothing of the time before they were made.
    pub(crate) async fn follow_clock(&self) {
        let stored = self.stored.lock().await;
        let (now, snapshot) = (self.clock.now(), self.snapshot.load_full());
        if now < snapshot.made_at {
            tracing::warn!(%now, before = %snapshot.made_at, "the wall clock was set back");
            let version = snapshot.version + 1;
            let table = snapshot.table.clone();
            self.publish(Snapshot::build(&stored, table, self.compiler(), version));
        }
        self.counters.clock.follow();
        // Where no request is counted, none tells that the counters are back.
        self.note_counters(None);
    }

    /// Looks at the store, and takes over what is new there.
    pub(crate) async fn refresh(&self) -> Result<(), BackendError> {
        self.reload(&mut *self.stored.lock().await).await
    }

    /// The same for callers that hold the lock already.
    pub(crate) async fn reload(&self, stored: &mut Stored) -> Result<(), BackendError> {
        let image = self.look().await?;
        if self.on_store_reset == OnStoreReset::Reseed && reseed::is_due(stored, &image) {
            self.reseed_alone(stored, &image).await?;
            let image = self.look().await?;
            return self.take_over(stored, image);
        }
        self.take_over(stored, image)
    }

    /// What the store holds now.
    pub(crate) async fn look(&self) -> Result<Image, BackendError> {
        let loaded = in_time(self.backend.load()).await;
        match &loaded {
            Ok(_) => self.monitor.store_was_read(),
            Err(error) => self
                .monitor
                .degrade(Component::Store, error, self.clock.now()),
        }
        loaded
    }

    /// Looks whether the store would take a change, before somebody needs one.
    pub(crate) async fn probe_store(&self) {
        let probed = in_time(self.backend.health()).await;
        self.monitor
            .store_takes_writes(probed.err().as_ref(), self.clock.now());
    }

    /// Takes over an image, unless it shows that the store has lost what it held.
    pub(crate) fn take_over(&self, stored: &mut Stored, image: Image) -> Result<(), BackendError> {
        let (known, found) = (stored.revision, image.revision);
        if known == found && stored.regressed_to.is_none() && !stored.from_cache {
            self.monitor.recover(Component::StoreReset);
            return Ok(());
        }
        // Revision 0 is a picture of nothing: there is nothing in it to lose.
        if known.number > 0
            && self.on_store_reset != OnStoreReset::Accept
            && !lineage::follows(stored, &image)
        {
            if found.epoch == known.epoch {
                let lowest = stored.regressed_to.unwrap_or(u64::MAX);
                stored.regressed_to = Some(lowest.min(found.number));
            }
            let cause = reseed::cause(known, found);
            self.monitor
                .degrade(Component::StoreReset, &cause, self.clock.now());
            return Err(BackendError::Corrupt(cause));
        }
        self.monitor.recover(Component::StoreReset);
        // What a file has kept may be out of date.
        let past = match stored.from_cache {
            true => Past::Older(std::slice::from_ref(stored)),
            false => Past::Current(stored),
        };
        let mut next = Stored::read(image, past);
        next.setback = stored.setback.take();
        if next.setback.is_some() {
            let changed: Vec<_> = stored.changed(&next).iter().map(RecordId::entity).collect();
            next.forget_setback(&changed);
        }
        self.note_records(&next);
        let previous = std::mem::replace(stored, next);
        self.publish_difference(&previous, stored);
        Ok(())
    }

    pub(crate) async fn orphans(&self) -> Vec<RouteRecord> {
        let stored = self.stored.lock().await;
        record::orphans(&self.snapshot.load(), &stored, self.clock.now())
    }
}
