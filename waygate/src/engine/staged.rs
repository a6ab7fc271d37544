//! Changes on a copy of the state: to plan them, or to commit several as one.

use std::{fmt, sync::Arc};

use tokio::sync::Mutex;
#[cfg(feature = "admin")]
use waygate_core::Printable;
use waygate_core::{model::Revision, port::CommitError};

#[cfg(feature = "admin")]
use super::Waygate;
use super::{
    ChangeError, Inner,
    make::settle,
    staging::Staging,
    stored::Stored,
    tx::{Attempt, By, Change, Tx},
};

/// A copy of the state, and the changes that were made to it.
#[derive(Debug, Clone)]
pub(crate) struct Staged {
    stored: Stored,
    pub(super) staging: Staging,
}

impl Staged {
    /// Copies the current state, for changes that will not be committed if `is_dry`.
    pub(super) async fn new(engine: &Inner, is_dry: bool) -> Self {
        let stored = engine.stored.lock().await.clone();
        let snapshot = engine.snapshot.load_full();
        Self {
            stored,
            staging: Staging::new(snapshot, is_dry),
        }
    }

    /// Returns `true` if a change was attempted, even one without effect.
    #[cfg(feature = "admin")]
    pub(crate) fn is_used(&self) -> bool {
        self.staging.attempts > 0
    }

    /// The commit that the copy was made of.
    pub(crate) fn base(&self) -> Revision {
        self.staging.before.revision
    }

    #[cfg(all(feature = "admin", feature = "webhooks"))]
    pub(super) fn stored(&self) -> &Stored {
        &self.stored
    }

    async fn make<C: Change>(
        &mut self,
        engine: &Inner,
        change: &C,
        by: &By,
    ) -> Result<C::Done, ChangeError> {
        let Self { stored, staging } = self;
        staging.attempts += 1;
        let tx = Tx::staged(engine, stored, by, staging);
        let outcome = settle(change.attempt(tx).await);
        let overtaken = || ChangeError::Contended {
            what: change.subject(),
        };
        outcome.unwrap_or_else(|| Err(overtaken()))
    }
}

impl Inner {
    /// Commits the changes of a copy. Fails if one of its records was changed in the meantime.
    pub(super) async fn commit_staged(&self, staged: Staged) -> Result<Revision, Attempt> {
        let mut stored = self.stored.lock().await;
        let base = staged.base();
        if staged.staging.is_empty() {
            self.reload(&mut stored).await.map_err(CommitError::from)?;
            return match stored.revision == base {
                true => Ok(base),
                false => Err(Attempt::Behind),
            };
        }
        let (batch, changes) = staged.staging.into_batch();
        let subjects = changes.iter().flat_map(|(subjects, _)| subjects.clone());
        let written = self.write(&mut stored, batch, subjects.collect()).await?;
        Ok(written.announce_each(&changes))
    }
}

/// A copy that an operator shares with its clones, until the changes end.
#[derive(Clone)]
pub(crate) struct StagedHandle {
    cell: Arc<Mutex<Option<Staged>>>,
    /// `true` if the changes will not be committed.
    pub(super) is_dry: bool,
}

impl fmt::Debug for StagedHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let debug = &mut f.debug_struct("StagedHandle");
        debug.field("is_dry", &self.is_dry).finish_non_exhaustive()
    }
}

impl StagedHandle {
    pub(super) fn new(staged: Staged, is_dry: bool) -> Self {
        Self {
            cell: Arc::new(Mutex::new(Some(staged))),
            is_dry,
        }
    }

    /// Copies the current state of the store, for changes that will not be committed.
    #[cfg(feature = "admin")]
    pub(crate) async fn dry(waygate: &Waygate) -> Self {
        let inner = &waygate.inner;
        // Without the store, the plan is based on the last known state.
        if let Err(error) = inner.refresh().await {
            tracing::debug!(error = %Printable(&error), "a change is planned without the store");
        }
        Self::new(Staged::new(inner, true).await, true)
    }

    /// Makes a change on the copy.
    pub(super) async fn make<C: Change>(
        &self,
        engine: &Inner,
        change: &C,
        by: &By,
    ) -> Result<C::Done, ChangeError> {
        let refused = |problem| ChangeError::NotStaged {
            what: change.subject(),
            problem,
        };
        if !change.can_be_staged() {
            return Err(refused("it takes effect outside the store"));
        }
        match &mut *self.cell.lock().await {
            Some(staged) => staged.make(engine, change, by).await,
            None => Err(refused("the batch that its operator belongs to is over")),
        }
    }

    /// The current copy; `None` after the end.
    pub(super) async fn copy(&self) -> Option<Staged> {
        self.cell.lock().await.clone()
    }

    /// Undoes the changes since this copy.
    pub(super) async fn restore(&self, copy: Option<Staged>) {
        let mut cell = self.cell.lock().await;
        if cell.is_some() {
            *cell = copy;
        }
    }

    /// Ends the changes.
    pub(crate) async fn take(&self) -> Option<Staged> {
        self.cell.lock().await.take()
    }
}
