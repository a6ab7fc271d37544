mod audit;
mod batch;
mod entity;
mod error;
mod shared;

use std::{fmt, future::Future, path::Path, pin::Pin};

use futures_core::Stream;

use crate::model::{AuditEntry, Revision};

pub use audit::{AuditPosition, AuditQuery};
pub use batch::{Batch, CommitError, Expected};
pub use entity::{Entity, EntityKey, Image, Lost};
pub use error::BackendError;

/// A boxed future, which makes [`Backend`] object-safe.
///
/// ```
/// use waygate_core::port::BoxFuture;
///
/// fn later() -> BoxFuture<'static, u32> {
///     Box::pin(async { 7 })
/// }
/// # drop(later());
/// ```
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// A boxed stream.
///
/// ```
/// use futures_core::Stream;
/// use waygate_core::port::BoxStream;
///
/// fn boxed<'a>(stream: impl Stream<Item = u32> + Send + 'a) -> BoxStream<'a, u32> {
///     Box::pin(stream)
/// }
/// ```
pub type BoxStream<'a, T> = Pin<Box<dyn Stream<Item = T> + Send + 'a>>;

/// A store of state, shared by processes.
///
/// A backend stores *entities*: JSON values under text keys, each with the number of the commit that
/// last wrote it. It does not interpret them. The conformance suite of `waygate-backends` (feature `conformance`) checks
/// all requirements.
///
/// # Commits
///
/// 1. A batch that breaks the rules of [`Batch::check`] is refused as [`BackendError::InvalidBatch`].
/// 2. A batch for another epoch is refused as [`CommitError::Replaced`].
/// 3. All expectations are checked against one state, in order; the first that fails is the [`CommitError::Conflict`].
/// 4. The revision number grows by exactly one, whatever the batch contains; an empty batch counts, too.
/// 5. Every put entity and every audit entry carries that number as its `revision`.
/// 6. A delete leaves nothing behind: the entity is [`Expected::Absent`] from then on, and when it is put again, its
///    revision is the number of that commit.
///
/// A refused or failed commit changes nothing: no entity, no audit entry, no revision. Concurrent commits are applied
/// one after another. The epoch lasts for as long as the data does.
///
/// Requests never wait for a backend. Only changes and background refreshes call it.
///
/// # Wrappers
///
/// A wrapper must forward every method, also those with defaults: with the defaults of [`earlier`](Self::earlier) and
/// [`lost`](Self::lost), for example, a route that was closed may be open after a store was damaged.
///
/// ```
/// use std::path::Path;
///
/// use waygate_core::{
///     model::{AuditEntry, Revision},
///     port::{
///         AuditQuery, Backend, BackendError, Batch, BoxFuture, BoxStream, CommitError, Image, Lost,
///     },
/// };
///
/// /// A store that no process of this kind may change.
/// #[derive(Debug)]
/// struct ReadOnly<B>(B);
///
/// impl<B: Backend> Backend for ReadOnly<B> {
///     fn load(&self) -> BoxFuture<'_, Result<Image, BackendError>> {
///         self.0.load()
///     }
///
///     fn commit(&self, _: Batch) -> BoxFuture<'_, Result<Revision, CommitError>> {
///         let refused = BackendError::NotWritable("this is a replica".to_owned());
///         Box::pin(async { Err(refused.into()) })
///     }
///
///     fn earlier(&self) -> BoxFuture<'_, Result<Vec<Image>, BackendError>> {
///         self.0.earlier()
///     }
///
///     fn lost(&self) -> BoxFuture<'_, Option<Lost>> {
///         self.0.lost()
///     }
///
///     fn state_file(&self) -> Option<&Path> {
///         self.0.state_file()
///     }
///
///     fn describe(&self) -> String {
///         format!("{}, which this process only reads", self.0.describe())
///     }
///
///     fn check_options(&self) -> Result<(), BackendError> {
///         self.0.check_options()
///     }
///
///     fn changes(&self) -> BoxStream<'static, Revision> {
///         self.0.changes()
///     }
///
///     fn audit(&self, query: AuditQuery) -> BoxFuture<'_, Result<Vec<AuditEntry>, BackendError>> {
///         self.0.audit(query)
///     }
///
///     fn append_facts(
///         &self,
///         lines: Vec<String>,
///         keep: usize,
///     ) -> BoxFuture<'_, Result<bool, BackendError>> {
///         self.0.append_facts(lines, keep)
///     }
///
///     fn facts(&self, limit: usize) -> BoxFuture<'_, Result<Vec<String>, BackendError>> {
///         self.0.facts(limit)
///     }
///
///     fn count_audit(&self, query: AuditQuery) -> BoxFuture<'_, Result<usize, BackendError>> {
///         self.0.count_audit(query)
///     }
///
///     fn health(&self) -> BoxFuture<'_, Result<(), BackendError>> {
///         self.0.health()
///     }
/// }
/// ```
pub trait Backend: fmt::Debug + Send + Sync + 'static {
    /// Loads the content of the store at one revision.
    ///
    /// # Errors
    /// [`BackendError`] if the store cannot be read. The engine then keeps its last state. At the start, it closes everything
    /// for [`Corrupt`](BackendError::Corrupt) and [`Unreadable`](BackendError::Unreadable).
    fn load(&self) -> BoxFuture<'_, Result<Image, BackendError>>;

    /// Applies a batch as one atomic unit, or not at all, and returns the new revision.
    ///
    /// `Ok` means durable: the change and its audit entries survive a crash of the process.
    ///
    /// # Errors
    /// [`CommitError::Conflict`] if an expectation does not hold; nothing is written. [`CommitError::Unconfirmed`] if it is
    /// unknown whether the batch was written; the backend does not retry.
    fn commit(&self, batch: Batch) -> BoxFuture<'_, Result<Revision, CommitError>>;

    /// Loads earlier states that the store still has, the newest first; none by default.
    ///
    /// Called at the start when a record cannot be read: routes closed by such a state stay closed.
    ///
    /// # Errors
    /// [`BackendError`] if they cannot be read.
    fn earlier(&self) -> BoxFuture<'_, Result<Vec<Image>, BackendError>> {
        Box::pin(async { Ok(Vec::new()) })
    }

    /// Returns the changes that were lost when a damaged store continued from an earlier state; `None` by default.
    ///
    /// Called once, at the start: routes that such a change may have closed are closed again.
    fn lost(&self) -> BoxFuture<'_, Option<Lost>> {
        Box::pin(async { None })
    }

    /// Returns the state file; `None` by default, for state that is not in a file. The engine stores counters next to
    /// it.
    fn state_file(&self) -> Option<&Path> {
        None
    }

    /// Describes the store and its location, for the report of the start. Must not contain credentials. The name of the type
    /// by default.
    fn describe(&self) -> String {
        crate::port::type_name::<Self>()
    }

    /// Checks the options of the store, such as ranges, without I/O. Succeeds by default. Called once, when an engine
    /// is built, which fails with the error.
    ///
    /// # Errors
    /// [`BackendError::Misconfigured`] with the option and a valid value.
    fn check_options(&self) -> Result<(), BackendError> {
        Ok(())
    }

    /// Returns hints about new revisions, including commits of this process.
    ///
    /// Hints may be lost, repeated and merged: the engine compares revisions, and polls as well.
    fn changes(&self) -> BoxStream<'static, Revision>;

    /// Queries audit entries, newest first unless the query [says otherwise](AuditQuery::oldest_first); of one batch,
    /// the last entry is the newest.
    ///
    /// A store may forget the oldest entries, to bound its size, but not those that [a batch
    /// keeps](Batch::keep_audit_from).
    ///
    /// # Errors
    /// [`BackendError`] if the log cannot be read.
    fn audit(&self, query: AuditQuery) -> BoxFuture<'_, Result<Vec<AuditEntry>, BackendError>>;

    /// Appends lines to a log of facts that the processes of the store share, such as refusals of limits. It keeps the
    /// newest, at least `keep` of usual length. A fact may be lost, or be there twice: it is no state. Returns `false` if
    /// the store has no such log: the default.
    ///
    /// # Errors
    /// [`BackendError`] if the lines cannot be written.
    fn append_facts(
        &self,
        lines: Vec<String>,
        keep: usize,
    ) -> BoxFuture<'_, Result<bool, BackendError>> {
        let _ = (lines, keep);
        Box::pin(async { Ok(false) })
    }

    /// Returns the newest lines of that log, newest first; none by default.
    ///
    /// # Errors
    /// [`BackendError`] if it cannot be read.
    fn facts(&self, limit: usize) -> BoxFuture<'_, Result<Vec<String>, BackendError>> {
        let _ = limit;
        Box::pin(async { Ok(Vec::new()) })
    }

    /// Counts the audit entries that a query selects, on all its pages: the limit, the offset and the bound of bytes
    /// have no effect. By default, reads all of them.
    ///
    /// # Errors
    /// [`BackendError`] if the log cannot be read.
    fn count_audit(&self, query: AuditQuery) -> BoxFuture<'_, Result<usize, BackendError>> {
        let all = AuditQuery {
            limit: usize::MAX,
            offset: 0,
            max_bytes: None,
            ..query
        };
        Box::pin(async move { Ok(self.audit(all).await?.len()) })
    }

    /// Checks that the store responds and accepts writes.
    ///
    /// # Errors
    /// [`BackendError`] with the problem.
    fn health(&self) -> BoxFuture<'_, Result<(), BackendError>>;
}

#[cfg(test)]
mod tests;
