//! The API: providers, clients, and what applies to all clients.

mod error;
mod handlers;
mod inner;
mod lifecycle;

use std::{
    fmt,
    sync::{Arc, LazyLock},
};

pub use error::ProviderError;
pub use handlers::HandlerId;
pub(crate) use handlers::Scope;
pub(crate) use inner::Inner;
use waygate_core::flag::EvaluationContext;

use crate::{
    client::Client,
    event::{EventDetails, ProviderEvent},
    hook::Hook,
    metadata::ProviderMetadata,
    provider::Provider,
    transaction::TransactionContextPropagator,
};

/// The API of OpenFeature: the one of the process ([`global`](crate::global)) or an isolated one
/// ([`isolated::new`](crate::isolated::new)). A clone is the same API.
///
/// ```
/// use std::sync::Arc;
///
/// use waygate_core::flag::EvaluationContext;
/// use waygate_openfeature::{InMemoryFlag, InMemoryProvider, ProviderEvent, ThreadContext, isolated};
///
/// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
/// # use waygate_openfeature::HookHints;
/// # struct Timing;
/// # impl waygate_openfeature::Hook for Timing {}
/// # let (old, new) = (InMemoryFlag::new([("on", true)], "on"), InMemoryFlag::new([("on", true)], "on"));
/// let api = isolated::new();
/// api.set_evaluation_context(EvaluationContext::anonymous().with("region", "eu"));
/// api.add_hook(Timing);
/// api.add_hooks([Timing, Timing]);
/// let handler = api.on(ProviderEvent::ConfigurationChanged, |event| {
///     println!("changed: {:?}", event.flags_changed);
/// });
///
/// let provider = Arc::new(InMemoryProvider::new([("new-checkout", old)]));
/// api.set_provider_and_wait(provider).await?;
/// let search = Arc::new(InMemoryProvider::new([("new-ranking", new)]));
/// api.set_provider_for_and_wait("search", search).await?;
/// assert!(api.client().bool("new-checkout", false, None));
/// assert!(api.client_for("search").bool("new-ranking", false, None));
/// assert_eq!(api.provider_metadata_for("search").unwrap().name(), "in-memory");
///
/// // Without waiting until they are ready:
/// # let (old, new) = (InMemoryFlag::new([("on", true)], "on"), InMemoryFlag::new([("on", true)], "on"));
/// api.set_provider(Arc::new(InMemoryProvider::new([("new-checkout", old)])))?;
/// api.set_provider_for("search", Arc::new(InMemoryProvider::new([("new-ranking", new)])))?;
///
/// api.set_transaction_context_propagator(ThreadContext::default());
/// api.set_transaction_context(EvaluationContext::new("user-1"));
///
/// assert!(api.remove_handler(handler));
/// api.shutdown().await?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct OpenFeature {
    inner: Arc<Inner>,
}

/// Returns the API of the process.
///
/// ```
/// let client = waygate_openfeature::global().client();
/// # drop(client);
/// ```
pub fn global() -> &'static OpenFeature {
    static GLOBAL: LazyLock<OpenFeature> = LazyLock::new(OpenFeature::new);
    &GLOBAL
}

/// APIs that share nothing with that of the process, such as for tests that run in parallel.
pub mod isolated {
    use super::OpenFeature;

    /// Creates an API with its own providers, hooks, handlers and contexts. Set an instance of a provider in one API only.
    ///
    /// ```
    /// let one = waygate_openfeature::isolated::new();
    /// let other = waygate_openfeature::isolated::new();
    /// # drop((one, other));
    /// ```
    pub fn new() -> OpenFeature {
        OpenFeature::new()
    }
}

impl OpenFeature {
    fn new() -> Self {
        Self {
            inner: Arc::default(),
        }
    }

    /// Creates a client of the default provider.
    pub fn client(&self) -> Client {
        Client::new(self.inner.clone(), None)
    }

    /// Creates a client of the provider of a domain, or of the default one as long as the domain has none.
    pub fn client_for(&self, domain: impl Into<Arc<str>>) -> Client {
        Client::new(self.inner.clone(), Some(domain.into()))
    }

    /// Sets the default provider, and initializes it: here if it does not wait, otherwise on the current tokio runtime
    /// (feature `tokio`) or a thread of its own. Until it is ready, evaluations return the default of the caller. The
    /// previous provider is shut down.
    ///
    /// # Errors
    /// [`ProviderError::DomainScoped`], which changes nothing, and [`ProviderError::Background`]. A failed initialization
    /// is an event.
    pub fn set_provider(&self, provider: Arc<dyn Provider>) -> Result<(), ProviderError> {
        self.inner.bind(None, provider)?.detach()
    }

