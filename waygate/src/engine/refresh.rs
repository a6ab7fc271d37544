use waygate_core::port::{BackendError, Image};

use super::{
    Component, Inner, OnStoreReset,
    deadline::in_time,
    kinds::RecordId,
    lineage, reseed,
    snapshot::Snapshot,
    stored::{Past, Stored},
};

impl Inner {
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
            let changed = stored.changed(&next);
            next.forget_setback(changed.iter().map(RecordId::entity));
        }
        self.note_records(&next);
        let previous = std::mem::replace(stored, next);
        self.publish_difference(&previous, stored);
        Ok(())
    }
}
