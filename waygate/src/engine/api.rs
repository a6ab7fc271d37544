use std::fmt;

use waygate_core::{
    grammar::{EnvName, ServiceName},
    model::{AuditEntry, DroppedMaintenance, GlobalMaintenance, Origin, Revision},
    net::TrustedProxies,
    port::{AuditQuery, BackendError},
};

use super::{
    BuildError, Component, Events, Health, MaintenanceRecord, Operator, Report, ResolveError,
    RouteRecord, Waygate, WaygateBuilder, config, deadline, kinds::MaintenanceScope, listing,
};

impl Waygate {
    /// Starts the configuration of an engine. Does not read environment variables; for that, see
    /// [`from_env`](Self::from_env).
    pub fn builder() -> WaygateBuilder {
        WaygateBuilder::default()
    }

    /// Starts the configuration of an engine from `WAYGATE_*` variables and the nearest `.waygate` file.
    ///
    /// Settings are resolved in this order: builder calls, environment variables (an empty value counts as unset), the
    /// nearest `.waygate` file, searching upwards from the working directory, and the default. The file has
    /// `NAME=value` lines with optional quotes around values, blank lines, and comments that start with `#` on separate
    /// lines. Relative paths in the file are resolved against its directory, as is the default state file if the file
    /// sets the backend. Relative paths in environment variables are resolved against the working directory.
    ///
    /// | Setting | Default | Meaning |
    /// |---|---|---|
    /// | `WAYGATE_BACKEND` | `memory` | `memory`, `file` or `redis` (features of those names) |
    /// | `WAYGATE_FILE_PATH` | `waygate-state.json` | with `file` state, the state file; its extension sets the format |
    /// | `WAYGATE_REDIS_URL` | `redis://localhost:6379/0` | with `redis` state, the URL of the Redis |
    /// | `WAYGATE_ENV` | `dev` | the [environment](WaygateBuilder::environment) this process runs in |
    /// | `WAYGATE_COUNTERS_REDIS_URL` | | the Redis that counts requests; by default, with `redis` state, the Redis of the state |
    /// | `WAYGATE_COUNTER_SNAPSHOT` | with `file` state, `<state file>.counters` | the file in which this process keeps its counters, a path with a directory or an extension; `off` keeps none |
    /// | `WAYGATE_BYPASS_LIFECYCLE` | `false` | serve every route as if it were active |
    /// | `WAYGATE_BYPASS_RATE_LIMITS` | `false` | disable all counting and limits |
    ///
    /// Any other variable that starts with `WAYGATE_` is an error, since it would have no effect; the error suggests
    /// the most similar known name. Exceptions are the variables of the command-line client and of Python applications
    /// (`WAYGATE_SERVER_URL`, `WAYGATE_SERVICE`, `WAYGATE_TOKEN`, `WAYGATE_CUSTOM_PATH`), those that Kubernetes sets
    /// for a service called `waygate` (`WAYGATE_SERVICE_HOST`, `WAYGATE_PORT_80_TCP`), and names that start with
    /// `WAYGATE_TEST_`, which Waygate's own tests use.
    ///
    /// It is also an error to set the path or URL of a backend that `WAYGATE_BACKEND` does not select, or a setting
    /// that requires a cargo feature that is not enabled. If the environment selects a different backend than the file,
    /// the file's path or URL for its own backend is ignored.
    ///
    /// # Errors
    /// Returns a [`BuildError`] that names the setting and its origin, and describes the problem.
    pub fn from_env() -> Result<WaygateBuilder, BuildError> {
        config::from_env()
    }

    /// Like [`from_env`](Self::from_env), but reads this file instead of the nearest `.waygate` file. The file must
    /// exist. Environment variables still take precedence.
    ///
    /// ```no_run
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
    /// let waygate = waygate::Waygate::from_env_file("/etc/shop/waygate.env")?.build().await?;
    /// # drop(waygate);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// See [`from_env`](Self::from_env). Also returns an error if the file cannot be read.
    pub fn from_env_file(path: impl AsRef<std::path::Path>) -> Result<WaygateBuilder, BuildError> {
        config::from_env_file(path.as_ref())
    }