    /// Sets the provider of a domain as [`set_provider`](Self::set_provider) does.
    ///
    /// # Errors
    /// As [`set_provider`](Self::set_provider).
    pub fn set_provider_for(
        &self,
        domain: impl Into<Arc<str>>,
        provider: Arc<dyn Provider>,
    ) -> Result<(), ProviderError> {
        self.inner.bind(Some(domain.into()), provider)?.detach()
    }

    /// Sets the default provider, and waits until it is initialized, the handlers of the event have run, and the previous
    /// provider is shut down. If the future is dropped, the provider stays set, and may never become ready.
    ///
    /// # Errors
    /// [`ProviderError::DomainScoped`], which changes nothing; [`ProviderError::Initialization`], with the provider set,
    /// and its status `ERROR` or `FATAL`; [`ProviderError::Shutdown`] of the previous one.
    pub async fn set_provider_and_wait(
        &self,
        provider: Arc<dyn Provider>,
    ) -> Result<(), ProviderError> {
        self.inner.bind(None, provider)?.run().await
    }

    /// Sets the provider of a domain as [`set_provider_and_wait`](Self::set_provider_and_wait) does.
    ///
    /// # Errors
    /// As [`set_provider_and_wait`](Self::set_provider_and_wait).
    pub async fn set_provider_for_and_wait(
        &self,
        domain: impl Into<Arc<str>>,
        provider: Arc<dyn Provider>,
    ) -> Result<(), ProviderError> {
        self.inner.bind(Some(domain.into()), provider)?.run().await
    }

    /// Returns the metadata of the default provider.
    pub fn provider_metadata(&self) -> Option<ProviderMetadata> {
        let state = self.inner.state();
        Some(state.provider(None)?.metadata.clone())
    }

    /// Returns the metadata of the provider that clients of a domain have.
    pub fn provider_metadata_for(&self, domain: &str) -> Option<ProviderMetadata> {
        let state = self.inner.state();
        Some(state.provider(Some(domain))?.metadata.clone())
    }

    /// Adds a hook of all evaluations, after those before.
    pub fn add_hook(&self, hook: impl Hook) {
        self.add_hooks([hook]);
    }

    /// Adds hooks of all evaluations, after those before.
    pub fn add_hooks(&self, hooks: impl IntoIterator<Item = impl Hook>) {
        let hooks: Vec<Arc<dyn Hook>> = hooks.into_iter().map(|hook| Arc::new(hook) as _).collect();
        self.inner.write(|state, _| state.hooks.extend(hooks));
    }

    /// Sets the context of all evaluations, which all other levels override. Providers that are set later are initialized
    /// with it.
    pub fn set_evaluation_context(&self, context: EvaluationContext) {
        self.inner
            .write(|state, _| state.context = Some(Arc::new(context)));
    }

    /// Returns the context of all evaluations.
    pub fn evaluation_context(&self) -> Option<Arc<EvaluationContext>> {
        self.inner.state().context.clone()
    }

    /// Sets the keeper of the contexts of transactions.
    pub fn set_transaction_context_propagator(
        &self,
        propagator: impl TransactionContextPropagator,
    ) {
        self.inner
            .write(|state, _| state.propagator = Some(Arc::new(propagator)));
    }

    /// Sets the context of the current transaction, if there is a propagator.
    pub fn set_transaction_context(&self, context: EvaluationContext) {
        let propagator = self.inner.state().propagator.clone();
        if let Some(propagator) = propagator {
            propagator.set(context);
        }
    }

    /// Runs a function at events of any provider, and now for each provider that is in the state of the event. It stays
    /// when providers are replaced.
    ///
    /// Handlers run where the event is emitted, so they should not wait. A panic does not keep others from running.
    pub fn on(
        &self,
        event: ProviderEvent,
        handler: impl Fn(&EventDetails) + Send + Sync + 'static,
    ) -> HandlerId {
        self.inner.subscribe(Scope::Api, event, Arc::new(handler))
    }

    /// Removes a handler of the API or of a client. Returns whether it was there.
    pub fn remove_handler(&self, handler: HandlerId) -> bool {
        let removed = self.inner.write(|_, handlers| handlers.remove(handler));
        removed.is_some()
    }

    /// Resets the API: removes hooks, handlers, contexts, the propagator and all providers, and shuts the providers down.
    /// Clients stay usable; they evaluate to defaults until a provider is set.
    ///
    /// # Errors
    /// [`ProviderError::Shutdown`] for the first provider that panicked; all others are shut down, too.
    pub async fn shutdown(&self) -> Result<(), ProviderError> {
        self.inner.shutdown().await
    }
}

impl fmt::Debug for OpenFeature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OpenFeature")
            .field("state", &self.inner.state())
            .finish_non_exhaustive()
    }
}
