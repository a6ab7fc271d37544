//! Runs every change: reads the state, decides, writes one commit with its audit lines, publishes a new snapshot and
//! sends events.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use serde_json::Value;
use waygate_core::{
    Timestamp,
    model::{Action, AuditEntry, Origin, Revision},
    port::{BackendError, Batch, CommitError, CounterError, EntityKey},
};

use super::{
    ChangeError, Inner, jitter,
    kinds::{RecordId, Records},
    precondition::Precondition,
    store::{Holds, Kind, json},
    stored::Stored,
    touched::Touched,
};

/// The maximum number of attempts for a change that keeps losing races and expects no revision.
const ATTEMPTS: u32 = 32;
/// The number of attempts without a pause.
const SWIFT_ATTEMPTS: u32 = 2;
/// The longest pause between two attempts.
const PAUSE: Duration = Duration::from_millis(50);

/// The author of a change, and its precondition.
#[derive(Debug, Clone)]
pub(crate) struct By {
    pub(crate) origin: Origin,
    pub(crate) expected: Precondition,
}

/// A change that can be retried after a lost race.
pub(crate) trait Change: Send + Sync {
    /// The result.
    type Done: Send;

    /// The subject of the change, for messages.
    fn subject(&self) -> String;

    /// Makes one attempt.
    fn attempt(&self, tx: Tx<'_>) -> impl Future<Output = Result<Self::Done, Attempt>> + Send;
}

/// One attempt at a change: the state that it reads, and the records and audit lines that it writes in one commit.
pub(crate) struct Tx<'a> {
    pub(crate) engine: &'a Inner,
    pub(crate) stored: &'a mut Stored,
    pub(crate) by: &'a By,
    pub(crate) now: Timestamp,
    batch: Batch,
    /// The records to announce.
    subjects: BTreeSet<RecordId>,
}

impl<'a> Tx<'a> {
    pub(crate) fn new(engine: &'a Inner, stored: &'a mut Stored, by: &'a By) -> Self {
        Self {
            engine,
            stored,
            by,
            now: engine.clock.now(),
            batch: Batch::default(),
            subjects: BTreeSet::new(),
        }
    }

    /// Fails if the author expects a different revision of `what`. `number` is its current revision number, if it
    /// exists.
    pub(crate) fn check(&self, what: &str, number: Option<u64>) -> Result<(), ChangeError> {
        let epoch = self.stored.revision.epoch;
        let current = number.map(|number| Revision { epoch, number });
        if self.by.expected.holds(current) {
            return Ok(());
        }
        Err(ChangeError::Conflict {
            what: what.to_owned(),
            expected: self.by.expected.number(),
            found: number.unwrap_or_default(),
            current,
        })
    }

    /// Makes the commit fail if another process changes the record first.
    pub(crate) fn expect<K: Kind>(&mut self, key: &K::Key)
    where
        Records: Holds<K>,
    {
        let expected = self.stored.expected::<K>(key);
        self.batch.expected.push((K::entity(key), expected));
    }

    pub(crate) fn put<K: Kind>(&mut self, key: &K::Key, value: &K::Value)
    where
        Records: Holds<K>,
    {
        self.expect::<K>(key);
        self.batch.puts.push((K::entity(key), json(value)));
        self.announce::<K>(key);
    }

    pub(crate) fn delete<K: Kind>(&mut self, key: &K::Key)
    where
        Records: Holds<K>,
    {
        self.expect::<K>(key);
        self.batch.deletes.push(K::entity(key));
        self.announce::<K>(key);
    }

    /// Sends an event for this record after the commit.
    pub(crate) fn announce<K: Kind>(&mut self, key: &K::Key) {
        self.subjects.extend(RecordId::new::<K>(key));
    }

    /// Creates an audit line for the caller to complete.
    pub(crate) fn line(&self, action: Action, path: &str) -> AuditEntry {
        AuditEntry::new(&self.by.origin, action, path, self.now)
    }

    /// Adds a line to the audit log.
    pub(crate) fn audit(&mut self, mut line: AuditEntry) {
        let snapshot = self.engine.snapshot.load();
        line.tags = snapshot.table.tags(&line.path).to_vec();
        self.batch.audit.push(line);
    }

    /// The records to write.
    pub(crate) fn puts(&self) -> &[(EntityKey, Value)] {
        &self.batch.puts
    }

    /// Returns `true` if this record is to be written.
    #[cfg(feature = "flags")]
    pub(crate) fn writes<K: Kind>(&self, key: &K::Key) -> bool {
        let key = K::entity(key);
        self.batch.puts.iter().any(|(put, _)| *put == key)
    }

    /// Returns `true` if there is nothing to commit.
    pub(crate) fn is_empty(&self) -> bool {
        self.batch.expected.is_empty() && self.batch.audit.is_empty()
    }

    /// Confirms that the store still has what `read` returns, for a change that writes nothing. Without a commit, nothing
    /// else detects that another process was faster.
    pub(crate) async fn confirm<T: PartialEq>(
        self,
        read: impl Fn(&Stored) -> T,
    ) -> Result<(), Attempt> {
        let known = read(self.stored);
        let reloaded = self.engine.reload(self.stored).await;
        reloaded.map_err(|error| Attempt::Commit(error.into()))?;
        match read(self.stored) == known {
            true => Ok(()),
            false => Err(Attempt::Behind),
        }
    }