    /// Returns the environment of this process.
    pub fn environment(&self) -> &EnvName {
        &self.inner.env
    }

    /// Returns the service that this process belongs to, if it is part of a fleet.
    pub fn service(&self) -> Option<&ServiceName> {
        self.inner.service.as_ref()
    }

    /// Returns an operator that makes changes with this origin.
    pub fn operator(&self, origin: Origin) -> Operator {
        Operator::new(self.clone(), origin)
    }

    /// Returns an operator for changes by the program itself, which the audit log attributes to `system`.
    pub fn system(&self) -> Operator {
        self.operator(Origin::system())
    }

    /// Blocks on a future in a thread that runs no async code, such as a worker thread, `spawn_blocking` or FFI.
    ///
    /// The future runs in the runtime in which the engine was built, which must be running.
    ///
    /// ```
    /// # use waygate::{ChangeError, Waygate};
    /// fn close(waygate: &Waygate) -> Result<(), ChangeError> {
    ///     waygate.block_on(waygate.system().set_maintenance("GET:/payments", "migration"))?;
    ///     Ok(())
    /// }
    /// ```
    ///
    /// # Panics
    /// Panics if called from async code, where it would block the runtime that it waits for.
    pub fn block_on<F: Future>(&self, future: F) -> F::Output {
        self.inner.runtime.block_on(future)
    }

    /// Returns the current state of all registered routes, sorted by path and method.
    pub fn routes(&self) -> Vec<RouteRecord> {
        listing::list(&self.inner.snapshot.load(), self.inner.clock.now())
    }

    /// Returns the current state of a route. A bare path resolves if the path has only one method.
    ///
    /// # Errors
    /// Returns a [`ResolveError`] if the key matches no route, or more than one.
    pub fn route(&self, key: &str) -> Result<RouteRecord, ResolveError> {
        let key = key.parse()?;
        let snapshot = self.inner.snapshot.load();
        let slot = snapshot.table.resolve(&key)?;
        listing::of_slot(&snapshot, slot, self.inner.clock.now())
            .ok_or_else(|| ResolveError::not_registered(&key, None))
    }

    /// Resolves the route of a limit's key. Unlike [`route`](Self::route), also accepts a single method of a route that
    /// serves all methods.
    #[cfg(feature = "admin")]
    pub(crate) fn limited_route(
        &self,
        key: &waygate_core::model::RouteKey,
    ) -> Result<waygate_core::model::RouteKey, ResolveError> {
        let (_, route) = self.inner.snapshot.load().table.resolve_limited(key)?;
        Ok(route)
    }

    /// Returns the stored routes that no longer exist in the code. They can be [purged](Operator::purge).
    pub async fn orphans(&self) -> Vec<RouteRecord> {
        self.inner.orphans().await
    }

    /// Returns the current global maintenance and the commit that last changed it (number 0 if it was never set).
    /// Planned maintenance is not `enabled` and has a `start`; after maintenance has ended, the record is empty.
    pub fn global_maintenance(&self) -> MaintenanceRecord {
        let snapshot = self.inner.snapshot.load();
        let global = snapshot.global.config.at(self.inner.clock.now());
        self.maintenance_record(global, snapshot.global.revision)
    }

    /// Returns the maintenance of a service, not necessarily the one that this process belongs to.
    pub async fn service_maintenance(&self, service: &ServiceName) -> MaintenanceRecord {
        let scope = MaintenanceScope::Service(service.clone());
        let known = self.inner.stored.lock().await.maintenance(&scope);
        self.maintenance_record(known.value.at(self.inner.clock.now()), known.revision)
    }

