use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use redis::{Cmd, Value};
use tokio::time::{Instant, sleep, timeout};
use uuid::Uuid;
use waygate_core::{
    model::{AuditEntry, Epoch, Revision},
    port::{AuditQuery, BackendError, Batch, CommitError, Expected, Image},
};

use super::{
    audit_query,
    layout::{Layout, audit_line},
    reply::{self, failed},
};
use crate::redis::{
    RedisOptions,
    link::{Link, LinkError, LinkState, Script},
};

/// The timeout of the store. No request waits for it.
const DEADLINE: Duration = Duration::from_secs(5);
/// The time that a call waits for the first connection.
const PATIENCE: Duration = Duration::from_millis(800);
/// The time that a commit without a reply waits for another connection, to retry.
const SECOND_CHANCE: Duration = Duration::from_secs(2);
/// The number of commits that are recognized when they are sent again.
const REMEMBERED: usize = 256;

/// The scripts and their keys.
#[derive(Debug)]
pub(super) struct Store {
    pub(super) link: Link,
    pub(super) layout: Layout,
    load: Script,
    commit: Script,
    audit: Script,
    probe: Script,
    /// The epoch that this process gives to an empty store.
    first_epoch: Mutex<Epoch>,
    /// A recently loaded image.
    known: Mutex<Option<Arc<Known>>>,
}

/// An image, and the id of the commit that created it. A revision is not enough: after a split, two servers may each
/// have used the same number.
#[derive(Debug)]
struct Known {
    commit: String,
    image: Image,
}

impl Store {
    pub(super) fn new(options: RedisOptions) -> Self {
        // The deadline of a request is too short for the whole state. A deadline of 0 is a mistake, which the check
        // reports.
        let options = match options.deadline {
            Duration::ZERO => options,
            deadline => options.deadline(deadline.max(Duration::from_millis(500))),
        };
        Self {
            layout: Layout::new(&options.prefix),
            link: Link::open(options),
            load: Script::new(include_str!("lua/load.lua")),
            commit: Script::new(include_str!("lua/commit.lua")),
            audit: Script::new(include_str!("lua/audit.lua")),
            probe: Script::new("return redis.call('SET', KEYS[1], 1, 'PX', 1000)"),
            first_epoch: Mutex::new(Epoch::random()),
            known: Mutex::new(None),
        }
    }

    pub(super) async fn load(&self) -> Result<Image, BackendError> {
        let known = lock(&self.known).clone();
        let arguments = |command: &mut Cmd| {
            let layout = &self.layout;
            command.arg(2).arg(&layout.meta).arg(&layout.entities);
            command.arg(known.as_ref().map_or("", |known| &known.commit));
        };
        let answer = self.script(&self.load, arguments).await?;
        let loaded =
            reply::loaded(answer).ok_or_else(|| self.misunderstood("expected the state"))?;
        let Some(loaded) = loaded.transpose()? else {
            return Ok(Image::empty(self.first_epoch()));
        };
        // An unconfirmed commit of this process.
        self.use_up(loaded.revision.epoch);
        let known = match (loaded.entities, known) {
            (Some(entities), _) => Arc::new(Known {
                commit: loaded.commit,
                image: Image::new(loaded.revision, entities),
            }),
            (None, Some(known)) => known,
            (None, None) => return Err(self.misunderstood("expected the state")),
        };
        *lock(&self.known) = Some(known.clone());
        Ok(known.image.clone())
    }

    /// Returns the revision of the store.
    pub(super) async fn revision(&self) -> Result<Revision, BackendError> {
        let mut command = redis::cmd("HMGET");
        command.arg(&self.layout.meta).arg("epoch").arg("revision");
        let answer = self.link.call(&command, DEADLINE).await.map_err(failed)?;
        match redis::from_redis_value(answer) {
            Ok((Some(epoch), Some(number))) => {
                let (epoch, number): (String, String) = (epoch, number);
                let revision = reply::revision(&epoch, &number);
                revision.ok_or_else(|| self.misunderstood("expected the revision"))
            }
            Ok((None, _)) => Ok(Image::empty(self.first_epoch()).revision),
            _ => Err(self.misunderstood("expected the revision")),
        }
    }

