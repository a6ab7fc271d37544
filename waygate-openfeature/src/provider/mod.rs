//! Providers: the systems that evaluate flags.

mod flags;
mod memory;
mod request;
mod resolution;
mod setup;
mod slot;

use std::sync::Arc;

pub use flags::FlagProvider;
pub use memory::{InMemoryFlag, InMemoryProvider};
pub use request::FlagRequest;
pub use resolution::Resolution;
use serde_json::Value;
pub use setup::{EventEmitter, Setup};
use waygate_core::{flag::MergedContext, port::BoxFuture};

use crate::{
    error::EvaluationError, hook::Hook, metadata::ProviderMetadata, tracking::TrackingDetails,
};

/// A system that evaluates flags.
///
/// Functions that evaluate are called for each evaluation, from many threads, and do not wait: a provider of a remote
/// system keeps the flags in memory. A panic becomes an error with the code `GENERAL`.
///
/// ```
/// use std::sync::Arc;
///
/// use serde_json::Value;
/// use waygate_core::{flag::MergedContext, port::BoxFuture};
/// use waygate_openfeature::{
///     ErrorCode, EvaluationError, FlagRequest, Provider, ProviderMetadata, Reason, Resolution, Setup,
///     TrackingDetails, isolated,
/// };
///
/// /// Turns on what the environment names.
/// struct Environment;
///
/// impl Provider for Environment {
///     fn metadata(&self) -> ProviderMetadata {
///         ProviderMetadata::new("environment")
///     }
///
///     fn resolve_bool(
///         &self,
///         request: &FlagRequest<'_>,
///         _: bool,
///     ) -> Result<Resolution<bool>, EvaluationError> {
///         let text = std::env::var(request.key());
///         let text = text.map_err(|_| EvaluationError::new(ErrorCode::FlagNotFound))?;
///         let value = text.parse().map_err(|_| EvaluationError::new(ErrorCode::TypeMismatch))?;
///         Ok(Resolution::new(value).reason(Reason::Static))
///     }
///
///     fn resolve_integer(
///         &self,
///         request: &FlagRequest<'_>,
///         default: i64,
///     ) -> Result<Resolution<i64>, EvaluationError> {
///         Ok(Resolution::new(default))
///     }
/// #   fn resolve_float(&self, _: &FlagRequest<'_>, default: f64) -> Result<Resolution<f64>, EvaluationError> {
/// #       Ok(Resolution::new(default))
/// #   }
/// #   fn resolve_string(&self, _: &FlagRequest<'_>, default: &str) -> Result<Resolution<Arc<str>>, EvaluationError> {
/// #       Ok(Resolution::new(default.into()))
/// #   }
/// #   fn resolve_object(&self, _: &FlagRequest<'_>, default: &Value) -> Result<Resolution<Arc<Value>>, EvaluationError> {
/// #       Ok(Resolution::new(Arc::new(default.clone())))
/// #   }
///     // resolve_float, resolve_string, resolve_object
///
///     // The rest is optional.
///     fn initialize(&self, setup: Setup) -> BoxFuture<'_, Result<(), EvaluationError>> {
///         Box::pin(async move {
///             println!("ready for {:?}", setup.domain());
///             Ok(())
///         })
///     }
///
///     fn track(&self, event: &str, context: &MergedContext<'_>, details: &TrackingDetails) {
///         println!("{event} by {:?}: {:?}", context.targeting_key(), details.numeric_value());
///     }
/// }
///
/// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
/// let api = isolated::new();
/// api.set_provider_and_wait(Arc::new(Environment)).await?;
/// assert!(!api.client().bool("NEW_CHECKOUT", false, None));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[expect(unused_variables, reason = "the names are documentation")]
pub trait Provider: Send + Sync + 'static {
    /// Returns the name of the provider. Read once, when it is set.
    fn metadata(&self) -> ProviderMetadata;

    /// Returns hooks that run at each evaluation by this provider. Read once, when it is set.
    fn hooks(&self) -> Vec<Arc<dyn Hook>> {
        Vec::new()
    }

    /// Returns whether the provider keeps state for one domain, and can be bound to only one. Read once, when it is set.
    fn is_domain_scoped(&self) -> bool {
        false
    }

    /// Makes the provider ready. The SDK emits `PROVIDER_READY` or `PROVIDER_ERROR` afterwards, unless the provider has.
    ///
    /// # Errors
    /// [`ErrorCode::ProviderFatal`](crate::ErrorCode::ProviderFatal) if it will never be ready; other codes if it may
    /// recover, and then emit `PROVIDER_READY`.
    fn initialize(&self, setup: Setup) -> BoxFuture<'_, Result<(), EvaluationError>> {
        Box::pin(std::future::ready(Ok(())))
    }

    /// Releases what the provider has. Called when it is set no longer and the evaluations in flight have ended. It may
    /// be called again, and the provider may be initialized again.
    fn shutdown(&self) -> BoxFuture<'_, ()> {
        Box::pin(std::future::ready(()))
    }

    /// Notes an action of a user. Providers without tracking ignore it.
    fn track(&self, event: &str, context: &MergedContext<'_>, details: &TrackingDetails) {}

    /// Evaluates a flag as a boolean.
    ///
    /// # Errors
    /// With the code of the specification. The caller gets the default.
    fn resolve_bool(
        &self,
        request: &FlagRequest<'_>,
        default: bool,
    ) -> Result<Resolution<bool>, EvaluationError>;

    /// Evaluates a flag as a whole number.
    ///
    /// # Errors
    /// As [`resolve_bool`](Self::resolve_bool).
    fn resolve_integer(
        &self,
        request: &FlagRequest<'_>,
        default: i64,
    ) -> Result<Resolution<i64>, EvaluationError>;

    /// Evaluates a flag as a floating-point number.
    ///
    /// # Errors
    /// As [`resolve_bool`](Self::resolve_bool).
    fn resolve_float(
        &self,
        request: &FlagRequest<'_>,
        default: f64,
    ) -> Result<Resolution<f64>, EvaluationError>;

    /// Evaluates a flag as a string.
    ///
    /// # Errors
    /// As [`resolve_bool`](Self::resolve_bool).
    fn resolve_string(
        &self,
        request: &FlagRequest<'_>,
        default: &str,
    ) -> Result<Resolution<Arc<str>>, EvaluationError>;

    /// Evaluates a flag as a structure.
    ///
    /// # Errors
    /// As [`resolve_bool`](Self::resolve_bool).
    fn resolve_object(
        &self,
        request: &FlagRequest<'_>,
        default: &Value,
    ) -> Result<Resolution<Arc<Value>>, EvaluationError>;
}
