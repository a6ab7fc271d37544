use waygate_core::{
    Timestamp,
    grammar::{EnvName, Interval, Invalid},
    model::{Access, Deprecation, ExemptPath, GlobalMaintenance, Origin, RouteKey, WindowId},
    transition::RouteCommand,
};

use super::{
    ChangeError, RouteRecord, Waygate,
    error::route_key,
    kinds::MaintenanceScope,
    maintenance::{MaintenanceChange, MaintenanceCommand, MaintenanceRecord},
    precondition::Precondition,
    route_change::{Purge, RouteChange},
    tx::{By, Change},
};

/// Changes an engine in the name of its origin.
///
/// Route keys are `METHOD:/path`; a bare path stands for its only method. Each change is written to the store together with
/// its line in the audit log before it takes effect, and is in effect when the call returns. Dropping the future does not
/// undo a change that is under way.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// use waygate::{Waygate, audit::Origin};
/// # use waygate::model::RouteState;
///
/// let waygate = Waygate::builder().environment("production").build().await?;
/// # waygate.register("GET:/payments".parse()?, RouteState::default()).await?;
/// let alice = waygate.operator(Origin::new("alice", "cli"));
/// let route = alice.disable("GET:/payments", "incident 12").await?;
/// assert_eq!(route.view.status.as_str(), "disabled");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
#[must_use = "an operator does nothing until one of its methods is awaited"]
pub struct Operator {
    pub(super) waygate: Waygate,
    pub(super) by: By,
}

impl Operator {
    pub(crate) fn new(waygate: Waygate, origin: Origin) -> Self {
        Self {
            waygate,
            by: By {
                origin,
                expected: Precondition::None,
            },
        }
    }

    /// Makes changes only if what is changed was last changed by this commit (0: never); otherwise they fail with
    /// [`ChangeError::Conflict`]. Without it, a change that lost a race is tried again.
    pub fn if_revision(mut self, number: u64) -> Self {
        self.by.expected = Precondition::Number(number);
        self
    }

    /// Makes changes only if this holds.
    #[cfg(feature = "admin")]
    pub(crate) fn expecting(mut self, precondition: Precondition) -> Self {
        self.by.expected = precondition;
        self
    }

    /// Runs any command on a route.
    ///
    /// # Errors
    /// [`ChangeError`]; nothing was changed then.
    pub async fn apply(
        &self,
        key: &str,
        command: RouteCommand,
    ) -> Result<RouteRecord, ChangeError> {
        self.run(route_key(key)?, command).await
    }

    /// Runs any command on the route of a key that is parsed.
    pub(crate) async fn run(
        &self,
        key: RouteKey,
        command: RouteCommand,
    ) -> Result<RouteRecord, ChangeError> {
        self.make(RouteChange { key, command }).await
    }

    /// Opens a route everywhere immediately, and drops its windows and its environment gate, which the record's
    /// [`dropped`](RouteRecord::dropped) names. [`end_maintenance`](Self::end_maintenance) keeps what is planned.
    ///
    /// # Errors
    /// [`ChangeError`]; nothing was changed then.
    pub async fn enable(&self, key: &str, reason: &str) -> Result<RouteRecord, ChangeError> {
        let reason = reason.parse()?;
        self.apply(key, RouteCommand::Enable { reason }).await
    }

    /// Closes a route immediately.
    ///
    /// # Errors
    /// [`ChangeError`]; nothing was changed then.
    pub async fn disable(&self, key: &str, reason: &str) -> Result<RouteRecord, ChangeError> {
        let (reason, until) = (reason.parse()?, None);
        self.apply(key, RouteCommand::Disable { reason, until })
            .await
    }

    /// Closes a route immediately, and returns it to its present state at `until`.
    ///
    /// # Errors
    /// [`ChangeError`]; nothing was changed then.
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

    /// Puts a route in maintenance immediately, until it is changed.
    ///
    /// # Errors
    /// [`ChangeError`]; nothing was changed then.
    pub async fn set_maintenance(
        &self,
        key: &str,
        reason: &str,
    ) -> Result<RouteRecord, ChangeError> {
        let reason = reason.parse()?;
        self.apply(key, RouteCommand::Maintain { reason }).await
    }

