mod maintenance;
mod staged;

use waygate_core::{
    Timestamp,
    grammar::{EnvName, Interval, Invalid},
    model::{Access, Deprecation, Origin, RecurringWindow, RouteKey, WindowId},
    transition::RouteCommand,
};

use super::{
    ChangeError, RouteRecord, Waygate,
    error::route_key,
    precondition::Precondition,
    route_change::{Purge, RouteChange},
    staged::StagedHandle,
    tx::{By, Change},
};

#[doc = include_str!("operator.md")]
#[derive(Debug, Clone)]
#[must_use = "an operator does nothing until one of its methods is awaited"]
pub struct Operator {
    pub(super) waygate: Waygate,
    pub(super) by: By,
    /// Where changes are collected instead of committed.
    staged: Option<StagedHandle>,
}

impl Operator {
    pub(crate) fn new(waygate: Waygate, origin: Origin) -> Self {
        Self {
            waygate,
            by: By::new(origin),
            staged: None,
        }
    }

    /// Sets the expected revision (0: never changed). A change fails with [`ChangeError::Conflict`] if the current
    /// revision is a different one. Without an expected revision, a change that loses a race is retried.
    pub fn if_revision(mut self, number: u64) -> Self {
        self.by.expected = Precondition::Number(number);
        self
    }

    /// Makes changes only if the record is still the one that was read, unless the author expects a revision.
    #[cfg(any(feature = "admin", feature = "webhooks"))]
    pub(crate) fn unless_changed(self, number: u64) -> Self {
        match self.by.expected {
            Precondition::None => self.if_revision(number),
            _ => self,
        }
    }

    /// Returns `true` if changes have any condition.
    #[cfg(feature = "admin")]
    pub(crate) fn expects_any(&self) -> bool {
        self.by.expected != Precondition::None
    }

    /// Makes changes only if this condition is met.
    #[cfg(feature = "admin")]
    pub(crate) fn expecting(mut self, precondition: Precondition) -> Self {
        self.by.expected = precondition;
        self
    }

    /// Runs any command on a route. Returns the updated route.
    ///
    /// # Errors
    /// Returns a [`ChangeError`] on failure, in which case nothing is changed.
    pub async fn apply(
        &self,
        key: &str,
        command: RouteCommand,
    ) -> Result<RouteRecord, ChangeError> {
        self.run(route_key(key)?, command).await
    }

    /// Runs any command on a route with a parsed key.
    pub(crate) async fn run(
        &self,
        key: RouteKey,
        command: RouteCommand,
    ) -> Result<RouteRecord, ChangeError> {
        self.make(RouteChange { key, command }).await
    }

    /// Opens a route in all environments immediately. Discards its windows and its environment gate, and lists them in
    /// the record's [`dropped`](RouteRecord::dropped). [`end_maintenance`](Self::end_maintenance) keeps planned
    /// windows. Returns the updated route.
    ///
    /// # Errors
    /// Returns a [`ChangeError`] on failure, in which case nothing is changed.
    pub async fn enable(&self, key: &str, reason: &str) -> Result<RouteRecord, ChangeError> {
        let reason = reason.parse()?;
        self.apply(key, RouteCommand::Enable { reason }).await
    }

    /// Closes a route immediately. Returns the updated route.
    ///
    /// # Errors
    /// Returns a [`ChangeError`] on failure, in which case nothing is changed.
    pub async fn disable(&self, key: &str, reason: &str) -> Result<RouteRecord, ChangeError> {
        let (reason, until) = (reason.parse()?, None);
        self.apply(key, RouteCommand::Disable { reason, until })
            .await
    }

    /// Closes a route immediately, and restores its current state at `until`. Returns the updated route.
    ///
    /// # Errors
    /// Returns a [`ChangeError`] on failure, in which case nothing is changed.
    pub async fn disable_until(
        &self,
        key: &str,
        until: Timestamp,
        reason: &str,
    ) -> Result<RouteRecord, ChangeError> {
        let (reason, until) = (reason.parse()?, Some(until));
        self.apply(key, RouteCommand::Disable { reason, until })
            .await
    }

    /// Starts maintenance of a route immediately, without an end. Returns the updated route.
    ///
    /// # Errors
    /// Returns a [`ChangeError`] on failure, in which case nothing is changed.
    pub async fn set_maintenance(
        &self,
        key: &str,
        reason: &str,
    ) -> Result<RouteRecord, ChangeError> {
        let reason = reason.parse()?;
        self.apply(key, RouteCommand::Maintain { reason }).await
    }

    /// Starts maintenance of a route immediately, and opens it at `until`; planned windows are kept. Refused on a route
    /// that is disabled for longer. Returns the updated route.
    ///
    /// # Errors
    /// Returns a [`ChangeError`] on failure, in which case nothing is changed.
    pub async fn set_maintenance_until(
        &self,
        key: &str,
        until: Timestamp,
        reason: &str,
    ) -> Result<RouteRecord, ChangeError> {
        let (end, reason) = (until, reason.parse()?);
        self.apply(key, RouteCommand::MaintainUntil { end, reason })
            .await
    }

    /// Ends the maintenance of a route immediately, and keeps its environment gate and future windows. Has no effect on
    /// a route that is not in maintenance. Refused on a disabled route, since it would not open it. Returns the updated
    /// route.
    ///
    /// # Errors
    /// Returns a [`ChangeError`] on failure, in which case nothing is changed.
    pub async fn end_maintenance(
        &self,
        key: &str,
        reason: &str,
    ) -> Result<RouteRecord, ChangeError> {
        let reason = reason.parse()?;
        self.apply(key, RouteCommand::EndMaintenance { reason })
            .await
    }

