//! Clients: evaluation and tracking.

mod call;
mod default_value;
mod evaluator;
mod levels;
mod options;
mod own;
mod resolve;
mod stages;
mod typed;

use std::{fmt, sync::Arc};

use arc_swap::ArcSwap;
pub use call::Call;
use evaluator::Evaluator;
use levels::Levels;
pub use options::EvaluationOptions;
use own::Own;
use typed::typed;
use waygate_core::flag::{EvaluationContext, MergedContext};

use crate::{
    api::{HandlerId, Inner, Scope},
    event::{EventDetails, ProviderEvent},
    hook::Hook,
    metadata::ClientMetadata,
    status::ProviderStatus,
    task::caught,
    tracking::TrackingDetails,
};

/// Evaluates flags by the provider of its domain. A clone is the same client.
///
/// Evaluations do not wait, do not panic and do not fail: after an error they return the default of the caller, and the
/// details have the error. Without hooks, they allocate nothing that the provider does not. The context may be left out
/// with `None`.
///
/// ```
/// use std::sync::Arc;
///
/// use serde_json::json;
/// use waygate_core::flag::EvaluationContext;
/// use waygate_openfeature::{EvaluationOptions, InMemoryFlag, InMemoryProvider, Reason, TrackingDetails, isolated};
///
/// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
/// # struct Timing;
/// # impl waygate_openfeature::Hook for Timing {}
/// let api = isolated::new();
/// api.set_provider_and_wait(Arc::new(InMemoryProvider::new([
///     ("new-checkout", InMemoryFlag::new([("on", true)], "on")),
///     ("page-size", InMemoryFlag::new([("small", 20)], "small")),
///     ("theme", InMemoryFlag::new([("dark", "dark")], "dark")),
/// ]))).await?;
///
/// let client = api.client();
/// client.set_evaluation_context(EvaluationContext::anonymous().with("service", "shop"));
/// client.add_hook(Timing);
/// client.add_hooks([Timing, Timing]);
///
/// let user = EvaluationContext::new("user-1").with("plan", "pro");
/// assert!(client.bool("new-checkout", false, &user));
/// assert_eq!(client.integer("page-size", 10, &user), 20);
/// assert_eq!(client.float("ratio", 0.5, None), 0.5);
/// assert_eq!(&*client.string("theme", "light", &user), "dark");
/// assert_eq!(*client.object("limits", &json!({"max": 3}), &user), json!({"max": 3}));
///
/// let details = client.bool_details("new-checkout", false, &user);
/// assert_eq!((details.variant.as_deref(), details.reason), (Some("on"), Some(Reason::Static)));
///
/// let options = EvaluationOptions::default().hook(Timing);
/// assert!(client.with(&options).bool("new-checkout", false, &user));
/// client.track("checkout", &user, &TrackingDetails::default().value(99.5));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Client {
    evaluator: Arc<Evaluator>,
}

typed!(Client, |self| self.evaluator, None);

impl Client {
    pub(crate) fn new(inner: Arc<Inner>, domain: Option<Arc<str>>) -> Self {
        Self {
            evaluator: Arc::new(Evaluator {
                inner,
                metadata: ClientMetadata::new(domain),
                own: ArcSwap::default(),
            }),
        }
    }

    /// Returns the metadata.
    pub fn metadata(&self) -> &ClientMetadata {
        &self.evaluator.metadata
    }

    /// Returns the status of the provider.
    pub fn provider_status(&self) -> ProviderStatus {
        let state = self.evaluator.inner.state();
        let provider = state.provider(self.evaluator.metadata.domain());
        provider.map_or(ProviderStatus::NotReady, |provider| provider.status())
    }

    /// Adds a hook of the evaluations of this client, after those before.
    pub fn add_hook(&self, hook: impl Hook) {
        self.add_hooks([hook]);
    }

    /// Adds hooks of the evaluations of this client, after those before.
    pub fn add_hooks(&self, hooks: impl IntoIterator<Item = impl Hook>) {
        let hooks: Vec<Arc<dyn Hook>> = hooks.into_iter().map(|hook| Arc::new(hook) as _).collect();
        self.evaluator.own.rcu(|own| {
            let mut own = Own::clone(own);
            own.hooks.extend(hooks.iter().cloned());
            own
        });
    }

    /// Sets the context of the evaluations of this client. It overrides those of the API and of the transaction.
    pub fn set_evaluation_context(&self, context: EvaluationContext) {
        let context = Arc::new(context);
        self.evaluator.own.rcu(|own| Own {
            context: Some(context.clone()),
            ..Own::clone(own)
        });
    }

    /// Returns the context of the evaluations of this client.
    pub fn evaluation_context(&self) -> Option<Arc<EvaluationContext>> {
        self.evaluator.own.load().context.clone()
    }

    /// Runs a function at events of the provider of this client's domain, and now if the provider is in the state of the
    /// event. It stays when the provider is replaced, and when the client is dropped.
    ///
    /// ```
    /// use waygate_openfeature::{ProviderEvent, isolated};
    ///
    /// let client = isolated::new().client_for("search");
    /// let handler = client.on(ProviderEvent::Ready, |event| println!("{} is ready", event.provider_name));
    /// client.remove_handler(handler);
    /// ```
    pub fn on(
        &self,
        event: ProviderEvent,
        handler: impl Fn(&EventDetails) + Send + Sync + 'static,
    ) -> HandlerId {
        let scope = Scope::Client(self.evaluator.metadata.shared_domain().cloned());
        self.evaluator
            .inner
            .subscribe(scope, event, Arc::new(handler))
    }

    /// Removes a handler. Returns whether it was there.
    pub fn remove_handler(&self, handler: HandlerId) -> bool {
        let inner = &self.evaluator.inner;
        let removed = inner.write(|_, handlers| handlers.remove(handler));
        removed.is_some()
    }

    /// Reports an action of a user to the provider, which may ignore it.
    pub fn track<'a>(
        &self,
        event: &str,
        context: impl Into<Option<&'a EvaluationContext>>,
        details: &TrackingDetails,
    ) {
        let (state, own) = (self.evaluator.inner.state(), self.evaluator.own.load());
        let Some(registered) = state.provider(self.evaluator.metadata.domain()) else {
            return;
        };
        let levels = Levels::new(&state, &own, context.into());
        let levels = levels.as_array();
        let context = MergedContext::of(&levels);
        // A function that returns nothing has no way to report an error.
        let _ = caught("the provider", || {
            registered.provider.track(event, &context, details);
        });
    }

    /// Evaluates with hooks and hints for single calls.
    pub fn with<'a>(&'a self, options: &'a EvaluationOptions) -> Call<'a> {
        Call::new(&self.evaluator, options)
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("domain", &self.evaluator.metadata.domain())
            .finish_non_exhaustive()
    }
}
