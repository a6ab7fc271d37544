//! State, commands and decisions, independent of axum.

#[cfg(feature = "axum")]
mod answers;
mod attached;
mod audit;
#[cfg(feature = "axum")]
mod bindings;
mod blocking;
#[cfg(feature = "file")]
mod boot_cache;
mod builder;
mod bypass;
mod callers;
mod catch_up;
mod channels;
mod clients;
mod clock;
mod commit;
mod compiler;
#[cfg_attr(
    not(feature = "axum"),
    expect(
        dead_code,
        reason = "it is the adapter to a framework that has requests counted"
    )
)]
mod concurrency;
mod config;
#[cfg(feature = "file")]
mod counter_snapshot;
mod deadline;
mod decide;
mod declared;
#[cfg(feature = "admin")]
mod entities;
mod environment;
mod error;
mod event;
mod facts;
#[cfg(feature = "axum")]
mod headers;
mod health;
mod inner;
mod kinds;
#[cfg_attr(
    not(feature = "axum"),
    expect(
        dead_code,
        reason = "it is the adapter to a framework that has requests counted"
    )
)]
mod limits;
mod lineage;
mod listing;
mod maintenance;
mod merge;
mod methods;
mod misnamed;
#[cfg_attr(
    not(feature = "axum"),
    expect(
        dead_code,
        reason = "it is the adapter to a framework that finds handlers"
    )
)]
mod mounts;
mod named;
mod nearest;
mod notice;
mod open;
mod operator;
mod principal;
mod publish;
mod record;
mod refresh;
mod register;
mod register_error;
mod report;
mod reseed;
mod route_change;
mod scheduler;
mod setback;
mod snapshot;
#[cfg(feature = "axum")]
mod stacked;
mod store;
mod store_reset;
mod stored;
mod supervise;
mod sync;
mod table;
mod target;
mod touched;
mod tx;
mod unmatched;
mod unreadable;
#[cfg(feature = "axum")]
mod unregistered;

use std::{fmt, sync::Arc};

use waygate_core::{
    decision::{Facts, Verdict},
    grammar::{EnvName, ServiceName},
    model::{AuditEntry, GlobalMaintenance, Origin, Revision},
    net::TrustedProxies,
    port::{AuditQuery, BackendError},
};

pub use blocking::{Blocking, BlockingOperator};
pub use builder::WaygateBuilder;
pub use concurrency::ConcurrencyRecord;
pub use declared::Source;
pub use error::{BuildError, ChangeError, ResolveError};
pub use event::{Changed, Event, Events};
pub use health::{Component, Degraded, Health};
pub use limits::{
    CountingMode, CountingModes, DecisionCause, DecisionRecord, DecisionStep, HitQuery, HitRecord,
    KeyUse, LimitCounts, LimitRecord, RateLimitHeaders, SkippedPolicy,
};
pub use maintenance::MaintenanceRecord;
pub use operator::Operator;
pub use principal::Principal;
pub use record::RouteRecord;
pub use register::Registration;
pub use register_error::RegisterError;
pub use report::Report;
pub use store_reset::OnStoreReset;
pub use target::RequestTarget;

pub(crate) use attached::Attached;
#[cfg(feature = "axum")]
pub(crate) use clients::Clients;
#[cfg(feature = "testing")]
pub(crate) use compiler::Bypass;
#[cfg(feature = "axum")]
pub(crate) use concurrency::{Concurrency, Full, Permit, acquire};
#[cfg(feature = "axum")]
pub(crate) use decide::{Limited, in_test};
pub(crate) use declared::Registered;
#[cfg(feature = "axum")]
pub(crate) use headers::{StateHeaders, uncached};
pub(crate) use inner::Inner;
#[cfg(feature = "axum")]
pub(crate) use limits::{
    Admission, Admitting, Allowed, Functions, LimitFacts, LimitedKey, Limits, NO_PRINCIPAL,
    NoFunctions, POLICY, Policy, Refusal, RefusalCause, RequestInfo, instant, missing_part,
    needs_of_caller,
};
#[cfg(feature = "axum")]
pub(crate) use methods::MethodSet;
#[cfg(feature = "axum")]
pub(crate) use mounts::Mount;
#[cfg(feature = "axum")]
pub(crate) use nearest::nearest;
#[cfg(feature = "axum")]
pub(crate) use register::Found;
#[cfg(feature = "openapi")]
pub(crate) use snapshot::Slot;
#[cfg(feature = "axum")]
pub(crate) use snapshot::{Checks, Snapshot};
#[cfg(all(test, feature = "admin"))]
pub(crate) use store::AnyCollection;
#[cfg(feature = "axum")]
pub(crate) use table::{Governing, Served, Table};
#[cfg(feature = "axum")]
pub(crate) use target::{Asked, is_preflight};
#[cfg(feature = "admin")]
pub(crate) use {
    audit::entry as audit_entry,
    kinds::{Logins, MaintenanceScope, Tokens},
    limits::LimitCommand,
    maintenance::MaintenanceCommand,
    notice::MaintenanceNotice,
    store::{Collection, Kind, Versioned},
};

