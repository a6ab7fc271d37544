use std::{
    borrow::Borrow, collections::HashSet, fmt, future::Future, path::Path, pin::Pin, sync::Arc,
};

use futures_core::Stream;
use serde::{Deserialize, Serialize};

use crate::model::{AuditEntry, Epoch, Revision};

/// A boxed future: what makes [`Backend`] object-safe.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// A boxed stream.
pub type BoxStream<'a, T> = Pin<Box<dyn Stream<Item = T> + Send + 'a>>;

/// Where state is kept, and from which other processes learn of it.
///
/// A backend stores *entities*: JSON values under text keys, each with the number of the commit that
/// last wrote it. It does not look into them. All of its duties are checked by the conformance suite
/// of `waygate-backends` (feature `conformance`).
///
/// # What a commit is
///
/// 1. A batch that breaks the rules of [`Batch::check`] is refused as [`BackendError::InvalidBatch`].
/// 2. A batch that was meant for another epoch is refused as [`CommitError::Replaced`].
/// 3. All expectations are checked against one state, in their order; the first that does not hold is
///    the [`CommitError::Conflict`].
/// 4. The revision number grows by exactly one, whatever the batch holds; an empty one counts too.
/// 5. Every put entity and every audit entry carries that number as its `revision`.
/// 6. What a delete removes leaves nothing behind: the entity is [`Expected::Absent`] from then on, and
///    when it is put again its revision is the number of that commit.
///
/// A refused or failed commit changes nothing: no entity, no audit entry, no revision. Commits that
/// run at the same time are applied one after the other. The epoch stays for as long as the data does.
///
/// Requests never wait for a backend. Only changes and background refreshes call it.
pub trait Backend: fmt::Debug + Send + Sync + 'static {
    /// Everything that is stored, as of one revision.
    ///
    /// # Errors
    /// [`BackendError`] when the store cannot be read. The engine then keeps what it knows. At the start, it closes everything
    /// for [`Corrupt`](BackendError::Corrupt) and [`Unreadable`](BackendError::Unreadable).
    fn load(&self) -> BoxFuture<'_, Result<Image, BackendError>>;

    /// Applies a batch as one atomic unit, or not at all, and returns the revision it made.
    ///
    /// `Ok` means durable: the change and its audit entries survive a crash of the process.
    ///
    /// # Errors
    /// [`CommitError::Conflict`] when an expectation does not hold; nothing is written. A backend that
    /// cannot tell whether it was written says [`CommitError::Unconfirmed`], and does not try again.
    fn commit(&self, batch: Batch) -> BoxFuture<'_, Result<Revision, CommitError>>;

    /// Earlier states that the store still has, the newest first; none by default.
    ///
    /// Asked for at the start when a record cannot be read: what such a state closes stays closed.
    ///
    /// # Errors
    /// [`BackendError`] when they cannot be read.
    fn earlier(&self) -> BoxFuture<'_, Result<Vec<Image>, BackendError>> {
        Box::pin(async { Ok(Vec::new()) })
    }

    /// Which changes are lost, when the store was damaged and goes on from an earlier state; `None` by default. Asked for once,
    /// at the start: what such a change may have closed is closed again.
    fn lost(&self) -> BoxFuture<'_, Option<Lost>> {
        Box::pin(async { None })
    }

    /// The file that the state is in; `None` by default, for state that is in none. The engine keeps counters beside it.
    fn state_file(&self) -> Option<&Path> {
        None
    }

    /// What the store is and where, for people: the report of the start shows it. Nothing that gives access to it. By
    /// default the name of the type.
    fn describe(&self) -> String {
        super::type_name::<Self>()
    }

    /// Hints that the store has moved on, commits of this very process included.
    ///
    /// Hints may be lost, repeated and merged: the engine compares revisions, and polls besides.
    fn changes(&self) -> BoxStream<'static, Revision>;

    /// Audit entries, newest first; of one batch, the last entry is the newest.
    ///
    /// A store may forget the oldest entries, to bound its size.
    ///
    /// # Errors
    /// [`BackendError`] when the log cannot be read.
    fn audit(&self, query: AuditQuery) -> BoxFuture<'_, Result<Vec<AuditEntry>, BackendError>>;

    /// Whether the store answers and takes writes, checked now.
    ///
    /// # Errors
    /// [`BackendError`] saying what is wrong.
    fn health(&self) -> BoxFuture<'_, Result<(), BackendError>>;
}

