use waygate_core::{
    Timestamp,
    grammar::{Interval, ServiceName},
    model::{
        Access, AuditEntry, ConcurrencyPolicy, Deprecation, GlobalMaintenance, LimitKey,
        LimitScope, Origin, RateLimitPolicy, WindowId,
    },
    port::{AuditQuery, BackendError},
};

use super::{
    ChangeError, ConcurrencyRecord, LimitRecord, MaintenanceRecord, Operator, RouteRecord, Waygate,
};

/// The engine for threads without async code: worker threads, `spawn_blocking`, FFI.
///
/// Calls block on the runtime in which the engine was built, which must be running.
///
/// # Panics
/// Every method panics if it is called from async code, where it would block its own runtime.
#[derive(Debug, Clone)]
pub struct Blocking {
    waygate: Waygate,
}

impl Blocking {
    pub(crate) fn new(waygate: Waygate) -> Self {
        Self { waygate }
    }

    /// Returns an operator with this origin.
    pub fn operator(&self, origin: Origin) -> BlockingOperator {
        BlockingOperator {
            waygate: self.waygate.clone(),
            operator: self.waygate.operator(origin),
        }
    }

    /// Returns an operator for the program itself.
    pub fn system(&self) -> BlockingOperator {
        self.operator(Origin::system())
    }

    /// See [`Waygate::service_maintenance`].
    pub fn service_maintenance(&self, service: &ServiceName) -> (GlobalMaintenance, u64) {
        self.waygate
            .inner
            .runtime
            .block_on(self.waygate.service_maintenance(service))
    }

    /// See [`Waygate::orphans`].
    pub fn orphans(&self) -> Vec<RouteRecord> {
        self.waygate.inner.runtime.block_on(self.waygate.orphans())
    }

    /// See [`Waygate::shutdown`].
    pub fn shutdown(&self) {
        self.waygate.inner.runtime.block_on(self.waygate.shutdown());
    }

    /// See [`Waygate::audit`].
    ///
    /// # Errors
    /// [`BackendError`] if the store cannot be read.
    pub fn audit(&self, query: AuditQuery) -> Result<Vec<AuditEntry>, BackendError> {
        self.waygate
            .inner
            .runtime
            .block_on(self.waygate.audit(query))
    }
}

/// An [`Operator`] with blocking methods.
#[derive(Debug, Clone)]
pub struct BlockingOperator {
    waygate: Waygate,
    operator: Operator,
}

impl BlockingOperator {
    /// See [`Operator::if_revision`].
    #[must_use]
    pub fn if_revision(self, number: u64) -> Self {
        Self {
            operator: self.operator.if_revision(number),
            ..self
        }
    }
}

macro_rules! waiting {
    ($($(#[$doc:meta])* $name:ident($($arg:ident: $type:ty),*) -> $output:ty;)+) => {
        impl BlockingOperator {
            $(
                $(#[$doc])*
                ///
                /// # Errors
                /// [`ChangeError`]; on error, nothing is changed.
                pub fn $name(&self, $($arg: $type),*) -> Result<$output, ChangeError> {
                    self.waygate.inner.runtime.block_on(self.operator.$name($($arg),*))
                }
            )+
        }
    };
}

waiting! {
    /// See [`Operator::enable`].
    enable(key: &str, reason: &str) -> RouteRecord;
    /// See [`Operator::disable`].
    disable(key: &str, reason: &str) -> RouteRecord;
    /// See [`Operator::disable_until`].
    disable_until(key: &str, until: Timestamp, reason: &str) -> RouteRecord;
    /// See [`Operator::set_maintenance`].
    set_maintenance(key: &str, reason: &str) -> RouteRecord;
    /// See [`Operator::set_maintenance_until`].
    set_maintenance_until(key: &str, until: Timestamp, reason: &str) -> RouteRecord;
    /// See [`Operator::end_maintenance`].
    end_maintenance(key: &str, reason: &str) -> RouteRecord;
    /// See [`Operator::schedule`].
    schedule(key: &str, interval: Interval, reason: &str) -> RouteRecord;
    /// See [`Operator::cancel_schedule`].
    cancel_schedule(key: &str, window: Option<WindowId>) -> RouteRecord;
    /// See [`Operator::set_env_only`].
    set_env_only(key: &str, envs: &[&str]) -> RouteRecord;
    /// See [`Operator::deprecate`].
    deprecate(key: &str, deprecation: Option<Deprecation>) -> RouteRecord;
    /// See [`Operator::set_access`].
    set_access(key: &str, access: Access) -> RouteRecord;
    /// See [`Operator::reset`].
    reset(key: &str) -> RouteRecord;
    /// See [`Operator::purge`].
    purge(key: &str) -> ();
    /// See [`Operator::enable_global_maintenance`].
    enable_global_maintenance(config: GlobalMaintenance) -> MaintenanceRecord;
    /// See [`Operator::disable_global_maintenance`].
    disable_global_maintenance() -> MaintenanceRecord;
    /// See [`Operator::set_global_exempt_paths`].
    set_global_exempt_paths(paths: &[&str]) -> MaintenanceRecord;
    /// See [`Operator::enable_service_maintenance`].
    enable_service_maintenance(service: &str, config: GlobalMaintenance) -> MaintenanceRecord;
    /// See [`Operator::disable_service_maintenance`].
    disable_service_maintenance(service: &str) -> MaintenanceRecord;
    /// See [`Operator::set_rate_limit`].
    set_rate_limit(key: LimitKey, policy: RateLimitPolicy) -> Option<LimitRecord>;
    /// See [`Operator::delete_rate_limit`].
    delete_rate_limit(key: LimitKey) -> Option<LimitRecord>;
    /// See [`Operator::pause_rate_limit`].
    pause_rate_limit(key: LimitKey) -> Option<LimitRecord>;
    /// See [`Operator::resume_rate_limit`].
    resume_rate_limit(key: LimitKey) -> Option<LimitRecord>;
    /// See [`Operator::shadow_rate_limit`].
    shadow_rate_limit(key: LimitKey) -> Option<LimitRecord>;
    /// See [`Operator::promote_rate_limit`].
    promote_rate_limit(key: LimitKey) -> Option<LimitRecord>;
    /// See [`Operator::reset_rate_limits`].
    reset_rate_limits(scope: LimitScope) -> ();
    /// See [`Operator::reset_rate_limits_of_path`].
    reset_rate_limits_of_path(path: &str) -> ();
    /// See [`Operator::reset_rate_limit_key`].
    reset_rate_limit_key(key: LimitKey, parts: &[&str]) -> ();
    /// See [`Operator::set_concurrency_limit`].
    set_concurrency_limit(key: LimitKey, policy: ConcurrencyPolicy) -> Option<ConcurrencyRecord>;
    /// See [`Operator::delete_concurrency_limit`].
    delete_concurrency_limit(key: LimitKey) -> Option<ConcurrencyRecord>;
    /// See [`Operator::reseed_store`].
    reseed_store() -> bool;
}
