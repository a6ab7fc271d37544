use std::{collections::BTreeMap, sync::Arc};

use waygate_core::{
    model::{AuditEntry, Revision},
    port::{Batch, CommitError, Entity, EntityKey, Expected, Image},
};

/// The entities as of one revision. Cheap to clone, because the entities are shared.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Table {
    pub(crate) revision: Revision,
    pub(crate) entities: BTreeMap<EntityKey, Arc<Entity>>,
}

impl Table {
    pub(crate) fn empty(revision: Revision) -> Self {
        Self {
            revision,
            entities: BTreeMap::new(),
        }
    }

    /// Checks everything that may refuse the batch.
    pub(crate) fn check(&self, batch: &Batch) -> Result<(), CommitError> {
        batch.check()?;
        if let Some(expected) = batch.expected_epoch
            && expected != self.revision.epoch
        {
            let found = (self.revision.number > 0).then_some(self.revision.epoch);
            return Err(CommitError::Replaced { expected, found });
        }
        for (key, expected) in &batch.expected {
            let found = self.entities.get(key);
            let found = found.map_or(Expected::Absent, |entity| {
                Expected::Revision(entity.revision)
            });
            if found != *expected {
                return Err(CommitError::Conflict {
                    key: key.clone(),
                    expected: *expected,
                    found,
                });
            }
        }
        Ok(())
    }

    /// Applies a batch that passed [`check`](Self::check). Returns its stamped audit entries.
    pub(crate) fn apply(&mut self, batch: Batch) -> Vec<AuditEntry> {
        self.revision.number += 1;
        let revision = self.revision.number;
        for key in batch.deletes {
            self.entities.remove(&key);
        }
        for (key, value) in batch.puts {
            self.entities
                .insert(key, Arc::new(Entity::new(revision, value)));
        }
        let audit = batch.audit.into_iter();
        audit
            .map(|mut entry| {
                entry.revision = revision;
                entry
            })
            .collect()
    }

    pub(crate) fn image(&self) -> Image {
        let entities = self.entities.iter();
        Image::new(
            self.revision,
            entities
                .map(|(key, entity)| (key.clone(), Entity::clone(entity)))
                .collect(),
        )
    }
}
