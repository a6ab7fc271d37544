use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use serde_json::Value;
use tokio::task::AbortHandle;
use waygate_core::{flag::MergedContext, port::BoxFuture};
use waygate_openfeature::{
    EvaluationError, FlagProvider, FlagRequest, Provider, ProviderMetadata, Resolution, Setup,
    TrackingDetails,
};

use super::watch::Watch;
use crate::engine::Waygate;

/// The flags of an engine as a provider of the native OpenFeature SDK. Evaluations read the current snapshot.
///
/// A change of a flag is the event `PROVIDER_CONFIGURATION_CHANGED`, with its key, in whatever process it was made. While
/// the engine cannot read its store, the last known flags apply, and the status is `STALE`; a store that only refuses
/// writes leaves it `READY`. Results name the environment
/// of the engine as `flagSetId`. Tracked actions are conversions ([`Flags::track`](crate::flags::Flags::track)).
///
/// The provider keeps the engine alive until it is replaced or the API is shut down.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// use std::sync::Arc;
///
/// use waygate::{Waygate, openfeature::{EngineProvider, ProviderStatus, isolated}};
///
/// let waygate = Waygate::builder().build().await?;
/// let api = isolated::new();
/// api.set_provider_and_wait(Arc::new(EngineProvider::new(&waygate))).await?;
/// assert_eq!(api.client().provider_status(), ProviderStatus::Ready);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct EngineProvider {
    waygate: Waygate,
    flags: FlagProvider<Waygate>,
    watching: Mutex<Option<AbortHandle>>,
}

impl EngineProvider {
    /// Creates a provider of the flags of an engine.
    pub fn new(waygate: &Waygate) -> Self {
        let environment = waygate.environment().as_str();
        Self {
            waygate: waygate.clone(),
            flags: FlagProvider::new(waygate.clone()).flag_set_id(environment),
            watching: Mutex::default(),
        }
    }

    /// Replaces the task that watches the engine.
    fn watch(&self, task: Option<AbortHandle>) {
        let mut watching = self.watching.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(previous) = std::mem::replace(&mut *watching, task) {
            previous.abort();
        }
    }
}

impl Drop for EngineProvider {
    fn drop(&mut self) {
        self.watch(None);
    }
}

impl Provider for EngineProvider {
    fn metadata(&self) -> ProviderMetadata {
        self.flags.metadata()
    }

    fn initialize(&self, setup: Setup) -> BoxFuture<'_, Result<(), EvaluationError>> {
        let mut watch = Watch::new(&self.waygate, setup.events().clone());
        // A store that is down now is no reason to fail: what was read before it applies.
        watch.check(&self.waygate);
        let task = self.waygate.inner.runtime.spawn(watch.run());
        self.watch(Some(task.abort_handle()));
        self.flags.initialize(setup)
    }

    fn shutdown(&self) -> BoxFuture<'_, ()> {
        self.watch(None);
        self.flags.shutdown()
    }

    fn track(&self, event: &str, context: &MergedContext<'_>, details: &TrackingDetails) {
        let flags = self.waygate.flags();
        flags.track(event, context, details.numeric_value());
    }

    fn resolve_bool(
        &self,
        request: &FlagRequest<'_>,
        default: bool,
    ) -> Result<Resolution<bool>, EvaluationError> {
        self.flags.resolve_bool(request, default)
    }

    fn resolve_integer(
        &self,
        request: &FlagRequest<'_>,
        default: i64,
    ) -> Result<Resolution<i64>, EvaluationError> {
        self.flags.resolve_integer(request, default)
    }

    fn resolve_float(
        &self,
        request: &FlagRequest<'_>,
        default: f64,
    ) -> Result<Resolution<f64>, EvaluationError> {
        self.flags.resolve_float(request, default)
    }

    fn resolve_string(
        &self,
        request: &FlagRequest<'_>,
        default: &str,
    ) -> Result<Resolution<Arc<str>>, EvaluationError> {
        self.flags.resolve_string(request, default)
    }

    fn resolve_object(
        &self,
        request: &FlagRequest<'_>,
        default: &Value,
    ) -> Result<Resolution<Arc<Value>>, EvaluationError> {
        self.flags.resolve_object(request, default)
    }
}

impl fmt::Debug for EngineProvider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EngineProvider")
            .field("environment", self.waygate.environment())
            .finish_non_exhaustive()
    }
}
