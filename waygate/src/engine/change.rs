use std::sync::Arc;

use serde::Serialize;
use serde_json::Value;
use uuid::Uuid;
use waygate_core::{
    Timestamp,
    model::{Action, AuditEntry, Dropped, Origin, RouteKey, RouteOverride},
    port::{Batch, CommitError, EntityKey},
    transition::{Refused, RouteCommand, transition},
};

use super::{
    ChangeError, Inner, ResolveError, RouteRecord, error,
    publish::Touched,
    record,
    scheduler::Timed,
    stored::{Schedule, Stored, kind},
};

/// Without an expected revision, a lost race is run again this often before the caller hears of it.
const ATTEMPTS: usize = 16;

/// Who changes something, and what they believe it is.
#[derive(Debug, Clone)]
pub(crate) struct By {
    pub(crate) origin: Origin,
    pub(crate) expected: Option<u64>,
}

/// A change that can be tried again on a fresh picture of the store.
pub(crate) trait Change: Send + Sync {
    /// What it leaves.
    type Done: Send;

    /// What is changed, for messages.
    fn subject(&self) -> String;

    /// Tries it once.
    fn attempt(
        &self,
        inner: &Inner,
        stored: &mut Stored,
        by: &By,
    ) -> impl Future<Output = Result<Self::Done, Attempt>> + Send;
}

/// A command on one route.
pub(crate) struct RouteChange {
    pub(crate) key: RouteKey,
    pub(crate) command: RouteCommand,
}

impl Change for RouteChange {
    type Done = RouteRecord;

    fn subject(&self) -> String {
        self.key.to_string()
    }

    async fn attempt(
        &self,
        inner: &Inner,
        stored: &mut Stored,
        by: &By,
    ) -> Result<RouteRecord, Attempt> {
        inner.try_route(stored, &self.key, &self.command, by).await
    }
}

/// Forgets a stored route that the code no longer has.
pub(crate) struct Purge(pub(crate) RouteKey);

impl Change for Purge {
    type Done = ();

    fn subject(&self) -> String {
        self.0.to_string()
    }

    async fn attempt(&self, inner: &Inner, stored: &mut Stored, by: &By) -> Result<(), Attempt> {
        inner.try_purge(stored, &self.0, by).await
    }
}

impl Inner {
    /// Tries a change until it comes to an end.
    pub(crate) async fn make<C: Change>(
        self: Arc<Self>,
        change: C,
        by: By,
    ) -> Result<C::Done, ChangeError> {
        let mut stored = self.stored.lock().await;
        for _ in 0..ATTEMPTS {
            let attempt = change.attempt(&self, &mut stored, &by).await;
            if let Some(outcome) = self.settle(&mut stored, attempt, &by).await {
                return outcome;
            }
        }
        let what = change.subject();
        let cause = format!("`{what}` was changed by others {ATTEMPTS} times in a row");
        Err(waygate_core::port::BackendError::Unavailable(cause).into())
    }

    async fn try_route(
        &self,
        stored: &mut Stored,
        key: &RouteKey,
        command: &RouteCommand,
        by: &By,
    ) -> Result<RouteRecord, Attempt> {
        let snapshot = self.snapshot.load_full();
        let slot = snapshot.table.resolve(key).map_err(ChangeError::from)?;
        let gone = || ResolveError::unlike_any(key);
        let route = snapshot
            .table
            .route(slot)
            .ok_or_else(|| ChangeError::from(gone()))?;
        let current = snapshot
            .slot(slot)
            .ok_or_else(|| ChangeError::from(gone()))?;
        check_expected(route.key.as_str(), by.expected, current.revision)?;
        if snapshot.table.is_protected(slot) {
            let key = route.key.clone();
            return Err(ChangeError::Protected { key }.into());
        }
        let now = self.clock.now();
        let next = transition(&current.state, &route.declared, command, now)
            .map_err(|refused| refuse(&route.key, refused))?;
        let may_be_idle = matches!(
            command,
            RouteCommand::CancelSchedule { .. } | RouteCommand::EndMaintenance { .. }
        );
        if may_be_idle && next == current.state {
            return record::of_slot(&snapshot, slot, now)
                .ok_or_else(|| ChangeError::from(gone()).into());
        }
        let entity = EntityKey::of(kind::ROUTE, &route.key);
        let mut batch = Batch::default();
        batch
            .expected
            .push((entity.clone(), stored.expected_route(&route.key)));
        let timed = Timed::Route(route.key.clone());
        timed.follow(&mut batch, stored, &current.state, &next, now);
        let dropped = Dropped::between(&current.state, &next, now);
        let entry = AuditEntry {
            service: route.key.service().map(str::to_owned),
            previous_status: Some(current.state.status(now)),
            new_status: Some(next.status(now)),
            previous: Some(json(&current.state)),
            new: Some(json(&next)),
            dropped: (!dropped.is_empty()).then(|| json(&dropped)),
            ..entry(&by.origin, command.action(), route.key.as_str(), now)
        };
        batch.audit.push(AuditEntry {
            reason: command.audit_reason(),
            ..entry
        });
        // Without a record of its own, it would be closed for one that cannot be read.
        if matches!(command, RouteCommand::Reset) && !stored.is_in_doubt(&route.key) {
            batch.deletes.push(entity);
        } else {
            let value = RouteOverride {
                state: next,
                declared: route.declared.clone(),
            };
            batch.puts.push((entity, json(&value)));
        }
        let audit = batch.audit.clone();
        let revision = self.commit(stored, batch).await?;
        self.publish_next(stored, &Touched::slot(slot));
        let snapshot = self.snapshot.load();
        for line in audit {
            let line = AuditEntry {
                revision: revision.number,
                ..line
            };
            self.send_route(&snapshot, slot, Some(Box::new(line)));
        }
        let record = record::of_slot(&snapshot, slot, now);
        record
            .map(|record| RouteRecord { dropped, ..record })
            .ok_or_else(|| ChangeError::from(gone()).into())
    }

