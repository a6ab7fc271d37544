//! Maintenance of all routes, or of a service.

use waygate_core::{
    grammar::Invalid,
    model::{ExemptPath, GlobalMaintenance, RecurringMaintenance, WindowId},
    transition::MaintenanceCommand,
};

use super::Operator;
use crate::engine::{
    ChangeError,
    kinds::MaintenanceScope,
    maintenance::{MaintenanceChange, MaintenanceRecord},
};

impl Operator {
    /// Starts global maintenance, immediately or at `start`, until `end` if it is set; `enabled` of `config` is
    /// ignored. Replaces any earlier maintenance, including planned maintenance, and lists it in
    /// [`dropped`](MaintenanceRecord::dropped).
    ///
    /// Clients in `exempt_ips` and callers with one of `exempt_roles` are still served. Their responses carry
    /// `Cache-Control: private, no-store`, since no cache may keep them.
    ///
    /// ```
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
    /// use waygate::{Timestamp, Waygate, model::GlobalMaintenance};
    ///
    /// let waygate = Waygate::builder().build().await?;
    /// let planned = GlobalMaintenance::new("database upgrade".parse()?)
    ///     .start("2030-01-01T02:00:00Z".parse::<Timestamp>()?)
    ///     .end("2030-01-01T04:00:00Z".parse::<Timestamp>()?)
    ///     .exempt_ips(["10.0.0.0/8".parse()?])
    ///     .exempt_roles(["ops".parse()?]);
    /// let record = waygate.system().enable_global_maintenance(planned).await?;
    /// assert!(!record.maintenance.enabled, "it has not begun");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// Returns the updated maintenance.
    ///
    /// # Errors
    /// Returns a [`ChangeError`] on failure, in which case nothing is changed. The error is [`ChangeError::Ended`] if
    /// the end is in the past.
    pub async fn enable_global_maintenance(
        &self,
        config: GlobalMaintenance,
    ) -> Result<MaintenanceRecord, ChangeError> {
        self.maintain(MaintenanceScope::Global, MaintenanceCommand::Enable(config))
            .await
    }

    /// Ends global maintenance, active or planned, and removes its reason and exemptions. Returns the updated
    /// maintenance.
    ///
    /// # Errors
    /// Returns a [`ChangeError`] on failure, in which case nothing is changed.
    pub async fn disable_global_maintenance(&self) -> Result<MaintenanceRecord, ChangeError> {
        self.maintain(MaintenanceScope::Global, MaintenanceCommand::Disable)
            .await
    }

    /// Sets the routes that stay open during global maintenance. Does not start or end it. Returns the updated
    /// maintenance.
    ///
    /// # Errors
    /// Returns a [`ChangeError`] on failure, in which case nothing is changed.
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

    /// Starts maintenance of every route of a service, in all its processes, like
    /// [`enable_global_maintenance`](Self::enable_global_maintenance). Returns the updated maintenance.
    ///
    /// # Errors
    /// Returns a [`ChangeError`] on failure, in which case nothing is changed.
    pub async fn enable_service_maintenance(
        &self,
        service: &str,
        config: GlobalMaintenance,
    ) -> Result<MaintenanceRecord, ChangeError> {
        let scope = MaintenanceScope::Service(service.parse()?);
        self.maintain(scope, MaintenanceCommand::Enable(config))
            .await
    }

    /// Ends maintenance of a service, active or planned, and removes its reason and exemptions. Returns the updated
    /// maintenance.
    ///
    /// # Errors
    /// Returns a [`ChangeError`] on failure, in which case nothing is changed.
    pub async fn disable_service_maintenance(
        &self,
        service: &str,
    ) -> Result<MaintenanceRecord, ChangeError> {
        let scope = MaintenanceScope::Service(service.parse()?);
        self.maintain(scope, MaintenanceCommand::Disable).await
    }

    /// Adds recurring maintenance of all routes, or replaces that with the same id. It has exemptions of its own, and no
    /// effect while maintenance that was switched on is active. Returns the updated maintenance.
    ///
    /// ```
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
    /// use waygate::{Waygate, model::{RecurringMaintenance, RecurringWindow}};
    ///
    /// let waygate = Waygate::builder().build().await?;
    /// let patches = RecurringWindow::builder("FREQ=MONTHLY;BYDAY=2TU", "90m").at("22:00").build()?;
    /// let patches = RecurringMaintenance::from(patches).exempt_paths(["/health".parse()?]);
    /// let id = patches.window.id();
    /// let record = waygate.system().schedule_global_maintenance(patches).await?;
    /// assert!(record.maintenance.start.is_some(), "the next window");
    /// waygate.system().cancel_global_schedule(Some(id)).await?;
    /// let nightly = RecurringWindow::builder("0 2 * * *", "1h").build()?;
    /// waygate.system().schedule_service_maintenance("billing", nightly.into()).await?;
    /// waygate.system().cancel_service_schedule("billing", None).await?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// Returns a [`ChangeError`] on failure, in which case nothing is changed.
    pub async fn schedule_global_maintenance(
        &self,
        recurring: RecurringMaintenance,
    ) -> Result<MaintenanceRecord, ChangeError> {
        let command = MaintenanceCommand::Recur(Box::new(recurring));
        self.maintain(MaintenanceScope::Global, command).await
    }

    /// Cancels recurring maintenance of all routes, or one of its windows, by its id; `None` cancels all recurring
    /// maintenance. Returns the updated maintenance.
    ///
    /// # Errors
    /// Returns a [`ChangeError`] on failure, in which case nothing is changed.
    pub async fn cancel_global_schedule(
        &self,
        window: Option<WindowId>,
    ) -> Result<MaintenanceRecord, ChangeError> {
        self.maintain(MaintenanceScope::Global, MaintenanceCommand::Cancel(window))
            .await
    }

    /// Adds recurring maintenance of a service, like
    /// [`schedule_global_maintenance`](Self::schedule_global_maintenance). Returns the updated maintenance.
    ///
    /// # Errors
    /// Returns a [`ChangeError`] on failure, in which case nothing is changed.
    pub async fn schedule_service_maintenance(
        &self,
        service: &str,
        recurring: RecurringMaintenance,
    ) -> Result<MaintenanceRecord, ChangeError> {
        let scope = MaintenanceScope::Service(service.parse()?);
        let command = MaintenanceCommand::Recur(Box::new(recurring));
        self.maintain(scope, command).await
    }

    /// Cancels recurring maintenance of a service, like [`cancel_global_schedule`](Self::cancel_global_schedule).
    /// Returns the updated maintenance.
    ///
    /// # Errors
    /// Returns a [`ChangeError`] on failure, in which case nothing is changed.
    pub async fn cancel_service_schedule(
        &self,
        service: &str,
        window: Option<WindowId>,
    ) -> Result<MaintenanceRecord, ChangeError> {
        let scope = MaintenanceScope::Service(service.parse()?);
        self.maintain(scope, MaintenanceCommand::Cancel(window))
            .await
    }

    pub(crate) async fn maintain(
        &self,
        scope: MaintenanceScope,
        command: MaintenanceCommand,
    ) -> Result<MaintenanceRecord, ChangeError> {
        self.make(MaintenanceChange { scope, command }).await
    }

    /// Describes the parts of maintenance that have no effect.
    #[cfg(feature = "admin")]
    pub(crate) fn maintenance_warning(
        &self,
        scope: &MaintenanceScope,
        config: &GlobalMaintenance,
    ) -> Option<String> {
        self.waygate.maintenance_warning(scope, config)
    }
}
