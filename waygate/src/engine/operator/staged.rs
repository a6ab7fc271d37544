//! Changes that are only planned, and several changes as one.

use uuid::Uuid;
use waygate_core::model::Revision;

use super::Operator;
#[cfg(feature = "admin")]
use crate::engine::Precondition;
use crate::engine::{
    ChangeError,
    make::{ATTEMPTS, pause, settle},
    plan::{DryRun, planned},
    staged::{Staged, StagedHandle},
};

impl Operator {
    /// Plans changes without making them: nothing is written, and no event is sent. The operator in the closure checks
    /// each change as it would be checked now, on the state that the changes before it would leave. The closure runs
    /// again if this process was behind the store.
    ///
    /// ```
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
    /// use waygate::Waygate;
    /// # use waygate::model::RouteState;
    ///
    /// let waygate = Waygate::builder().build().await?;
    /// # waygate.register("GET:/payments".parse()?, RouteState::default()).await?;
    /// let system = waygate.system();
    /// let dry = system.dry_run(|dry| async move { dry.disable("GET:/payments", "incident 12").await }).await?;
    /// assert_eq!(dry.plan.routes[0].after.http_status, Some(503));
    /// assert_eq!(dry.value.view.status.as_str(), "disabled");
    /// assert_eq!(waygate.route("GET:/payments")?.view.status.as_str(), "active");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// Returns the [`ChangeError`] of the change that would fail, or [`ChangeError::NotStaged`] for one that cannot be
    /// planned: a reset of the counter of one key, or a reseed of the store.
    pub async fn dry_run<T, F>(&self, changes: impl Fn(Self) -> F) -> Result<DryRun<T>, ChangeError>
    where
        F: Future<Output = Result<T, ChangeError>>,
    {
        let (value, staged, _) = self.stage(true, &changes).await?;
        let plan = planned(&self.waygate, &staged);
        Ok(DryRun { value, plan })
    }

    /// Makes several changes as one commit: all or none. Each change is made on the state that the changes before it
    /// leave, and each has its own entries in the audit log, which share a [`batch`]. The operator in the closure
    /// collects the changes; the closure may run again if another client was faster, so it should have no other
    /// effects.
    ///
    /// [`batch`]: crate::audit::AuditEntry::batch
    ///
    /// ```
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
    /// use waygate::Waygate;
    /// # use waygate::model::RouteState;
    ///
    /// let waygate = Waygate::builder().build().await?;
    /// # waygate.register("GET:/payments".parse()?, RouteState::default()).await?;
    /// # waygate.register("GET:/search".parse()?, RouteState::default()).await?;
    /// let before = waygate.revision().number;
    /// let system = waygate.system();
    /// let closing = system.batch(|batch| async move {
    ///     batch.set_maintenance("GET:/payments", "migration").await?;
    ///     batch.disable("GET:/search", "migration").await
    /// });
    /// closing.await?;
    /// assert_eq!(waygate.revision().number, before + 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// Returns the [`ChangeError`] of the closure or of the commit, in which case nothing is changed.
    pub async fn batch<T, F>(&self, changes: impl Fn(Self) -> F) -> Result<T, ChangeError>
    where
        F: Future<Output = Result<T, ChangeError>>,
    {
        Ok(self.batch_or(changes).await?.0)
    }

    /// Sets the `batch` of the entries in the audit log.
    #[cfg(feature = "admin")]
    pub(crate) fn in_batch(mut self, batch: Uuid) -> Self {
        self.by.batch = Some(batch);
        self
    }

    /// Checks that the state that changes are made on is the expected one, and that of the store.
    #[cfg(feature = "admin")]
    pub(crate) async fn check_state(&self, expected: &Precondition) -> Result<(), ChangeError> {
        if *expected == Precondition::None {
            return Ok(());
        }
        let inner = &self.waygate.inner;
        inner.refresh().await?;
        let copy = match &self.staged {
            Some(staged) => staged.copy().await,
            None => None,
        };
        let current = self.waygate.revision();
        let is_current = copy.is_none_or(|copy| copy.base() == current);
        match expected.holds(Some(current)) {
            true if is_current => Ok(()),
            // The batch is tried again.
            true => Err(ChangeError::Contended {
                what: "the state".to_owned(),
            }),
            false => Err(ChangeError::Conflict {
                what: "the state".to_owned(),
                expected: expected.number(),
                found: current.number,
                current: Some(current),
            }),
        }
    }