/// The name of an entity: a kind and, mostly, a key of that kind, such as `route/GET:/payments`.
///
/// 1 to 2048 bytes without control characters; [`Batch::check`] refuses any other.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct EntityKey(Arc<str>);

impl EntityKey {
    /// The longest key, in bytes.
    pub const MAX_LEN: usize = 2048;

    /// An entity that exists once, such as `global`.
    pub fn singleton(kind: &'static str) -> Self {
        Self(kind.into())
    }

    /// One of many entities of a kind.
    pub fn of(kind: &'static str, name: impl fmt::Display) -> Self {
        Self(format!("{kind}/{name}").into())
    }

    /// The key as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether the key is well formed.
    ///
    /// # Errors
    /// [`BackendError::InvalidBatch`] saying what is wrong.
    pub fn check(&self) -> Result<(), BackendError> {
        let problem = match self.0.len() {
            0 => "is empty".to_owned(),
            len if len > Self::MAX_LEN => format!("has {len} bytes"),
            _ if self.0.chars().any(char::is_control) => "has a control character".to_owned(),
            _ => return Ok(()),
        };
        let shown: String = self.0.chars().take(40).collect();
        Err(BackendError::InvalidBatch(format!(
            "the key {shown:?} {problem}; a key has 1 to {} bytes and no control characters",
            Self::MAX_LEN
        )))
    }

    /// The name, when the entity is of this kind.
    pub fn name_in(&self, kind: &str) -> Option<&str> {
        self.0.strip_prefix(kind)?.strip_prefix('/')
    }
}

impl Borrow<str> for EntityKey {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl From<&str> for EntityKey {
    fn from(text: &str) -> Self {
        Self(text.into())
    }
}

impl fmt::Display for EntityKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One stored value.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Entity {
    /// The number of the commit that last wrote it.
    pub revision: u64,
    /// The value.
    pub value: serde_json::Value,
}

/// All that is stored, as of one revision.
#[derive(Debug, Clone, PartialEq)]
pub struct Image {
    /// The revision of the last commit.
    pub revision: Revision,
    /// The entities, in no set order.
    pub entities: Vec<(EntityKey, Entity)>,
}

impl Image {
    /// An empty store of this epoch, at revision 0.
    pub fn empty(epoch: Epoch) -> Self {
        Self {
            revision: Revision { epoch, number: 0 },
            entities: Vec::new(),
        }
    }
}

/// What a damaged store has lost.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Lost {
    /// What was damaged, and what is in its place.
    pub cause: String,
    /// Lines of the audit log about changes that are lost, oldest first, as far as there are any.
    pub entries: Vec<AuditEntry>,
}

impl Lost {
    /// Changes that are lost, and why.
    pub fn new(cause: impl Into<String>, entries: Vec<AuditEntry>) -> Self {
        Self {
            cause: cause.into(),
            entries,
        }
    }
}

/// What must hold for a batch to be applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Expected {
    /// The entity does not exist.
    Absent,
    /// The entity was last written by the commit of this number.
    Revision(u64),
}

/// Changes that belong together: all of them happen, or none.
///
/// A key may be put or deleted once; [`check`](Self::check) refuses a batch that names it twice.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Batch {
    /// The epoch of the store that the writer knows, so that what was decided on its content is never
    /// written into a store that has lost it. `None` takes any store, and must for one at revision 0,
    /// whose epoch may be decided by its first commit.
    pub expected_epoch: Option<Epoch>,
    /// What must hold before.
    pub expected: Vec<(EntityKey, Expected)>,
    /// Entities to write.
    pub puts: Vec<(EntityKey, serde_json::Value)>,
    /// Entities to remove; one that is not there is not an error.
    pub deletes: Vec<EntityKey>,
    /// Lines for the audit log. The backend fills in their `revision`.
    pub audit: Vec<AuditEntry>,
}

