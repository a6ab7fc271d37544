use waygate_core::port::{BackendError, Image};

use super::{
    Component, Inner, OnStoreReset,
    deadline::in_time,
    kinds::RecordId,
    lineage, reseed,
    snapshot::Snapshot,
    stored::{Past, Source, Stored},
};

impl Inner {
    /// Recompiles every route after the wall clock was set back: compiled rules do not cover the time before.
    pub(crate) async fn follow_clock(&self) {
        let stored = self.stored.lock().await;
        let (now, snapshot) = (self.clock.now(), self.snapshot.load_full());
        if now < snapshot.compiled_at {
            tracing::warn!(%now, before = %snapshot.compiled_at, "the wall clock was set back");
            let version = snapshot.version + 1;
            let table = snapshot.table.clone();
            self.publish(Snapshot::build(&stored, table, self.compiler(), version));
        }
        self.counters.clock.follow();
        // Without counted requests, nothing else detects the recovery of the counters.
        self.note_counters(None);
    }

    /// Reads the store, and applies changes.
    pub(crate) async fn refresh(&self) -> Result<(), BackendError> {
        self.reload(&mut *self.stored.lock().await).await
    }

    /// Like [`refresh`](Self::refresh), for callers that already hold the lock.
    pub(crate) async fn reload(&self, stored: &mut Stored) -> Result<(), BackendError> {
        let image = self.look().await?;
        if self.on_store_reset == OnStoreReset::Reseed && reseed::is_due(stored, &image) {
            self.reseed_alone(stored, &image).await?;
            let image = self.look().await?;
            return self.take_over(stored, image);
        }
        self.take_over(stored, image)
    }

    /// Reads the current content of the store.
    pub(crate) async fn look(&self) -> Result<Image, BackendError> {
        let loaded = in_time(self.backend.load()).await;
        if let Err(error) = &loaded {
            self.monitor.store_read_failed(error, self.clock.now());
        }
        loaded
    }

    /// Checks in advance whether the store accepts writes.
    pub(crate) async fn probe_store(&self) {
        let probed = in_time(self.backend.health()).await;
        self.monitor
            .store_takes_writes(probed.err().as_ref(), self.clock.now());
    }

    /// Applies an image, unless it shows that the store has lost its content.
    pub(crate) fn take_over(&self, stored: &mut Stored, image: Image) -> Result<(), BackendError> {
        let applied = self.apply(stored, image);
        // Health recovers after the state that requests see.
        self.monitor.store_was_read(self.clock.now());
        applied
    }

    fn apply(&self, stored: &mut Stored, image: Image) -> Result<(), BackendError> {
        let (known, found) = (stored.revision, image.revision);
        let is_stored = stored.source == Source::Store;
        if known == found && stored.regressed_to.is_none() && is_stored {
            self.monitor.recover(Component::StoreReset);
            return Ok(());
        }
        // Revision 0 is an empty snapshot: there is nothing to lose.
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
        // A state from a file may be out of date.
        let past = match stored.source {
            Source::BootCache => Past::Older(std::slice::from_ref(stored)),
            Source::Nowhere | Source::Store => Past::Current(stored),
        };
        let mut next = Stored::read(image, past);
        next.setback = stored.setback.take();
        if next.setback.is_some() {
            let changed = stored.changed(&next);
            next.forget_setback(changed.iter().map(RecordId::entity));
        }
        let previous = std::mem::replace(stored, next);
        self.publish_difference(&previous, stored);
        // Health recovers after the state that requests see.
        self.note_records(stored);
        Ok(())
    }
}
