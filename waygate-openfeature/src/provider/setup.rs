use std::{fmt, sync::Arc};

use waygate_core::flag::EvaluationContext;

use crate::event::ProviderEventDetails;

/// The facts that a provider is initialized with.
///
/// ```
/// use waygate_core::port::BoxFuture;
/// use waygate_openfeature::{EvaluationError, Setup};
///
/// fn initialize(setup: Setup) -> BoxFuture<'static, Result<(), EvaluationError>> {
///     let region = setup.context().get("region").cloned();
///     let events = setup.events().clone();
///     Box::pin(async move {
///         // Connect, and keep `events` for changes.
///         Ok(())
///     })
/// }
/// ```
#[derive(Debug, Clone)]
pub struct Setup {
    context: Arc<EvaluationContext>,
    domain: Option<Arc<str>>,
    events: EventEmitter,
}

impl Setup {
    pub(crate) fn new(
        context: Arc<EvaluationContext>,
        domain: Option<Arc<str>>,
        events: EventEmitter,
    ) -> Self {
        Self {
            context,
            domain,
            events,
        }
    }

    /// Returns the context of the API.
    pub fn context(&self) -> &EvaluationContext {
        &self.context
    }

    /// Returns the domain that the provider is bound to; `None` for the default provider.
    pub fn domain(&self) -> Option<&str> {
        self.domain.as_deref()
    }

    /// Returns the handle for events.
    pub fn events(&self) -> &EventEmitter {
        &self.events
    }
}

/// The handle with which a provider emits events, until it is replaced or shut down.
///
/// ```
/// use waygate_openfeature::{EventEmitter, ProviderEvent, ProviderEventDetails};
///
/// fn on_disconnect(events: &EventEmitter) {
///     events.emit(ProviderEventDetails::new(ProviderEvent::Stale).message("the connection was lost"));
/// }
/// ```
#[derive(Clone)]
pub struct EventEmitter(Arc<dyn Fn(ProviderEventDetails) + Send + Sync>);

impl EventEmitter {
    pub(crate) fn new(emit: impl Fn(ProviderEventDetails) + Send + Sync + 'static) -> Self {
        Self(Arc::new(emit))
    }

    /// Sets the status of the provider, and runs the handlers of the event, here. Ignored after a shutdown.
    pub fn emit(&self, event: ProviderEventDetails) {
        (self.0)(event);
    }
}

impl fmt::Debug for EventEmitter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EventEmitter")
    }
}