/// The engine: holds the state of every route, changes it, and decides requests.
///
/// A handle; clones are cheap and share the same engine. Background tasks end when the last handle and the last
/// guarded router are dropped, or with [`shutdown`](Self::shutdown).
#[derive(Clone)]
pub struct Waygate {
    pub(crate) inner: Arc<Inner>,
}

impl Waygate {
    /// Returns a builder with default settings. It does not read the environment; see [`from_env`](Self::from_env).
    pub fn builder() -> WaygateBuilder {
        WaygateBuilder::default()
    }

    /// Returns a builder with settings from `WAYGATE_*` variables and the nearest `.waygate` file.
    ///
    /// The order of precedence is: a call on the builder, the environment (an empty value counts as unset), the
    /// nearest `.waygate` file from the working directory upwards, the default. The file has `NAME=value` lines with
    /// optional quotes, blank lines, and comments that start with `#` on separate lines. Relative paths in it, and
    /// the default state file if it sets the backend, are relative to its directory; those of the environment are
    /// relative to the working directory.
    ///
    /// | Setting | Default | Meaning |
    /// |---|---|---|
    /// | `WAYGATE_BACKEND` | `memory` | `memory`, `file` or `redis` (features of those names) |
    /// | `WAYGATE_FILE_PATH` | `waygate-state.json` | with `file` state, the state file; its extension sets the format |
    /// | `WAYGATE_REDIS_URL` | `redis://localhost:6379/0` | with `redis` state, the Redis |
    /// | `WAYGATE_ENV` | `dev` | the [environment](WaygateBuilder::environment) this process runs in |
    /// | `WAYGATE_COUNTERS_REDIS_URL` | | the Redis for counters; by default, with `redis` state, that of the state |
    /// | `WAYGATE_COUNTER_SNAPSHOT` | with `file` state, `<state file>.counters` | the file for the counters of this process, a path with a directory or an extension; `off` disables it |
    /// | `WAYGATE_BYPASS_LIFECYCLE` | `false` | serve every route as if it were active |
    /// | `WAYGATE_BYPASS_RATE_LIMITS` | `false` | disable rate limits and concurrency limits |
    ///
    /// Other names with the prefix `WAYGATE_` would have no effect, so they are refused with the likely name.
    /// Exceptions are the variables of the command-line client and of Python applications (`WAYGATE_SERVER_URL`,
    /// `WAYGATE_SERVICE`, `WAYGATE_TOKEN`, `WAYGATE_CUSTOM_PATH`), those that Kubernetes sets for a service called
    /// `waygate` (`WAYGATE_SERVICE_HOST`, `WAYGATE_PORT_80_TCP`), and `WAYGATE_TEST_`, the prefix of Waygate's own
    /// tests.
    ///
    /// A path or URL of another backend than `WAYGATE_BACKEND`, and a setting that needs a missing feature, are
    /// refused too. If the environment sets the backend, the file's backend and its settings are ignored.
    ///
    /// # Errors
    /// [`BuildError`] with the setting, its origin, and the expected value.
    pub fn from_env() -> Result<WaygateBuilder, BuildError> {
        config::from_env()
    }

    /// Like [`from_env`](Self::from_env), with this file instead of the nearest one. It must exist; the environment
    /// still takes precedence.
    ///
    /// # Errors
    /// As for [`from_env`](Self::from_env), or if the file cannot be read.
    pub fn from_env_file(path: impl AsRef<std::path::Path>) -> Result<WaygateBuilder, BuildError> {
        config::from_env_file(path.as_ref())
    }

    /// Returns the environment of this engine.
    pub fn environment(&self) -> &EnvName {
        &self.inner.env
    }

    /// Returns the service of this process in a fleet.
    pub fn service(&self) -> Option<&ServiceName> {
        self.inner.service.as_ref()
    }

    /// Returns an operator with this origin. All changes go through it.
    pub fn operator(&self, origin: Origin) -> Operator {
        Operator::new(self.clone(), origin)
    }

    /// Returns an operator for the program itself, `system` in the audit log.
    pub fn system(&self) -> Operator {
        self.operator(Origin::system())
    }

    /// Returns the same engine for threads without async code.
    pub fn blocking(&self) -> Blocking {
        Blocking::new(self.clone())
    }

    /// Returns every registered route, sorted by path and method.
    pub fn routes(&self) -> Vec<RouteRecord> {
        listing::list(&self.inner.snapshot.load(), self.inner.clock.now())
    }

