//! Reverts a change that the audit log describes.

use serde::de::DeserializeOwned;
use serde_json::Value;
use uuid::Uuid;
use waygate_core::{
    model::{AuditEntry, ConcurrencyPolicy, GlobalMaintenance, RateLimitPolicy, RouteState},
    port::AuditQuery,
};

use super::{
    ChangeError, Operator,
    limits::LimitCommand,
    maintenance::MaintenanceRestore,
    precondition::Precondition,
    revert_error::RevertError,
    revert_subject::{Subject, deletes},
    route_change::RouteRestore,
};

/// The most entries of a subject that are searched for later changes.
const MOST: usize = 1_000;

impl Operator {
    /// Reverts the change of an entry of the audit log: restores what it changed to the state before it, as a new change
    /// with its own entry, which [names](AuditEntry::reverts) the old one. Returns the entry that was reverted.
    ///
    /// ```
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
    /// use waygate::{Waygate, audit::AuditQuery};
    /// # use waygate::model::RouteState;
    ///
    /// let waygate = Waygate::builder().build().await?;
    /// # waygate.register("GET:/payments".parse()?, RouteState::default()).await?;
    /// let system = waygate.system();
    /// system.disable("GET:/payments", "by mistake").await?;
    /// let disabled = waygate.audit(AuditQuery::newest(1)).await?.remove(0);
    /// system.revert(disabled.id).await?;
    /// assert_eq!(waygate.route("GET:/payments")?.view.status.as_str(), "active");
    /// let reverted = waygate.audit(AuditQuery::newest(1)).await?.remove(0);
    /// assert_eq!(reverted.reverts, Some(disabled.id));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// Returns a [`ChangeError`] on failure, in which case nothing is changed: a [`RevertError`] if there is no such
    /// entry, if it cannot be reverted, such as a login, or if there was a later change.
    pub async fn revert(&self, entry: Uuid) -> Result<AuditEntry, ChangeError> {
        self.revert_entry(entry, false).await
    }

    /// Like [`revert`](Self::revert), even if what the entry changed was changed again, which is lost.
    ///
    /// # Errors
    /// Returns a [`ChangeError`] on failure, in which case nothing is changed.
    ///
    /// ```
    /// # async fn undo(waygate: &waygate::Waygate, entry: waygate::audit::Uuid) -> Result<(), waygate::ChangeError> {
    /// let reverted = waygate.system().revert_anyway(entry).await?;
    /// println!("{} of {} is undone", reverted.action, reverted.path);
    /// # Ok(())
    /// # }
    /// ```
    pub async fn revert_anyway(&self, entry: Uuid) -> Result<AuditEntry, ChangeError> {
        self.revert_entry(entry, true).await
    }

    pub(crate) async fn revert_entry(
        &self,
        id: Uuid,
        force: bool,
    ) -> Result<AuditEntry, ChangeError> {
        let found = self
            .waygate
            .audit(AuditQuery::newest(1).id(id))
            .await?
            .pop();
        let entry = found.ok_or(RevertError::NoEntry(id))?;
        let subject = Subject::of(&entry).map_err(|problem| not_revertible(&entry, problem))?;
        let mut operator = self.clone();
        operator.by.reverts = Some(id);
        let is_free = operator.by.expected == Precondition::None;
        if !force {
            let later = self.later(&entry, &subject).await?;
            // Later changes may have been reverted themselves.
            let newest = later.first().unwrap_or(&entry);
            let is_same = deletes(newest) == deletes(&entry) && newest.new == entry.new;
            let number = if deletes(newest) { 0 } else { newest.revision };
            if !is_same {
                return Err(changed_since(&entry, later.into_iter().last()));
            }
            let unchanged = Precondition::Number(number);
            let own = std::mem::take(&mut operator.by.expected);
            operator.by.expected = match own {
                Precondition::None => unchanged,
                own => Precondition::Both(Box::new(own), Box::new(unchanged)),
            };
        }
        match operator.restore_before(&entry, subject).await {
            Err(ChangeError::Conflict { .. }) if is_free => Err(changed_since(&entry, None)),
            outcome => outcome.map(|()| entry),
        }
    }