    /// Puts a route in maintenance immediately, and opens it at `until`; planned windows are kept. Refused on a route that is
    /// disabled for longer.
    ///
    /// # Errors
    /// [`ChangeError`]; nothing was changed then.
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

    /// Ends the maintenance of a route immediately, and keeps its environment gate and the windows that have not started.
    /// Changes nothing on a route that is not in maintenance; refused on one that is disabled, which it would not open.
    ///
    /// # Errors
    /// [`ChangeError`]; nothing was changed then.
    pub async fn end_maintenance(
        &self,
        key: &str,
        reason: &str,
    ) -> Result<RouteRecord, ChangeError> {
        let reason = reason.parse()?;
        self.apply(key, RouteCommand::EndMaintenance { reason })
            .await
    }

    /// Adds a maintenance window. The route keeps its state until the window starts, and returns to it when the window ends;
    /// maintenance without an end ends with its first window. Of windows that overlap, the newest gives the reason. Refused
    /// on a route that is disabled for longer than the window lasts.
    ///
    /// # Errors
    /// [`ChangeError`]; nothing was changed then.
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

    /// Cancels one window of a route, or all of them.
    ///
    /// # Errors
    /// [`ChangeError`]; nothing was changed then.
    pub async fn cancel_schedule(
        &self,
        key: &str,
        window: Option<WindowId>,
    ) -> Result<RouteRecord, ChangeError> {
        self.apply(key, RouteCommand::CancelSchedule { window })
            .await
    }

    /// Opens a route in these environments only, at least one: [`disable`](Self::disable) closes it everywhere.
    ///
    /// # Errors
    /// [`ChangeError`]; nothing was changed then.
    pub async fn set_env_only(&self, key: &str, envs: &[&str]) -> Result<RouteRecord, ChangeError> {
        let envs = envs
            .iter()
            .map(|env| env.parse())
            .collect::<Result<Vec<EnvName>, Invalid>>()?;
        self.apply(key, RouteCommand::EnvOnly { envs }).await
    }

    /// Deprecates a route, or (`None`) removes its deprecation.
    ///
    /// # Errors
    /// [`ChangeError`]; nothing was changed then.
    pub async fn deprecate(
        &self,
        key: &str,
        deprecation: Option<Deprecation>,
    ) -> Result<RouteRecord, ChangeError> {
        self.apply(key, RouteCommand::Deprecate(deprecation)).await
    }

    /// Sets the networks and roles that may call a route.
    ///
    /// # Errors
    /// [`ChangeError`]; nothing was changed then.
    pub async fn set_access(&self, key: &str, access: Access) -> Result<RouteRecord, ChangeError> {
        self.apply(key, RouteCommand::SetAccess(access)).await
    }

    /// Resets a route to its declaration.
    ///
    /// # Errors
    /// [`ChangeError`]; nothing was changed then.
    pub async fn reset(&self, key: &str) -> Result<RouteRecord, ChangeError> {
        self.apply(key, RouteCommand::Reset).await
    }

    /// Deletes a stored route that the code no longer has.
    ///
    /// # Errors
    /// [`ChangeError`]; nothing was changed then.
    pub async fn purge(&self, key: &str) -> Result<(), ChangeError> {
        self.purge_key(route_key(key)?).await
    }

    pub(crate) async fn purge_key(&self, key: RouteKey) -> Result<(), ChangeError> {
        self.make(Purge(key)).await
    }

