use waygate_core::{
    Printable,
    model::Revision,
    port::{BackendError, Batch, CommitError, Entity, EntityKey},
};

use super::{
    Component, Inner,
    deadline::STORE_DEADLINE,
    stored::{Source, Stored},
};

impl Inner {
    /// Reports the unreadable records, or that there are none.
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

    /// Fails if decisions on this state must not be stored.
    pub(crate) fn check_writable(&self, stored: &Stored) -> Result<(), BackendError> {
        // A decision without any state must not be stored next to unreadable records.
        if let Some(cause) = &stored.blind {
            return Err(BackendError::Unreadable(cause.clone()));
        }
        match self.monitor.current().get(&Component::StoreReset) {
            Some(reset) => Err(BackendError::Corrupt(reset.cause.clone())),
            None => Ok(()),
        }
    }

    /// Writes a batch and applies it to `stored`, or changes nothing.
    pub(crate) async fn commit(
        &self,
        stored: &mut Stored,
        mut batch: Batch,
    ) -> Result<Revision, CommitError> {
        self.check_writable(stored)?;
        // A decision on this snapshot must not be written into a store that has lost it.
        batch.expected_epoch = (stored.revision.number > 0).then_some(stored.revision.epoch);
        #[cfg(feature = "webhooks")]
        {
            batch.keep_audit_from = super::webhooks::needed_from(&stored.records);
        }
        #[cfg(feature = "admin")]
        let claim = super::claim::join(stored, &mut batch, self.clock.now())?;
        let (puts, deletes) = (batch.puts.clone(), batch.deletes.clone());
        #[cfg(feature = "webhooks")]
        let is_silent = batch.audit.is_empty();
        let outcome = self.commit_in_time(batch).await;
        #[cfg(feature = "admin")]
        super::claim::note(claim, &outcome);
        let revision = match outcome {
            Ok(revision) => revision,
            Err(CommitError::Backend(error)) => {
                self.monitor.store_write_failed(&error, self.clock.now());
                return Err(error.into());
            }
            Err(error @ CommitError::Unconfirmed(_)) => {
                // The next read of the store decides.
                self.behind.notify_one();
                let error = BackendError::Unavailable(error.to_string());
                self.monitor.store_write_failed(&error, self.clock.now());
                return Err(error.into());
            }
            Err(error @ CommitError::Replaced { .. }) => {
                self.reload(stored).await?;
                return Err(error);
            }
            Err(error) => return Err(error),
        };
        #[cfg(feature = "webhooks")]
        self.webhooks.note_commit(revision.number, is_silent);
        let changed: Vec<EntityKey> = puts.iter().map(|(key, _)| key.clone()).collect();
        for (key, value) in puts {
            let entity = Entity::new(revision.number, value);
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
            // The commit continues what is known here, so that the store has nothing else.
            stored.source = Source::Store;
            self.monitor.store_was_written(self.clock.now());
        } else {
            let no_fault = None::<&BackendError>;
            self.monitor.store_takes_writes(no_fault, self.clock.now());
            self.behind.notify_one();
        }
        Ok(revision)
    }
}