    /// Like [`batch`](Self::batch), with another error. Returns the commit as well.
    pub(crate) async fn batch_or<T, E, F>(
        &self,
        changes: impl Fn(Self) -> F,
    ) -> Result<(T, Revision), E>
    where
        E: From<ChangeError>,
        F: Future<Output = Result<T, E>>,
    {
        let mut batch = self.clone();
        batch.by.batch.get_or_insert_with(Uuid::new_v4);
        let Some(outer) = &self.staged else {
            let (value, _, revision) = batch.stage(false, &changes).await?;
            return Ok((value, revision));
        };
        let before = outer.copy().await;
        let base = match &before {
            Some(before) => before.base(),
            None => self.waygate.revision(),
        };
        match changes(batch).await {
            Ok(value) => Ok((value, base)),
            Err(error) => {
                outer.restore(before).await;
                Err(error)
            }
        }
    }

    /// Makes changes on a copy, and commits them unless they are only planned. Returns the copy and the commit as well.
    async fn stage<T, E, F>(
        &self,
        is_dry: bool,
        changes: &impl Fn(Self) -> F,
    ) -> Result<(T, Staged, Revision), E>
    where
        E: From<ChangeError>,
        F: Future<Output = Result<T, E>>,
    {
        let inner = &self.waygate.inner;
        for nth in 0..ATTEMPTS {
            pause(nth).await;
            if nth > 0 {
                inner.refresh().await.map_err(ChangeError::from)?;
            }
            let copy = match &self.staged {
                Some(outer) => outer.copy().await,
                None => None,
            };
            let copy = match copy {
                Some(copy) => copy,
                None => Staged::new(inner, is_dry).await,
            };
            let base = copy.base();
            let handle = StagedHandle::new(copy, is_dry);
            let operator = Self {
                staged: Some(handle.clone()),
                ..self.clone()
            };
            let outcome = changes(operator).await;
            let staged = handle.take().await;
            let (value, staged) = match (outcome, staged) {
                (Ok(value), Some(staged)) => (value, staged),
                (Ok(_), None) => break,
                (Err(error), _) if nth > 0 => return Err(error),
                (Err(error), _) => {
                    // Changes are only refused on the current state. Without the store, this is the last known one.
                    if inner.refresh().await.is_err() || self.waygate.revision() == base {
                        return Err(error);
                    }
                    continue;
                }
            };
            let revision = match is_dry {
                true => Some(base),
                false => self.commit(&staged).await?,
            };
            if let Some(revision) = revision {
                return Ok((value, staged, revision));
            }
        }
        let what = "the batch".to_owned();
        Err(ChangeError::Contended { what }.into())
    }

    /// Commits the changes of a copy. Returns `None` if another client was faster.
    async fn commit(&self, staged: &Staged) -> Result<Option<Revision>, ChangeError> {
        let (inner, staged) = (self.waygate.inner.clone(), staged.clone());
        let platform = self.by.origin.platform.clone();
        let commit = async move {
            match settle(inner.commit_staged(staged).await) {
                Some(outcome) => outcome.map(Some),
                None => {
                    inner.observed.note_conflict("race", &platform);
                    Ok(None)
                }
            }
        };
        self.run_to_end(commit).await
    }

    /// Returns `true` if the changes of this operator will not be made.
    #[cfg(feature = "webhooks")]
    pub(crate) fn is_dry_run(&self) -> bool {
        self.staged.as_ref().is_some_and(|staged| staged.is_dry)
    }

    /// The state that the changes of this operator have left, if they are not committed yet.
    #[cfg(all(feature = "admin", feature = "webhooks"))]
    pub(in crate::engine) async fn copy(&self) -> Option<Staged> {
        self.staged.as_ref()?.copy().await
    }

    /// Collects the changes of this operator.
    #[cfg(feature = "admin")]
    pub(crate) fn staged_in(self, handle: StagedHandle) -> Self {
        Self {
            staged: Some(handle),
            ..self
        }
    }
}
