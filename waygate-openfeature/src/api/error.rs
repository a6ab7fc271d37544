use std::io;

use crate::error::EvaluationError;

/// A provider that could not be set, initialized or shut down.
///
/// ```
/// use std::sync::Arc;
///
/// use waygate_openfeature::{InMemoryProvider, OpenFeature, ProviderError};
///
/// async fn start(api: &OpenFeature, provider: Arc<InMemoryProvider>) -> Result<(), ProviderError> {
///     match api.set_provider_and_wait(provider).await {
///         // Start all the same: evaluations return the default until the provider recovers.
///         Err(ProviderError::Initialization { name, source }) => {
///             eprintln!("{name}: {source}");
///             Ok(())
///         }
///         other => other,
///     }
/// }
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProviderError {
    /// A domain-scoped provider is set for another domain already.
    #[error(
        "the provider `{name}` is domain-scoped, and set for another domain: create one for each domain"
    )]
    DomainScoped {
        /// The name of the provider.
        name: String,
    },
    /// The provider failed to initialize.
    #[error("the provider `{name}` cannot be initialized: {source}")]
    Initialization {
        /// The name of the provider.
        name: String,
        /// The error of the provider.
        source: EvaluationError,
    },
    /// The provider panicked while it was shut down.
    #[error("the provider `{name}` did not shut down: {source}")]
    Shutdown {
        /// The name of the provider.
        name: String,
        /// The panic.
        source: EvaluationError,
    },
    /// A function of the provider that waits needs a thread, and the system gave none.
    #[error("no thread for the initialization of a provider: {0}; or enable the feature `tokio`")]
    Background(#[source] io::Error),
    /// A function that describes the provider panicked.
    #[error("the provider cannot be set: {0}")]
    Invalid(#[source] EvaluationError),
}