    pub(super) async fn commit(
        &self,
        batch: &Batch,
        terms: Terms,
    ) -> Result<Revision, CommitError> {
        batch.check()?;
        let commit = Commit::new(batch, self.first_epoch(), terms)?;
        self.reach().await?;
        let (answer, replicas) = match self.send(&commit, DEADLINE).await {
            // The commit may have been made. Its id prevents it from being made twice.
            Err(LinkError::Unavailable(cause)) => {
                let again = self.send_again(&commit).await;
                again.ok_or_else(|| CommitError::Unconfirmed(cause.to_string()))?
            }
            answer => answer.map_err(failed)?,
        };
        let outcome = reply::committed(answer, batch);
        let revision = outcome.ok_or_else(|| self.misunderstood("a commit"))??;
        self.use_up(revision.epoch);
        match terms.replicas {
            Some((due, _)) if replicas < due => Err(CommitError::Unconfirmed(format!(
                "the master has it, but only {replicas} of {due} replicas"
            ))),
            _ => Ok(revision),
        }
    }

    /// Returns the reply of the script, and the number of replicas that have the write.
    async fn send(
        &self,
        commit: &Commit<'_>,
        deadline: Duration,
    ) -> Result<(Value, u32), LinkError> {
        let arguments = |command: &mut Cmd| commit.write(command, &self.layout);
        let Some((replicas, timeout)) = commit.terms.replicas else {
            let answer = self.link.script(&self.commit, arguments, deadline).await?;
            return Ok((answer, 0));
        };
        let mut wait = redis::cmd("WAIT");
        wait.arg(replicas).arg(timeout.as_millis() as u64);
        let [answer, waited] = self
            .link
            .script_and(&self.commit, arguments, &wait, deadline)
            .await?;
        // A refused wait counts as no replica.
        Ok((answer, redis::from_redis_value(waited).unwrap_or(0)))
    }

    async fn send_again(&self, commit: &Commit<'_>) -> Option<(Value, u32)> {
        let until = Instant::now() + SECOND_CHANCE;
        loop {
            // Without a connection, this fails immediately and triggers the next attempt to connect sooner.
            match self.send(commit, SECOND_CHANCE).await {
                Err(LinkError::Unavailable(_)) if Instant::now() < until => {
                    sleep(Duration::from_millis(20)).await;
                }
                answer => return answer.ok(),
            }
        }
    }

    pub(super) async fn audit(&self, query: &AuditQuery) -> Result<Vec<AuditEntry>, BackendError> {
        let arguments = |command: &mut Cmd| {
            command.arg(1).arg(&self.layout.audit);
            audit_query::write(query, audit_query::Answer::Page, command);
        };
        let answer = self.script(&self.audit, arguments).await?;
        reply::page(answer).ok_or_else(|| self.misunderstood("the audit log"))?
    }

    /// Writes the lines, and removes the oldest. A failed call may have done the first only.
    pub(super) async fn append_facts(
        &self,
        lines: &[String],
        keep: usize,
    ) -> Result<(), BackendError> {
        self.reach().await?;
        let mut push = redis::cmd("LPUSH");
        push.arg(&self.layout.facts).arg(lines);
        self.link.call(&push, DEADLINE).await.map_err(failed)?;
        let mut trim = redis::cmd("LTRIM");
        trim.arg(&self.layout.facts).arg(0).arg(keep.max(1) - 1);
        self.link.call(&trim, DEADLINE).await.map_err(failed)?;
        Ok(())
    }

    pub(super) async fn facts(&self, limit: usize) -> Result<Vec<String>, BackendError> {
        if limit == 0 {
            return Ok(Vec::new());
        }
        self.reach().await?;
        let mut range = redis::cmd("LRANGE");
        range.arg(&self.layout.facts).arg(0).arg(limit - 1);
        let answer = self.link.call(&range, DEADLINE).await.map_err(failed)?;
        let lines = redis::from_redis_value(answer);
        lines.map_err(|_| self.misunderstood("expected a list of facts"))
    }

    pub(super) async fn count_audit(&self, query: &AuditQuery) -> Result<usize, BackendError> {
        let arguments = |command: &mut Cmd| {
            command.arg(1).arg(&self.layout.audit);
            audit_query::write(query, audit_query::Answer::Count, command);
        };
        let answer = self.script(&self.audit, arguments).await?;
        let count = redis::from_redis_value(answer);
        count.map_err(|_| self.misunderstood("the length of the audit log"))
    }

