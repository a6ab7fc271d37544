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
    /// Starts the configuration of an engine. Reads nothing from the environment; see [`from_env`](Self::from_env) for that.
    pub fn builder() -> WaygateBuilder {
        WaygateBuilder::default()
    }

    /// Starts the configuration of an engine from `WAYGATE_*` variables and the nearest `.waygate` file.
    ///
    /// A setting comes from, in this order: a call on the builder, the environment (an empty value
    /// counts as unset), the nearest `.waygate` file from the working directory upwards, the default. The file has
    /// `NAME=value` lines, values in quotes or not, blank lines, and comments that begin with `#` on lines of their own.
    /// Relative paths in it, and the default state file where it names the backend, are beside the file; those of the
    /// environment begin in the working directory.
    ///
    /// | Setting | Default | Meaning |
    /// |---|---|---|
    /// | `WAYGATE_BACKEND` | `memory` | `memory`, `file` or `redis` (features of those names) |
    /// | `WAYGATE_FILE_PATH` | `waygate-state.json` | with `file` state, the state file; its extension sets the format |
    /// | `WAYGATE_REDIS_URL` | `redis://localhost:6379/0` | with `redis` state, the Redis |
    /// | `WAYGATE_ENV` | `dev` | the [environment](WaygateBuilder::environment) this process runs in |
    /// | `WAYGATE_COUNTERS_REDIS_URL` | | counts requests there; without it, with `redis` state, where the state is |
    /// | `WAYGATE_COUNTER_SNAPSHOT` | with `file` state, `<state file>.counters` | keeps the counters of this process in this file, a path with a directory or an extension; `off` keeps none |
    /// | `WAYGATE_BYPASS_LIFECYCLE` | `false` | serve every route as if it were active |
    /// | `WAYGATE_BYPASS_RATE_LIMITS` | `false` | count nothing and limit nothing |
    ///
    /// Other names that begin with `WAYGATE_` are refused, with what was probably meant: they would set nothing. Not so
    /// those that the command-line client and Python applications read (`WAYGATE_SERVER_URL`, `WAYGATE_SERVICE`,
    /// `WAYGATE_TOKEN`, `WAYGATE_CUSTOM_PATH`), nor what Kubernetes sets for a service called `waygate`
    /// (`WAYGATE_SERVICE_HOST`, `WAYGATE_PORT_80_TCP`), nor `WAYGATE_TEST_`, the prefix of Waygate's own tests.
    ///
    /// Also refused are a path or URL of another backend than `WAYGATE_BACKEND` names, and a setting that needs a feature
    /// which is missing. Where the environment names a backend in place of the file's, what the file says for that one is
    /// left out.
    ///
    /// # Errors
    /// [`BuildError`] naming the setting, where it came from, and what would be right.
    pub fn from_env() -> Result<WaygateBuilder, BuildError> {
        config::from_env()
    }

    /// The same with this file in place of the nearest `.waygate` file. It has to be there; the environment still comes
    /// first.
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
    /// As for [`from_env`](Self::from_env), and when the file cannot be read.
    pub fn from_env_file(path: impl AsRef<std::path::Path>) -> Result<WaygateBuilder, BuildError> {
        config::from_env_file(path.as_ref())
    }

    /// The environment this engine decides for.
    pub fn environment(&self) -> &EnvName {
        &self.inner.env
    }

    /// The service that this process is part of, in a fleet.
    pub fn service(&self) -> Option<&ServiceName> {
        self.inner.service.as_ref()
    }

    /// Returns an operator with this origin, for all changes.
    pub fn operator(&self, origin: Origin) -> Operator {
        Operator::new(self.clone(), origin)
    }

    /// Acts as the program itself; the audit log says `system`.
    pub fn system(&self) -> Operator {
        self.operator(Origin::system())
    }

    /// Waits for a future in a thread that runs no async code: a worker thread, `spawn_blocking`, FFI.
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
    /// If it is called from async code, where it would block the runtime that it waits for.
    pub fn block_on<F: Future>(&self, future: F) -> F::Output {
        self.inner.runtime.block_on(future)
    }

    /// Every registered route as it is now, by path and method.
    pub fn routes(&self) -> Vec<RouteRecord> {
        listing::list(&self.inner.snapshot.load(), self.inner.clock.now())
    }

    /// One route as it is now. A bare path stands for its only method.
    ///
    /// # Errors
    /// [`ResolveError`] when the key means no route, or more than one.
    pub fn route(&self, key: &str) -> Result<RouteRecord, ResolveError> {
        let key = key.parse()?;
        let snapshot = self.inner.snapshot.load();
        let slot = snapshot.table.resolve(&key)?;
        listing::of_slot(&snapshot, slot, self.inner.clock.now())
            .ok_or_else(|| ResolveError::not_registered(&key, None))
    }

    /// The route that a key of a limit means: besides those that [`route`](Self::route) finds, one method of a route for all
    /// of them.
    #[cfg(feature = "admin")]
    pub(crate) fn limited_route(
        &self,
        key: &waygate_core::model::RouteKey,
    ) -> Result<waygate_core::model::RouteKey, ResolveError> {
        let (_, route) = self.inner.snapshot.load().table.resolve_limited(key)?;
        Ok(route)
    }

    /// Stored routes that the code no longer has. They can be [purged](Operator::purge).
    pub async fn orphans(&self) -> Vec<RouteRecord> {
        self.inner.orphans().await
    }

    /// Returns global maintenance as it is now, with the commit that set it (number 0: never set). One that is planned is
    /// not `enabled`, and has a `start`; nothing is left of one that has ended.
    pub fn global_maintenance(&self) -> MaintenanceRecord {
        let snapshot = self.inner.snapshot.load();
        let global = snapshot.global.config.at(self.inner.clock.now());
        self.maintenance_record(global, snapshot.global.revision)
    }

    /// Returns the maintenance of one service, which may be another one than this process is part of.
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

    /// What of maintenance does not do what it says, in words.
    #[cfg(feature = "admin")]
    pub(crate) fn maintenance_warning(
        &self,
        scope: &MaintenanceScope,
        config: &GlobalMaintenance,
    ) -> Option<String> {
        let now = self.inner.clock.now();
        self.inner.maintenance_warning(scope, config, now)
    }

    /// The store's revision that requests see now.
    pub fn revision(&self) -> Revision {
        self.inner.snapshot.load().revision
    }

    /// Which proxies may name the client they speak for.
    pub fn trusted_proxies(&self) -> &TrustedProxies {
        &self.inner.clients.proxies
    }

    /// Lines of the audit log, newest first.
    ///
    /// # Errors
    /// [`BackendError`] when the store cannot be read.
    pub async fn audit(&self, query: AuditQuery) -> Result<Vec<AuditEntry>, BackendError> {
        deadline::in_time(self.inner.backend.audit(query)).await
    }

    /// Every change from now on.
    pub fn subscribe(&self) -> Events {
        self.inner.subscribe()
    }

    /// What is impaired; empty when all is well.
    pub fn health(&self) -> Health {
        self.inner.monitor.current()
    }

    /// What the engine starts with, for people: environment, settings file, stores, bypasses, the table of routes, and what
    /// limits them.
    pub fn report(&self) -> Report {
        let snapshot = self.inner.snapshot.load();
        let bypasses = [Component::LifecycleBypass, Component::RateLimitBypass];
        let health = self.health();
        let notes = bypasses.iter().filter_map(|bypass| health.get(bypass));
        let notes = notes.map(|bypass| bypass.cause.clone());
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
