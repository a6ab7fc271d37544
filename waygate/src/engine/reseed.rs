//! Restores the content of an emptied store from a process that still has it.

use std::collections::HashMap;

use waygate_core::{
    model::{Action, AuditEntry, Origin, Revision},
    port::{BackendError, Batch, CommitError, EntityKey, Expected, Image},
};

use super::{
    ChangeError, Component, Inner, Operator,
    kinds::{Filled, RecordId, Reseeds},
    store::{Kind, json},
    stored::Stored,
    tx::{Attempt, Change, Tx},
};

/// The path of its line in the audit log.
const PATH: &str = "__store__";

/// Returns `true` if the known state may be written into this store: it is empty, or was reseeded from an older state
/// and not changed since.
pub(crate) fn is_due(stored: &Stored, image: &Image) -> bool {
    let (known, found) = (stored.revision, image.revision);
    // A process with unreadable records would write only a part.
    if known.number == 0 || known.epoch == found.epoch || !stored.unreadable.is_empty() {
        return false;
    }
    match Filled::of(image) {
        None => found.number == 0,
        Some((number, Filled { from })) => {
            number == found.number && from.epoch == known.epoch && from.number < known.number
        }
    }
}

/// Replaces the content of the store with the known state, unless another process commits first.
fn batch(stored: &Stored, image: &Image, line: AuditEntry) -> Batch {
    let found = image.entities.iter();
    let found: HashMap<&EntityKey, u64> = found.map(|(key, e)| (key, e.revision)).collect();
    let marker = (
        Reseeds::entity(&()),
        json(&Filled {
            from: stored.revision,
        }),
    );
    let mut puts = vec![marker];
    let entities = stored.entities().into_iter();
    let mark = Reseeds::entity(&());
    let entities = entities.filter(|(key, _)| *key != mark);
    puts.extend(entities.map(|(key, entity)| (key, entity.value)));
    let kept: std::collections::HashSet<&EntityKey> = puts.iter().map(|(key, _)| key).collect();
    let deletes: Vec<EntityKey> = found
        .keys()
        .filter(|key| !kept.contains(*key))
        .map(|key| (*key).clone())
        .collect();
    let expect = |key: &EntityKey| {
        let known = found.get(key);
        let expected = known.map_or(Expected::Absent, |number| Expected::Revision(*number));
        (key.clone(), expected)
    };
    let expected = puts.iter().map(|(key, _)| key).chain(&deletes).map(expect);
    let mut batch = Batch::new().audit(line);
    batch.expected_epoch = (image.revision.number > 0).then_some(image.revision.epoch);
    batch.expected = expected.collect();
    batch.puts = puts;
    batch.deletes = deletes;
    batch
}

impl Inner {
    /// Writes the known state into a store that is due. The caller reads the store again afterwards.
    async fn reseed(
        &self,
        stored: &Stored,
        image: &Image,
        origin: &Origin,
    ) -> Result<(), CommitError> {
        let mut line = AuditEntry::new(origin, Action::StoreReseeded, PATH, self.clock.now());
        line.reason = format!("from revision {}", stored.revision);
        let batch = batch(stored, image, line.clone());
        let revision = self.commit_in_time(batch).await?;
        tracing::warn!(from = %stored.revision, to = %revision, "reseeded an empty store");
        let mut audit = line;
        audit.revision = revision.number;
        let mark = RecordId::new::<Reseeds>(&()).into_iter().collect();
        self.announce(stored, &mark, &[audit.into()], revision);
        Ok(())
    }

    /// Reseeds automatically. Another process may have done so first.
    pub(crate) async fn reseed_alone(
        &self,
        stored: &Stored,
        image: &Image,
    ) -> Result<(), BackendError> {
        let cause = cause(stored.revision, image.revision);
        self.monitor
            .degrade(Component::StoreReset, &cause, self.clock.now());
        match self.reseed(stored, image, &Origin::system()).await {
            Err(CommitError::Backend(error)) => {
                self.monitor.store_write_failed(&error, self.clock.now());
                Err(error)
            }
            // The next read of the store decides.
            _ => Ok(()),
        }
    }
}

/// The health cause of a store that has lost its content, with the remedy.
pub(crate) fn cause(known: Revision, found: Revision) -> String {
    format!(
        "revision {known} was known, but the store is now at {found}; reseed an empty store with `POST \
         /api/store/reseed` or `OnStoreReset::Reseed`"
    )
}

/// Reseeds the store, if that is due; returns `true` if it was.
struct Reseed;

impl Change for Reseed {
    type Done = bool;

    fn subject(&self) -> String {
        PATH.to_owned()
    }

    fn can_be_staged(&self) -> bool {
        false
    }

    async fn attempt(&self, tx: Tx<'_>) -> Result<bool, Attempt> {
        tx.check(PATH, Some(tx.stored.revision.number))?;
        let (inner, stored, by) = (tx.engine, tx.stored, tx.by);
        let image = inner.look().await.map_err(ChangeError::from)?;
        let is_due = is_due(stored, &image);
        if is_due {
            inner.reseed(stored, &image, &by.origin).await?;
            let incomplete = |error: BackendError| Attempt::Incomplete(error.into());
            let image = inner.look().await.map_err(incomplete)?;
            inner.take_over(stored, image).map_err(incomplete)?;
        } else {
            inner.take_over(stored, image).map_err(ChangeError::from)?;
        }
        Ok(is_due)
    }
}

impl Operator {
    /// Writes the state of this process into a store that has lost its content, as one commit with a line in the
    /// audit log. Other processes without a later state follow it. Returns `false` if the store has lost nothing.
    ///
    /// Restores everything but the audit log. See [`OnStoreReset`](super::OnStoreReset) for the behaviour without it.
    ///
    /// # Errors
    /// Returns a [`ChangeError`] on failure, in which case nothing is changed, for example because another client has
    /// already changed the empty store.
    pub async fn reseed_store(&self) -> Result<bool, ChangeError> {
        self.make(Reseed).await
    }
}