    /// Puts all routes in maintenance: immediately, or from `start` on, and until `end` if there is one; `enabled` of `config`
    /// is ignored. Replaces the previous settings, their plan included, which [`dropped`](MaintenanceRecord::dropped) names.
    ///
    /// Clients in `exempt_ips` and callers with one of `exempt_roles` are served; these responses carry
    /// `Cache-Control: private, no-store`.
    ///
    /// ```
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
    /// use waygate::{Waygate, model::GlobalMaintenance};
    ///
    /// let waygate = Waygate::builder().build().await?;
    /// let planned = GlobalMaintenance {
    ///     reason: "database upgrade".parse()?,
    ///     start: Some("2030-01-01T02:00:00Z".parse()?),
    ///     end: Some("2030-01-01T04:00:00Z".parse()?),
    ///     exempt_ips: vec!["10.0.0.0/8".parse()?],
    ///     exempt_roles: vec!["ops".parse()?],
    ///     ..GlobalMaintenance::default()
    /// };
    /// let record = waygate.system().enable_global_maintenance(planned).await?;
    /// assert!(!record.maintenance.enabled, "it has not begun");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`ChangeError`]; nothing was changed then. [`ChangeError::Ended`] when the end is past.
    pub async fn enable_global_maintenance(
        &self,
        config: GlobalMaintenance,
    ) -> Result<MaintenanceRecord, ChangeError> {
        self.maintain(MaintenanceScope::Global, MaintenanceCommand::Enable(config))
            .await
    }

    /// Ends global maintenance, planned or running, and drops its reason and exemptions.
    ///
    /// # Errors
    /// [`ChangeError`]; nothing was changed then.
    pub async fn disable_global_maintenance(&self) -> Result<MaintenanceRecord, ChangeError> {
        self.maintain(MaintenanceScope::Global, MaintenanceCommand::Disable)
            .await
    }

    /// Sets the routes that stay open in global maintenance. Does not switch it on or off.
    ///
    /// # Errors
    /// [`ChangeError`]; nothing was changed then.
    pub async fn set_global_exempt_paths(
        &self,
        paths: &[&str],
    ) -> Result<MaintenanceRecord, ChangeError> {
        let paths = paths
            .iter()
            .map(|path| path.parse())
            .collect::<Result<Vec<ExemptPath>, Invalid>>()?;
        self.maintain(
            MaintenanceScope::Global,
            MaintenanceCommand::SetExemptPaths(paths),
        )
        .await
    }

    /// Puts every route of a service in maintenance, wherever it runs, as
    /// [`enable_global_maintenance`](Self::enable_global_maintenance) does for all routes.
    ///
    /// # Errors
    /// [`ChangeError`]; nothing was changed then.
    pub async fn enable_service_maintenance(
        &self,
        service: &str,
        config: GlobalMaintenance,
    ) -> Result<MaintenanceRecord, ChangeError> {
        let scope = MaintenanceScope::Service(service.parse()?);
        self.maintain(scope, MaintenanceCommand::Enable(config))
            .await
    }

    /// Ends maintenance of a service, planned or running, and drops its reason and exemptions.
    ///
    /// # Errors
    /// [`ChangeError`]; nothing was changed then.
    pub async fn disable_service_maintenance(
        &self,
        service: &str,
    ) -> Result<MaintenanceRecord, ChangeError> {
        let scope = MaintenanceScope::Service(service.parse()?);
        self.maintain(scope, MaintenanceCommand::Disable).await
    }

    pub(crate) async fn maintain(
        &self,
        scope: MaintenanceScope,
        command: MaintenanceCommand,
    ) -> Result<MaintenanceRecord, ChangeError> {
        self.make(MaintenanceChange { scope, command }).await
    }

    /// Makes a change as this operator.
    pub(super) async fn make<C: Change + 'static>(
        &self,
        change: C,
    ) -> Result<C::Done, ChangeError> {
        let inner = self.waygate.inner.clone();
        self.see_through(inner.make(change, self.by.clone())).await
    }

    /// Runs a change to its end even if the caller goes away, so that a change in the store is also in effect here.
    pub(super) async fn see_through<T: Send + 'static>(
        &self,
        change: impl Future<Output = Result<T, ChangeError>> + Send + 'static,
    ) -> Result<T, ChangeError> {
        match self.waygate.inner.runtime.spawn(change).await {
            Ok(outcome) => outcome,
            Err(error) => {
                let cause = format!("the change was cut short: {error}");
                Err(waygate_core::port::BackendError::Unavailable(cause).into())
            }
        }
    }
}