impl Batch {
    /// How deep the arrays and objects of a value may nest.
    pub const MAX_DEPTH: usize = 64;

    /// Whether the batch is well formed. Every backend asks this before anything else.
    ///
    /// # Errors
    /// [`BackendError::InvalidBatch`] for a malformed key, a key that is put or deleted twice, and a
    /// value that nests deeper than [`MAX_DEPTH`](Self::MAX_DEPTH), which no reader would take back.
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

/// Which audit entries are wanted. The filters apply before the limit. By default the newest 100.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditQuery {
    /// At most this many.
    pub limit: usize,
    /// Leave out this many of the newest.
    pub offset: usize,
    /// Only entries with exactly this `path`.
    pub path: Option<String>,
    /// Only entries of this service.
    pub service: Option<String>,
}

impl Default for AuditQuery {
    fn default() -> Self {
        Self {
            limit: 100,
            offset: 0,
            path: None,
            service: None,
        }
    }
}

impl AuditQuery {
    /// The newest `limit` entries.
    pub fn newest(limit: usize) -> Self {
        Self {
            limit,
            ..Self::default()
        }
    }

    /// Whether `entry` passes the filters.
    pub fn matches(&self, entry: &AuditEntry) -> bool {
        self.path.as_ref().is_none_or(|path| *path == entry.path)
            && self
                .service
                .as_ref()
                .is_none_or(|service| entry.service.as_ref() == Some(service))
    }

    /// The page of `entries` (newest first) that the query asks for.
    pub fn page<'a>(&self, entries: impl IntoIterator<Item = &'a AuditEntry>) -> Vec<AuditEntry> {
        let wanted = entries.into_iter().filter(|entry| self.matches(entry));
        wanted.skip(self.offset).take(self.limit).cloned().collect()
    }
}

/// A store that could not do what it was asked.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum BackendError {
    /// It cannot be reached or does not answer in time.
    #[error("the store is unavailable: {0}")]
    Unavailable(String),
    /// It has no room, or may not be written.
    #[error("the store takes no writes: {0}")]
    NotWritable(String),
    /// What it holds makes no sense.
    #[error("the store is corrupt: {0}")]
    Corrupt(String),
    /// It is there, and cannot be read: permissions, or a layout of a later version.
    #[error("the store cannot be read: {0}")]
    Unreadable(String),
    /// It was set up wrongly.
    #[error("the store is not configured correctly: {0}")]
    Misconfigured(String),
    /// The batch breaks a rule that holds for every store ([`Batch::check`]).
    #[error("the batch is malformed: {0}")]
    InvalidBatch(String),
}

crate::debug_as_message!(BackendError);

impl BackendError {
    /// What is wrong, without the words that it is the store: files beside the store have such errors as well.
    pub fn problem(&self) -> &str {
        match self {
            Self::Unavailable(problem)
            | Self::NotWritable(problem)
            | Self::Corrupt(problem)
            | Self::Unreadable(problem)
            | Self::Misconfigured(problem)
            | Self::InvalidBatch(problem) => problem,
        }
    }
}

/// A commit that was refused. But for [`Unconfirmed`](Self::Unconfirmed), nothing was written.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum CommitError {
    /// Somebody else was faster: an expectation does not hold.
    #[error("`{key}` was changed in the meantime: expected {expected:?}, found {found:?}")]
    Conflict {
        /// The first entity that is not as expected.
        key: EntityKey,
        /// What was expected.
        expected: Expected,
        /// What is there.
        found: Expected,
    },
    /// The store is not the one that the writer knows: it was emptied, or another took its place.
    #[error("the store was replaced: epoch {expected} was expected, {}", found_epoch(.found))]
    Replaced {
        /// The epoch that the writer knows.
        expected: Epoch,
        /// The epoch of the store; none if it is empty.
        found: Option<Epoch>,
    },
    /// The answer was lost, or some of what makes a commit durable did not happen.
    #[error("the change may or may not have been made: {0}")]
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

#[cfg(test)]
mod tests;