    /// Commits, publishes the next snapshot, and sends the events.
    pub(crate) async fn commit(self) -> Result<Revision, CommitError> {
        Ok(self.write().await?.announce())
    }

    /// Commits, and publishes the next snapshot.
    pub(crate) async fn write(self) -> Result<Written<'a>, CommitError> {
        let Self {
            engine,
            stored,
            batch,
            subjects,
            ..
        } = self;
        engine.write(stored, batch, subjects).await
    }
}

/// A commit that is in effect but has not been announced to subscribers yet.
#[must_use = "subscribers wait for its events"]
pub(crate) struct Written<'a> {
    pub(crate) engine: &'a Inner,
    stored: &'a Stored,
    revision: Revision,
    subjects: BTreeSet<RecordId>,
    lines: Vec<Arc<AuditEntry>>,
}

impl Written<'_> {
    /// Sends an event for each record and line.
    pub(crate) fn announce(self) -> Revision {
        self.engine
            .announce(self.stored, &self.subjects, &self.lines, self.revision);
        self.revision
    }
}

impl Inner {
    /// Commits a batch that changes these records, and publishes the next snapshot.
    pub(crate) async fn write<'a>(
        &'a self,
        stored: &'a mut Stored,
        batch: Batch,
        subjects: BTreeSet<RecordId>,
    ) -> Result<Written<'a>, CommitError> {
        let lines = batch.audit.clone();
        let revision = self.commit(stored, batch).await?;
        self.observed.note_lines(&lines);
        let touched = Touched::by(&subjects, stored, &self.snapshot.load().table);
        self.publish_next(stored, &touched);
        let lines = lines.into_iter().map(|mut line| {
            line.revision = revision.number;
            Arc::new(line)
        });
        Ok(Written {
            engine: self,
            stored,
            revision,
            subjects,
            lines: lines.collect(),
        })
    }

    /// Tries a change until it succeeds or fails for good. A change is only refused on the store's current state: this
    /// process may be behind.
    pub(crate) async fn make<C: Change>(
        self: Arc<Self>,
        change: C,
        by: By,
    ) -> Result<C::Done, ChangeError> {
        for nth in 0..ATTEMPTS {
            if nth > SWIFT_ATTEMPTS {
                // Without the lock, so that no other command of this process waits. Writers that start together do not
                // stay in step.
                tokio::time::sleep(jitter::up_to(PAUSE)).await;
            }
            let mut stored = self.stored.lock().await;
            let is_current = nth > 0;
            if is_current {
                self.reload(&mut stored).await?;
            }
            let attempt = change.attempt(Tx::new(&self, &mut stored, &by)).await;
            match attempt {
                Err(Attempt::Failed(error)) if !is_current => {
                    let known = stored.revision;
                    // Without the store, the refusal stands on the last known state.
                    if self.reload(&mut stored).await.is_err() || stored.revision == known {
                        let refused = Err(error);
                        self.note_conflict(&refused, &by);
                        return refused;
                    }
                }
                attempt => {
                    if let Some(outcome) = settle(attempt) {
                        self.note_conflict(&outcome, &by);
                        return outcome;
                    }
                    self.observed.note_conflict("race", &by.origin.platform);
                }
            }
        }
        let what = change.subject();
        Err(ChangeError::Contended { what })
    }

    fn note_conflict<T>(&self, outcome: &Result<T, ChangeError>, by: &By) {
        if let Err(ChangeError::Conflict { .. }) = outcome {
            let platform = &by.origin.platform;
            self.observed.note_conflict("precondition", platform);
        }
    }
}

/// The outcome of an attempt; `None` after a lost race, to retry with the current state.
fn settle<T>(attempt: Result<T, Attempt>) -> Option<Result<T, ChangeError>> {
    match attempt {
        Ok(done) => Some(Ok(done)),
        Err(Attempt::Failed(error) | Attempt::Incomplete(error)) => Some(Err(error)),
        // The next attempt checks the precondition again.
        Err(
            Attempt::Behind
            | Attempt::Commit(CommitError::Conflict { .. } | CommitError::Replaced { .. }),
        ) => None,
        Err(Attempt::Commit(CommitError::Backend(error))) => Some(Err(error.into())),
        Err(Attempt::Commit(other)) => {
            Some(Err(BackendError::Unavailable(other.to_string()).into()))
        }
    }
}

/// The reason why an attempt failed.
pub(crate) enum Attempt {
    Failed(ChangeError),
    /// A step after the commit failed. The change is never made again.
    Incomplete(ChangeError),
    Commit(CommitError),
    /// The state was not that of the store, which was read again.
    Behind,
}

impl From<ChangeError> for Attempt {
    fn from(error: ChangeError) -> Self {
        Self::Failed(error)
    }
}

impl From<CounterError> for Attempt {
    fn from(error: CounterError) -> Self {
        Self::Failed(error.into())
    }
}

impl From<CommitError> for Attempt {
    fn from(error: CommitError) -> Self {
        Self::Commit(error)
    }
}
