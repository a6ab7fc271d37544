use std::collections::HashSet;

use serde::{Deserialize, Serialize};

use super::{entity::EntityKey, error::BackendError};
use crate::model::{AuditEntry, Epoch};

/// A precondition of a batch.
///
/// ```
/// use waygate_core::port::{Batch, Expected};
///
/// let first = Batch::new().expect("global", Expected::Absent);
/// let second = Batch::new().expect("global", Expected::Revision(1));
/// assert_ne!(first, second);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Expected {
    /// The entity does not exist.
    Absent,
    /// The entity was last written by the commit of this number.
    Revision(u64),
}

/// Changes that are applied together or not at all.
///
/// A key may be put or deleted once; [`check`](Self::check) refuses a batch that names it twice.
///
/// ```
/// use waygate_core::{
///     Timestamp,
///     model::{Action, AuditEntry, Origin},
///     port::{Batch, Expected},
/// };
///
/// let path = "GET:/payments";
/// let line = AuditEntry::new(&Origin::system(), Action::Reset, path, Timestamp::now());
/// let batch = Batch::new()
///     .expect("route/GET:/payments", Expected::Absent)
///     .put("route/GET:/payments", serde_json::json!({}))
///     .delete("route/GET:/bills")
///     .audit(line);
/// batch.check()?;
/// assert!(batch.delete("route/GET:/payments").check().is_err());
/// # Ok::<(), waygate_core::port::BackendError>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq)]
#[non_exhaustive]
pub struct Batch {
    /// The epoch of the store known to the writer, so that decisions based on its content are never written into a
    /// store that has lost it. `None` accepts any store, and is required for one at revision 0, since its first
    /// commit may set its epoch.
    pub expected_epoch: Option<Epoch>,
    /// Preconditions.
    pub expected: Vec<(EntityKey, Expected)>,
    /// Entities to write.
    pub puts: Vec<(EntityKey, serde_json::Value)>,
    /// Entities to remove; a missing one is not an error.
    pub deletes: Vec<EntityKey>,
    /// Lines for the audit log. The backend fills in their `revision`.
    pub audit: Vec<AuditEntry>,
    /// The oldest commit with audit entries that a reader of the log still needs. The store keeps them beyond its
    /// capacity, up to [`KEPT_FACTOR`](Self::KEPT_FACTOR) times of it.
    pub keep_audit_from: Option<u64>,
}

impl Batch {
    /// The deepest nesting of arrays and objects in a value.
    pub const MAX_DEPTH: usize = 64;

    /// The bound of an audit log with entries that are [kept](#structfield.keep_audit_from), in capacities.
    pub const KEPT_FACTOR: usize = 4;

    /// Creates a batch without changes.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a precondition.
    #[must_use]
    pub fn expect(mut self, key: impl Into<EntityKey>, expected: Expected) -> Self {
        self.expected.push((key.into(), expected));
        self
    }

    /// Adds an entity to write.
    #[must_use]
    pub fn put(mut self, key: impl Into<EntityKey>, value: serde_json::Value) -> Self {
        self.puts.push((key.into(), value));
        self
    }

    /// Adds an entity to remove.
    #[must_use]
    pub fn delete(mut self, key: impl Into<EntityKey>) -> Self {
        self.deletes.push(key.into());
        self
    }

    /// Adds a line for the audit log.
    #[must_use]
    pub fn audit(mut self, entry: AuditEntry) -> Self {
        self.audit.push(entry);
        self
    }

    /// Keeps the audit entries of this commit and later ones, for a reader of the log.
    ///
    /// ```
    /// use waygate_core::port::Batch;
    ///
    /// assert_eq!(Batch::new().keep_audit_from(7).keep_audit_from, Some(7));
    /// ```
    #[must_use]
    pub fn keep_audit_from(mut self, revision: u64) -> Self {
        self.keep_audit_from = Some(revision);
        self
    }

    /// Checks that the batch is well formed. Every backend calls this first.
    ///
    /// # Errors
    /// [`BackendError::InvalidBatch`] for a malformed key, a key that is put or deleted twice, or a value nested
    /// deeper than [`MAX_DEPTH`](Self::MAX_DEPTH), which no reader would accept.
    pub fn check(&self) -> Result<(), BackendError> {
        let mut changed = HashSet::new();
        let put = self.puts.iter().map(|(key, _)| key);
        for key in put.chain(&self.deletes) {
            key.check()?;
            if !changed.insert(key) {
                return Err(BackendError::InvalidBatch(format!(
                    "`{key}` is changed twice; put or delete a key once"
                )));
            }
        }
        for (key, _) in &self.expected {
            key.check()?;
        }
        let put = self.puts.iter().map(|(key, value)| (key.as_str(), value));
        let audited = self.audit.iter().flat_map(|entry| {
            let values = entry.previous.iter().chain(&entry.new);
            values.map(|value| (entry.path.as_str(), value))
        });
        for (name, value) in put.chain(audited) {
            if !nests_within(value, Self::MAX_DEPTH) {
                return Err(BackendError::InvalidBatch(format!(
                    "the value of `{name}` nests deeper than {} levels",
                    Self::MAX_DEPTH
                )));
            }
        }
        Ok(())
    }
}

fn nests_within(value: &serde_json::Value, levels: usize) -> bool {
    let mut inner: Box<dyn Iterator<Item = &serde_json::Value>> = match value {
        serde_json::Value::Array(items) => Box::new(items.iter()),
        serde_json::Value::Object(members) => Box::new(members.values()),
        _ => return true,
    };
    levels > 0 && inner.all(|value| nests_within(value, levels - 1))
}

/// A failed commit. Nothing was written, except perhaps for [`Unconfirmed`](Self::Unconfirmed).
///
/// ```
/// use waygate_core::port::{CommitError, Expected};
///
/// let (key, expected, found) = ("global".into(), Expected::Absent, Expected::Revision(3));
/// let lost = CommitError::Conflict { key, expected, found };
/// assert!(matches!(lost, CommitError::Conflict { found: Expected::Revision(3), .. }));
/// ```
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum CommitError {
    /// Another writer was faster: an expectation does not hold.
    #[error("`{key}` was changed in the meantime: expected {expected:?}, found {found:?}")]
    Conflict {
        /// The first entity that does not meet its expectation.
        key: EntityKey,
        /// The expectation.
        expected: Expected,
        /// The stored state.
        found: Expected,
    },
    /// The store is not the one known to the writer: it was emptied, or another took its place.
    #[error("the store was replaced: epoch {expected} was expected, {}", found_epoch(.found))]
    Replaced {
        /// The epoch known to the writer.
        expected: Epoch,
        /// The epoch of the store; none if it is empty.
        found: Option<Epoch>,
    },
    /// The response was lost, or the commit is not durable.
    #[error("the commit may or may not have succeeded: {0}")]
    Unconfirmed(String),
    /// The store failed.
    #[error(transparent)]
    Backend(#[from] BackendError),
}

crate::debug_as_message!(CommitError);

fn found_epoch(found: &Option<Epoch>) -> String {
    found.map_or_else(
        || "the store is empty".to_owned(),
        |epoch| format!("found {epoch}"),
    )
}