    pub(super) async fn health(&self) -> Result<(), BackendError> {
        let arguments = |command: &mut Cmd| {
            command.arg(1).arg(&self.layout.probe);
        };
        self.script(&self.probe, arguments).await.map(drop)
    }

    async fn script(
        &self,
        script: &Script,
        arguments: impl Fn(&mut Cmd),
    ) -> Result<Value, BackendError> {
        self.reach().await?;
        let answer = self.link.script(script, arguments, DEADLINE).await;
        answer.map_err(failed)
    }

    /// Fails early if there is no connection and none is expected soon.
    async fn reach(&self) -> Result<(), BackendError> {
        let mut states = self.link.watch();
        let tried = states.wait_for(|state| !matches!(state, LinkState::Connecting));
        let state = timeout(PATIENCE, tried).await;
        match state.map(|state| state.map(|state| state.clone())) {
            Ok(Ok(LinkState::Down(error))) => Err(failed(error)),
            Ok(_) => Ok(()),
            Err(_) => Err(BackendError::Unavailable(format!(
                "no connection to Redis within {} ms",
                PATIENCE.as_millis()
            ))),
        }
    }

    fn first_epoch(&self) -> Epoch {
        *lock(&self.first_epoch)
    }

    /// Excludes an epoch that an emptied store has had.
    fn use_up(&self, epoch: Epoch) {
        let mut next = lock(&self.first_epoch);
        if *next == epoch {
            *next = Epoch::random();
        }
    }

    fn misunderstood(&self, what: &str) -> BackendError {
        failed(self.link.misunderstood(what))
    }
}

/// Conditions of every commit.
#[derive(Debug, Clone, Copy)]
pub(super) struct Terms {
    pub(super) audit_capacity: usize,
    /// The number of replicas that must have the commit, and the time for this.
    pub(super) replicas: Option<(u32, Duration)>,
}

/// A batch in the form of the script.
struct Commit<'a> {
    id: String,
    first_epoch: Epoch,
    batch: &'a Batch,
    terms: Terms,
    puts: Vec<String>,
    lines: Vec<String>,
}

impl<'a> Commit<'a> {
    fn new(batch: &'a Batch, first_epoch: Epoch, terms: Terms) -> Result<Self, BackendError> {
        let lines = batch.audit.iter().map(audit_line).collect::<Result<_, _>>();
        Ok(Self {
            id: Uuid::new_v4().simple().to_string(),
            first_epoch,
            batch,
            terms,
            puts: batch
                .puts
                .iter()
                .map(|(_, value)| value.to_string())
                .collect(),
            lines: lines.map_err(|error| BackendError::InvalidBatch(error.to_string()))?,
        })
    }

    fn write(&self, command: &mut Cmd, layout: &Layout) {
        let (batch, epoch) = (self.batch, self.batch.expected_epoch);
        command.arg(4).arg(&layout.meta).arg(&layout.entities);
        command.arg(&layout.audit).arg(&layout.commits);
        command.arg(&self.id).arg(self.first_epoch.to_string());
        command.arg(epoch.map(|epoch| epoch.to_string()).unwrap_or_default());
        command.arg(&layout.changes);
        let capacity = self.terms.audit_capacity.min(u32::MAX as usize);
        command.arg(capacity).arg(REMEMBERED);
        command.arg(batch.expected.len()).arg(batch.puts.len());
        command.arg(batch.deletes.len()).arg(batch.audit.len());
        let keep_from = batch.keep_audit_from;
        command.arg(keep_from.map(|from| from.to_string()).unwrap_or_default());
        let bound = self.terms.audit_capacity.saturating_mul(Batch::KEPT_FACTOR);
        command.arg(bound.min(u32::MAX as usize));
        for (key, expected) in &batch.expected {
            let revision = match expected {
                Expected::Absent => String::new(),
                Expected::Revision(number) => number.to_string(),
            };
            command.arg(key.as_str()).arg(revision);
        }
        for ((key, _), value) in batch.puts.iter().zip(&self.puts) {
            command.arg(key.as_str()).arg(value);
        }
        for key in &batch.deletes {
            command.arg(key.as_str());
        }
        for line in &self.lines {
            command.arg(line);
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // No code that may panic runs under these locks.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
