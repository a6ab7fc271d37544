//! One attempt at a change: reads the state, decides, writes one commit with its audit lines, publishes a new snapshot
//! and sends events.

use std::{collections::BTreeSet, sync::Arc};

use serde_json::Value;
use uuid::Uuid;
use waygate_core::{
    Timestamp,
    model::{Action, AuditEntry, Origin, Revision},
    port::{BackendError, Batch, CommitError, CounterError, EntityKey},
};

use super::{
    ChangeError, Inner,
    kinds::{RecordId, Records},
    precondition::Precondition,
    revert_subject::is_of_route,
    snapshot::Snapshot,
    staging::Staging,
    store::{Holds, Kind, json},
    stored::Stored,
    touched::Touched,
};

/// The author of a change, and its precondition.
#[derive(Debug, Clone)]
pub(crate) struct By {
    pub(crate) origin: Origin,
    pub(crate) expected: Precondition,
    /// The bulk change that it is part of.
    pub(crate) batch: Option<Uuid>,
    /// The entry of the audit log that it reverts.
    pub(crate) reverts: Option<Uuid>,
}

impl By {
    /// An author who expects nothing.
    pub(crate) fn new(origin: Origin) -> Self {
        Self {
            origin,
            expected: Precondition::None,
            batch: None,
            reverts: None,
        }
    }
}

/// A change that can be retried after a lost race.
pub(crate) trait Change: Send + Sync {
    /// The result.
    type Done: Send;

    /// The subject of the change, for messages.
    fn subject(&self) -> String;

    /// Returns `false` for a change with an effect besides its commit, which cannot be planned or be part of a batch.
    fn can_be_staged(&self) -> bool {
        true
    }

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
    /// Collects the commit, which then has no effect yet.
    staging: Option<&'a mut Staging>,
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
            staging: None,
        }
    }

    /// An attempt on a copy of the state.
    pub(super) fn staged(
        engine: &'a Inner,
        stored: &'a mut Stored,
        by: &'a By,
        staging: &'a mut Staging,
    ) -> Self {
        Self {
            staging: Some(staging),
            ..Self::new(engine, stored, by)
        }
    }

    /// Returns `true` if the attempt has no effect yet.
    pub(crate) fn is_staged(&self) -> bool {
        self.staging.is_some()
    }

    /// The snapshot that the attempt changes.
    pub(crate) fn snapshot(&self) -> Arc<Snapshot> {
        match &self.staging {
            Some(staging) => staging.snapshot.clone(),
            None => self.engine.snapshot.load_full(),
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
        let mut line = AuditEntry::new(&self.by.origin, action, path, self.now);
        line.batch = self.by.batch;
        line.reverts = self.by.reverts;
        line
    }

    /// Adds a line to the audit log.
    pub(crate) fn audit(&mut self, mut line: AuditEntry) {
        let snapshot = self.engine.snapshot.load();
        line.tags = snapshot.table.tags(&line.path).to_vec();
        if line.service.is_none() && is_of_route(&line.path) {
            line.service = self.engine.service.as_ref().map(ToString::to_string);
        }
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

    /// Confirms that the store still has this record, for a change that writes nothing. Without a commit, nothing else
    /// detects that another process was faster.
    pub(crate) async fn confirm<K: Kind>(mut self, key: &K::Key) -> Result<(), Attempt>
    where
        Records: Holds<K>,
    {
        if self.is_staged() {
            self.expect::<K>(key);
            self.commit().await?;
            return Ok(());
        }
        self.confirm_all(|stored| stored.expected::<K>(key)).await
    }

    /// Confirms that the store still has what `read` returns.
    pub(crate) async fn confirm_all<T: PartialEq>(
        self,
        read: impl Fn(&Stored) -> T,
    ) -> Result<(), Attempt> {
        if self.is_staged() {
            return Ok(());
        }
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
        Ok(self.commit_seen().await?.0)
    }

    /// Like [`commit`](Self::commit), and returns the next snapshot as well.
    pub(crate) async fn commit_seen(self) -> Result<(Revision, Arc<Snapshot>), CommitError> {
        let Self {
            engine,
            stored,
            batch,
            subjects,
            staging,
            ..
        } = self;
        match staging {
            Some(staging) => staging.add(engine, stored, batch, subjects),
            None => {
                let revision = engine.write(stored, batch, subjects).await?.announce();
                Ok((revision, engine.snapshot.load_full()))
            }
        }
    }

    /// Commits, and publishes the next snapshot. Not for changes that [can be staged](Change::can_be_staged).
    pub(crate) async fn write(self) -> Result<Written<'a>, CommitError> {
        if self.is_staged() {
            let problem = "a change with an effect besides its commit was staged".to_owned();
            return Err(BackendError::InvalidBatch(problem).into());
        }
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

    /// Sends the events of several changes: of each, its records with its number of lines.
    pub(super) fn announce_each(self, changes: &[(BTreeSet<RecordId>, usize)]) -> Revision {
        let mut lines = self.lines.as_slice();
        for (subjects, count) in changes {
            let (own, rest) = lines.split_at((*count).min(lines.len()));
            self.engine
                .announce(self.stored, subjects, own, self.revision);
            lines = rest;
        }
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