    /// The changes of the subject after an entry, newest first.
    async fn later(
        &self,
        entry: &AuditEntry,
        subject: &Subject,
    ) -> Result<Vec<AuditEntry>, ChangeError> {
        let query = AuditQuery::newest(MOST).path(&entry.path);
        let newest = self.waygate.audit(query).await?.into_iter();
        let since = newest.take_while(|other| other.id != entry.id);
        let changes = since.filter(|other| Subject::of(other).as_ref() == Ok(subject));
        Ok(changes.collect())
    }

    async fn restore_before(
        &self,
        entry: &AuditEntry,
        subject: Subject,
    ) -> Result<(), ChangeError> {
        let reason = format!("revert of {}", entry.id);
        match subject {
            Subject::Route(key) => {
                let state = required::<RouteState>(entry)?;
                drop(self.make(RouteRestore { key, state, reason }).await?);
            }
            Subject::Maintenance(scope) => {
                let maintenance = required::<GlobalMaintenance>(entry)?;
                let change = MaintenanceRestore {
                    scope,
                    maintenance,
                    reason,
                };
                drop(self.make(change).await?);
            }
            Subject::Rate(key) => {
                let declared = self.waygate.inner.snapshot.load();
                let declared = declared.declared_limit(&key).cloned();
                match previous::<RateLimitPolicy>(entry)? {
                    Some(policy) if Some(&policy) != declared.as_ref() => {
                        let command = LimitCommand::Set(Box::new(policy));
                        drop(self.change_rate_limit(key, command).await?);
                    }
                    _ => drop(self.delete_rate_limit(key).await?),
                }
            }
            Subject::Concurrency(key) => {
                let declared = self.waygate.inner.snapshot.load();
                let declared = declared.declared_concurrency(&key).cloned();
                match previous::<ConcurrencyPolicy>(entry)? {
                    Some(policy) if Some(&policy) != declared.as_ref() => {
                        drop(self.set_concurrency_limit(key, policy).await?);
                    }
                    _ => drop(self.delete_concurrency_limit(key).await?),
                }
            }
            #[cfg(feature = "admin")]
            Subject::Announcement(name) => {
                let value = previous(entry)?;
                self.change_setting::<super::kinds::Announcements>(name, value)
                    .await?;
            }
            #[cfg(feature = "flags")]
            Subject::Flag(key) => {
                let version = super::FlagVersion::Previous;
                match entry.previous {
                    Some(_) => drop(
                        self.revert_flag(&key, &entry.id.to_string(), version)
                            .await?,
                    ),
                    None => self.delete_flag(&key).await?,
                }
            }
            #[cfg(feature = "flags")]
            Subject::Segment(key) => {
                let version = super::FlagVersion::Previous;
                match entry.previous {
                    Some(_) => {
                        drop(
                            self.revert_segment(&key, &entry.id.to_string(), version)
                                .await?,
                        );
                    }
                    None => self.delete_segment(&key).await?,
                }
            }
        }
        Ok(())
    }
}

/// The value before the change; `None` if there was none.
fn previous<T: DeserializeOwned>(entry: &AuditEntry) -> Result<Option<T>, ChangeError> {
    let read = |value: &Value| T::deserialize(value);
    let value = entry.previous.as_ref().map(read).transpose();
    value.map_err(|error| {
        let problem = format!("the state before it cannot be read: {error}");
        not_revertible(entry, problem).into()
    })
}

fn required<T: DeserializeOwned>(entry: &AuditEntry) -> Result<T, ChangeError> {
    previous(entry)?.ok_or_else(|| {
        let problem = "the log does not have the state before it".to_owned();
        not_revertible(entry, problem).into()
    })
}

fn not_revertible(entry: &AuditEntry, problem: String) -> RevertError {
    RevertError::NotRevertible {
        entry: entry.id,
        action: entry.action.clone(),
        path: entry.path.clone(),
        problem,
    }
}

fn changed_since(entry: &AuditEntry, by: Option<AuditEntry>) -> ChangeError {
    let error = RevertError::ChangedSince {
        entry: entry.id,
        path: entry.path.clone(),
        by: by.map(Box::new),
    };
    error.into()
}