    /// Returns one route. A bare path also names its only method.
    ///
    /// # Errors
    /// [`ResolveError`] if the key matches no route, or several.
    pub fn route(&self, key: &str) -> Result<RouteRecord, ResolveError> {
        let key = key.parse()?;
        let snapshot = self.inner.snapshot.load();
        let slot = snapshot.table.resolve(&key)?;
        listing::of_slot(&snapshot, slot, self.inner.clock.now())
            .ok_or_else(|| ResolveError::unlike_any(&key))
    }

    /// Returns the route of a limit's key: like [`route`](Self::route), and also one method of a route for all
    /// methods.
    #[cfg(feature = "admin")]
    pub(crate) fn limited_route(
        &self,
        key: &str,
    ) -> Result<waygate_core::model::RouteKey, ResolveError> {
        let key = key.parse()?;
        let (_, route) = self.inner.snapshot.load().table.resolve_limited(&key)?;
        Ok(route)
    }

    /// Returns stored routes that the code no longer has. They can be [purged](Operator::purge).
    pub async fn orphans(&self) -> Vec<RouteRecord> {
        self.inner.orphans().await
    }

    /// Returns the global maintenance, and the number of the commit that set it (0: never set). A planned one is not
    /// `enabled`, and has a `start`; an expired one is removed.
    pub fn global_maintenance(&self) -> (GlobalMaintenance, u64) {
        let snapshot = self.inner.snapshot.load();
        let global = snapshot.global.config.at(self.inner.clock.now());
        (global, snapshot.global.revision)
    }

    /// Returns the maintenance of one service, which may be another service than that of this process.
    pub async fn service_maintenance(&self, service: &ServiceName) -> (GlobalMaintenance, u64) {
        let scope = kinds::MaintenanceScope::Service(service.clone());
        let known = self.inner.stored.lock().await.maintenance(&scope);
        (known.value.at(self.inner.clock.now()), known.revision)
    }

    /// Describes the parts of a maintenance without effect.
    #[cfg(feature = "admin")]
    pub(crate) fn maintenance_warning(
        &self,
        scope: &MaintenanceScope,
        config: &GlobalMaintenance,
    ) -> Option<String> {
        let now = self.inner.clock.now();
        self.inner.maintenance_warning(scope, config, now)
    }

    /// Returns the store's revision that requests currently see.
    pub fn revision(&self) -> Revision {
        self.inner.snapshot.load().revision
    }

    /// Decides a request, for adapters to other frameworks than axum. Passes the verdict to `answer`, because it
    /// borrows from the current snapshot. The decision is the same as in [`guard`](Self::guard) and
    /// [`RouteGuard`](crate::RouteGuard); limits are not counted.
    ///
    /// ```
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
    /// use std::net::IpAddr;
    /// use http::Method;
    /// use waygate::{Facts, RequestTarget, RoleName, RouteState, Verdict, Waygate};
    ///
    /// struct Anyone;
    /// impl Facts for Anyone {
    ///     fn client_ip(&self) -> Option<IpAddr> { None }
    ///     fn has_role(&self, _: &RoleName) -> bool { false }
    /// }
    ///
    /// let waygate = Waygate::builder().build().await?;
    /// waygate.register("GET:/items/{id}".parse()?, RouteState::default()).await?;
    /// waygate.system().disable("/items/{id}", "incident").await?;
    ///
    /// let target = RequestTarget::new(&Method::GET, "/items/7").matched("/items/{id}");
    /// let is_open = waygate.decide(target, &Anyone, |verdict| !matches!(verdict, Verdict::Block(_)));
    /// assert!(!is_open);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn decide<T>(
        &self,
        target: RequestTarget<'_>,
        facts: &impl Facts,
        answer: impl FnOnce(Verdict<'_>) -> T,
    ) -> T {
        let snapshot = self.inner.snapshot.load();
        let slots = target
            .template()
            .map(|template| target.governing(&snapshot.table, template));
        let slots = slots.unwrap_or_default();
        let (_, verdict) = self.inner.decide_among(&snapshot, &slots, &target, facts);
        answer(verdict)
    }

    /// Returns the trusted proxies.
    pub fn trusted_proxies(&self) -> &TrustedProxies {
        &self.inner.clients.proxies
    }

    /// Returns lines of the audit log, newest first.
    ///
    /// # Errors
    /// [`BackendError`] if the store cannot be read.
    pub async fn audit(&self, query: AuditQuery) -> Result<Vec<AuditEntry>, BackendError> {
        deadline::in_time(self.inner.backend.audit(query)).await
    }

    /// Subscribes to all future changes.
    pub fn subscribe(&self) -> Events {
        self.inner.subscribe()
    }

    /// Returns the impaired components; empty if all are healthy.
    pub fn health(&self) -> Health {
        self.inner.monitor.current()
    }

    /// Returns a human-readable report: environment, settings file, stores, bypasses, the table of routes, and their
    /// limits.
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
        .with_costed(snapshot.table.costed().collect())
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
