//! The changes of a copy of the state, which are not committed yet.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use serde_json::Value;
use waygate_core::{
    model::{AuditEntry, Revision},
    port::{BackendError, Batch, CommitError, Entity, EntityKey, Expected},
};

use super::{
    Inner, compiler::Compiler, kinds::RecordId, limits::LimitStats, snapshot::Snapshot,
    stored::Stored, touched::Touched,
};

/// The changes of a copy.
#[derive(Debug, Clone)]
pub(crate) struct Staging {
    /// The snapshot before the changes.
    pub(super) before: Arc<Snapshot>,
    /// The snapshot after them.
    pub(super) snapshot: Arc<Snapshot>,
    /// The number of changes that were attempted, those without effect included.
    pub(super) attempts: usize,
    /// The preconditions on the store. The first change of a record decides.
    expected: BTreeMap<EntityKey, Expected>,
    /// The records to write, or (`None`) to delete.
    writes: BTreeMap<EntityKey, Option<Value>>,
    pub(super) lines: Vec<AuditEntry>,
    /// The statistics of limits that are only planned.
    book: Option<Arc<LimitStats>>,
    /// For each change, the records to announce and the number of its lines.
    changes: Vec<(BTreeSet<RecordId>, usize)>,
}

impl Staging {
    /// No changes yet, which will not be committed if `is_dry`.
    pub(super) fn new(snapshot: Arc<Snapshot>, is_dry: bool) -> Self {
        Self {
            before: snapshot.clone(),
            snapshot,
            attempts: 0,
            expected: BTreeMap::new(),
            writes: BTreeMap::new(),
            lines: Vec::new(),
            book: is_dry.then(|| Arc::new(LimitStats::new(0))),
            changes: Vec::new(),
        }
    }

    /// Adds the commit of one change. Returns the revision and the snapshot that it would have.
    pub(super) fn add(
        &mut self,
        engine: &Inner,
        stored: &mut Stored,
        batch: Batch,
        subjects: BTreeSet<RecordId>,
    ) -> Result<(Revision, Arc<Snapshot>), CommitError> {
        engine.check_writable(stored)?;
        let base = self.before.revision;
        let revision = Revision {
            number: base.number + 1,
            ..base
        };
        for (key, expected) in batch.expected {
            self.expected.entry(key).or_insert(expected);
        }
        for (key, value) in batch.puts {
            let entity = Entity::new(revision.number, value.clone());
            stored
                .put(&key, entity)
                .map_err(BackendError::InvalidBatch)?;
            self.writes.insert(key, Some(value));
        }
        for key in batch.deletes {
            stored.delete(&key);
            self.writes.insert(key, None);
        }
        if !subjects.is_empty() {
            #[cfg_attr(not(feature = "flags"), expect(unused_mut, reason = "for flags"))]
            let mut touched = Touched::by(&subjects, stored, &self.snapshot.table);
            // Compiled flags have side effects on what was observed of them, and no change reads them.
            #[cfg(feature = "flags")]
            {
                touched.flags.clear();
                touched.segments.clear();
            }
            let compiler = engine.compiler();
            let book = self.book.as_deref().unwrap_or(compiler.book);
            let compiler = Compiler { book, ..compiler };
            let next = self.snapshot.next(stored, &touched, compiler);
            self.snapshot = Arc::new(next);
        }
        self.changes.push((subjects, batch.audit.len()));
        self.lines.extend(batch.audit);
        Ok((revision, self.snapshot.clone()))
    }

    /// Returns `true` if no change has an effect.
    pub(super) fn is_empty(&self) -> bool {
        self.writes.is_empty() && self.lines.is_empty()
    }

    /// All changes as one batch.
    pub(super) fn into_batch(self) -> (Batch, Vec<(BTreeSet<RecordId>, usize)>) {
        let mut batch = Batch::new();
        batch.expected = self.expected.into_iter().collect();
        for (key, value) in self.writes {
            match value {
                Some(value) => batch.puts.push((key, value)),
                None => batch.deletes.push(key),
            }
        }
        batch.audit = self.lines;
        (batch, self.changes)
    }
}