    /// Adds a maintenance window. The route keeps its state until the window starts, and returns to it when the window
    /// ends. Maintenance without an end ends with the first window. Of overlapping windows, the newest provides the
    /// reason. Refused on a route that is disabled for longer than the window. Returns the updated route.
    ///
    /// # Errors
    /// Returns a [`ChangeError`] on failure, in which case nothing is changed.
    pub async fn schedule(
        &self,
        key: &str,
        interval: Interval,
        reason: &str,
    ) -> Result<RouteRecord, ChangeError> {
        let reason = reason.parse()?;
        self.apply(key, RouteCommand::Schedule { interval, reason })
            .await
    }

    /// Adds recurring maintenance windows to a route, or replaces those with the same id. They have no effect while the
    /// route is disabled, or in maintenance without an end. Returns the updated route.
    ///
    /// ```
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
    /// use waygate::{Waygate, model::RecurringWindow};
    /// # use waygate::model::RouteState;
    ///
    /// let waygate = Waygate::builder().build().await?;
    /// # waygate.register("GET:/payments".parse()?, RouteState::default()).await?;
    /// let sundays = RecurringWindow::builder("0 2 * * SUN", "2h").tz("Europe/Berlin".parse()?).build()?;
    /// let record = waygate.system().schedule_recurring("GET:/payments", sundays).await?;
    /// assert_eq!(record.state.position.recurring.len(), 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// Returns a [`ChangeError`] on failure, in which case nothing is changed.
    pub async fn schedule_recurring(
        &self,
        key: &str,
        windows: RecurringWindow,
    ) -> Result<RouteRecord, ChangeError> {
        self.apply(key, RouteCommand::Recur(Box::new(windows)))
            .await
    }

    /// Cancels one window of a route, recurring windows or one of those that recur, or all of them. Returns the updated
    /// route.
    ///
    /// # Errors
    /// Returns a [`ChangeError`] on failure, in which case nothing is changed.
    pub async fn cancel_schedule(
        &self,
        key: &str,
        window: Option<WindowId>,
    ) -> Result<RouteRecord, ChangeError> {
        self.apply(key, RouteCommand::CancelSchedule { window })
            .await
    }

    /// Opens a route in these environments only, at least one; to close it everywhere, use [`disable`](Self::disable).
    /// If a name similar to the environment of this process closes the route here, the log and the record's
    /// [`warning`](RouteRecord::warning) report it. Returns the updated route.
    ///
    /// # Errors
    /// Returns a [`ChangeError`] on failure, in which case nothing is changed.
    pub async fn set_env_only(&self, key: &str, envs: &[&str]) -> Result<RouteRecord, ChangeError> {
        let envs = envs
            .iter()
            .map(|env| env.parse())
            .collect::<Result<Vec<EnvName>, Invalid>>()?;
        self.apply(key, RouteCommand::EnvOnly { envs }).await
    }

    /// Marks a route as deprecated, or removes the mark if `None`. Returns the updated route.
    ///
    /// # Errors
    /// Returns a [`ChangeError`] on failure, in which case nothing is changed.
    pub async fn deprecate(
        &self,
        key: &str,
        deprecation: Option<Deprecation>,
    ) -> Result<RouteRecord, ChangeError> {
        self.apply(key, RouteCommand::Deprecate(deprecation)).await
    }

    /// Sets the networks and roles that may call a route. Returns the updated route.
    ///
    /// # Errors
    /// Returns a [`ChangeError`] on failure, in which case nothing is changed.
    pub async fn set_access(&self, key: &str, access: Access) -> Result<RouteRecord, ChangeError> {
        self.apply(key, RouteCommand::SetAccess(access)).await
    }

    /// Restores the declared state of a route. Returns the updated route.
    ///
    /// # Errors
    /// Returns a [`ChangeError`] on failure, in which case nothing is changed.
    pub async fn reset(&self, key: &str) -> Result<RouteRecord, ChangeError> {
        self.apply(key, RouteCommand::Reset).await
    }

    /// Removes a stored route that no longer exists in the code. [`Waygate::orphans`] lists them.
    ///
    /// # Errors
    /// Returns a [`ChangeError`] on failure, in which case nothing is changed.
    pub async fn purge(&self, key: &str) -> Result<(), ChangeError> {
        self.purge_key(route_key(key)?).await
    }

    pub(crate) async fn purge_key(&self, key: RouteKey) -> Result<(), ChangeError> {
        self.make(Purge(key)).await
    }

    /// Makes a change as this operator.
    pub(super) async fn make<C: Change + 'static>(
        &self,
        change: C,
    ) -> Result<C::Done, ChangeError> {
        let inner = self.waygate.inner.clone();
        if let Some(staged) = &self.staged {
            return staged.make(&inner, &change, &self.by).await;
        }
        self.run_to_end(inner.make(change, self.by.clone())).await
    }

    /// Completes a change even if the caller is dropped, so that this process sees every committed write.
    pub(super) async fn run_to_end<T: Send + 'static>(
        &self,
        change: impl Future<Output = Result<T, ChangeError>> + Send + 'static,
    ) -> Result<T, ChangeError> {
        #[cfg(feature = "admin")]
        let change = super::claim::inherit(change);
        match self.waygate.inner.runtime.spawn(change).await {
            Ok(outcome) => outcome,
            Err(error) => Err(interrupted(&error)),
        }
    }
}

/// The failure of a change with a task that has not ended.
pub(super) fn interrupted(error: &tokio::task::JoinError) -> ChangeError {
    let cause = format!("the change was interrupted: {error}");
    waygate_core::port::BackendError::Unavailable(cause).into()
}