    async fn try_purge(&self, stored: &mut Stored, key: &RouteKey, by: &By) -> Result<(), Attempt> {
        if self.snapshot.load().table.exact(key).is_some() {
            let key = key.to_string();
            return Err(ChangeError::from(ResolveError::NotOrphaned { key }).into());
        }
        let now = self.clock.now();
        let Some(known) = record::orphan(stored, key, now) else {
            return Err(ChangeError::from(ResolveError::unlike_any(key)).into());
        };
        check_expected(key.as_str(), by.expected, known.revision.number)?;
        let entity = EntityKey::of(kind::ROUTE, key);
        // What still limits a method of a route for all of them stays.
        let is_met = self.snapshot.load().table.limited(key).is_some();
        let limits = match is_met {
            true => Vec::new(),
            false => stored.limits_of_route(key),
        };
        let mut deletes = vec![entity.clone(), Timed::Route(key.clone()).entity()];
        deletes.extend(limits.iter().map(|(entity, _)| entity.clone()));
        let mut expected = vec![(entity, stored.expected_route(key))];
        expected.extend(limits);
        let line = AuditEntry {
            service: key.service().map(str::to_owned),
            previous: Some(json(&known.state)),
            ..entry(&by.origin, Action::Purge, key.as_str(), now)
        };
        let batch = Batch {
            expected,
            deletes,
            audit: vec![line.clone()],
            ..Batch::default()
        };
        let revision = self.commit(stored, batch).await?;
        let table = &self.snapshot.load().table;
        self.publish_next(stored, &Touched::route(key, table));
        let audit = AuditEntry {
            revision: revision.number,
            ..line
        };
        self.send_purged(key, revision, Some(Box::new(audit)));
        Ok(())
    }

    /// What follows from an attempt: an outcome, or another attempt on a fresh picture of the store.
    async fn settle<T>(
        &self,
        stored: &mut Stored,
        attempt: Result<T, Attempt>,
        by: &By,
    ) -> Option<Result<T, ChangeError>> {
        match attempt {
            Ok(done) => Some(Ok(done)),
            Err(Attempt::Failed(error)) => Some(Err(error)),
            Err(Attempt::Commit(CommitError::Conflict {
                key,
                expected,
                found,
            })) => {
                if let Err(error) = self.reload(stored).await {
                    return Some(Err(error.into()));
                }
                by.expected.map(|_| {
                    let (expected, found) = (error::number(expected), error::number(found));
                    Err(ChangeError::Conflict {
                        what: key.to_string(),
                        expected,
                        found,
                    })
                })
            }
            // The engine has taken over the new store, as it was told to.
            Err(Attempt::Commit(CommitError::Replaced { .. })) => None,
            Err(Attempt::Commit(CommitError::Backend(error))) => Some(Err(error.into())),
            Err(Attempt::Commit(other)) => {
                let cause = waygate_core::port::BackendError::Unavailable(other.to_string());
                Some(Err(cause.into()))
            }
        }
    }
}

/// Why an attempt did not succeed.
pub(crate) enum Attempt {
    Failed(ChangeError),
    Commit(CommitError),
}

impl From<ChangeError> for Attempt {
    fn from(error: ChangeError) -> Self {
        Self::Failed(error)
    }
}

impl From<waygate_core::port::CounterError> for Attempt {
    fn from(error: waygate_core::port::CounterError) -> Self {
        Self::Failed(error.into())
    }
}

impl From<CommitError> for Attempt {
    fn from(error: CommitError) -> Self {
        Self::Commit(error)
    }
}

pub(crate) fn check_expected(
    what: &str,
    expected: Option<u64>,
    found: u64,
) -> Result<(), ChangeError> {
    match expected {
        Some(expected) if expected != found => Err(ChangeError::Conflict {
            what: what.to_owned(),
            expected,
            found,
        }),
        _ => Ok(()),
    }
}

fn refuse(key: &RouteKey, refused: Refused) -> ChangeError {
    let key = key.clone();
    match refused {
        Refused::ForceActive => ChangeError::Protected { key },
        refused => ChangeError::Refused { key, refused },
    }
}

/// A line for the audit log, to be completed.
pub(crate) fn entry(origin: &Origin, action: Action, path: &str, now: Timestamp) -> AuditEntry {
    AuditEntry {
        id: Uuid::new_v4(),
        timestamp: now,
        path: path.to_owned(),
        service: None,
        action,
        actor: origin.actor.clone(),
        platform: origin.platform.clone(),
        reason: String::new(),
        previous_status: None,
        new_status: None,
        revision: 0,
        previous: None,
        new: None,
        dropped: None,
    }
}

/// Our own models always have a JSON form.
pub(crate) fn json(value: &impl Serialize) -> Value {
    serde_json::to_value(value).unwrap_or_default()
}

/// The entity that says up to when a route's transitions have been told.
pub(crate) fn schedule_value(told_until: Timestamp) -> Value {
    json(&Schedule { told_until })
}