    fn maintenance_record(&self, maintenance: GlobalMaintenance, number: u64) -> MaintenanceRecord {
        let epoch = self.revision().epoch;
        MaintenanceRecord {
            maintenance,
            revision: Revision { epoch, number },
            dropped: DroppedMaintenance::default(),
        }
    }

    /// Describes the parts of a maintenance configuration that have no effect.
    #[cfg(feature = "admin")]
    pub(crate) fn maintenance_warning(
        &self,
        scope: &MaintenanceScope,
        config: &GlobalMaintenance,
    ) -> Option<String> {
        let now = self.inner.clock.now();
        self.inner.maintenance_warning(scope, config, now)
    }

    /// Returns the store revision that decisions are currently based on.
    pub fn revision(&self) -> Revision {
        self.inner.snapshot.load().revision
    }

    /// Returns the proxies that are trusted to forward the client's address.
    pub fn trusted_proxies(&self) -> &TrustedProxies {
        &self.inner.clients.proxies
    }

    /// Returns lines of the audit log, newest first.
    ///
    /// # Errors
    /// Returns a [`BackendError`] if the store cannot be read.
    pub async fn audit(&self, query: AuditQuery) -> Result<Vec<AuditEntry>, BackendError> {
        deadline::in_time(self.inner.backend.audit(query)).await
    }

    /// Counts the lines of the audit log that a query selects, on all its pages.
    ///
    /// ```
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
    /// use waygate::{Waygate, audit::AuditQuery};
    ///
    /// let waygate = Waygate::builder().build().await?;
    /// assert_eq!(waygate.count_audit(AuditQuery::newest(50).actor("ada")).await?, 0);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// Returns a [`BackendError`] if the store cannot be read.
    pub async fn count_audit(&self, query: AuditQuery) -> Result<usize, BackendError> {
        deadline::in_time(self.inner.backend.count_audit(query)).await
    }

    /// Subscribes to all changes from now on.
    pub fn subscribe(&self) -> Events {
        self.inner.subscribe()
    }

    /// Returns the impaired components; empty if the engine is healthy.
    pub fn health(&self) -> Health {
        self.inner.monitor.current()
    }

    /// Returns a human-readable report of the configuration: environment, settings file, stores, bypasses, and all
    /// routes with their limits.
    pub fn report(&self) -> Report {
        let snapshot = self.inner.snapshot.load();
        let bypasses = [Component::LifecycleBypass, Component::RateLimitBypass];
        let health = self.health();
        let notes = bypasses.iter().filter_map(|bypass| health.get(bypass));
        let notes = notes.map(|bypass| bypass.cause.clone());
        let records = health.get(&Component::Records);
        let records = records.map(|records| format!("unreadable records: {}", records.cause));
        #[cfg(feature = "flags")]
        let records = records.into_iter().chain(self.inner.flag_faults());
        let notes = notes.chain(records);
        let notices = self.inner.maintenance_notices();
        let notices = notices.iter().map(ToString::to_string);
        let environment = self.inner.environment_notes(&snapshot);
        let notes = notes.chain(environment).chain(notices);
        let now = self.inner.clock.now();
        let notes = notes.chain(snapshot.unmatched_maintenance(now));
        let notes = notes.chain(snapshot.swallowed());
        let mounts = &snapshot.table.mounts;
        let notes = notes.chain(mounts.misplaced()).chain(mounts.unlisted());
        let notes = notes.chain(self.inner.roles_note(&snapshot, now));
        #[cfg(feature = "flags")]
        let notes = notes.chain(super::flags::usage::notes(&self.inner, &snapshot, now));
        let env = self.environment().clone();
        Report::new(
            env,
            self.routes(),
            self.rate_limits(),
            self.concurrency_limits(),
        )
        .with_facts(self.inner.facts())
        .with_notes(notes.collect())
    }
}

impl fmt::Debug for Waygate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Waygate")
            .field("environment", &self.inner.env)
            .field("revision", &self.revision())
            .finish_non_exhaustive()
    }
}
