use std::sync::Arc;

use super::{
    error::ProviderError,
    handlers::{Handler, Scope, run},
    inner::Inner,
};
use crate::{
    error::{ErrorCode, EvaluationError},
    event::{EventDetails, ProviderEvent, ProviderEventDetails},
    provider::{EventEmitter, Provider, Setup},
    registered::Registered,
    state::State,
    status::ProviderStatus,
    task::{caught, caught_future, detach, soon},
};

/// A provider that has just been set.
pub(crate) struct Bound {
    inner: Arc<Inner>,
    registered: Arc<Registered>,
    work: Work,
    /// The previous provider, if it is set nowhere else.
    replaced: Option<Arc<Registered>>,
}

enum Work {
    Initialize(Setup),
    /// It was set elsewhere before: the clients that have it now hear of its state.
    Announce(Vec<Handler>, Option<Arc<EventDetails>>),
}

impl Inner {
    /// Sets a provider for a domain, or the default one.
    pub(crate) fn bind(
        self: &Arc<Self>,
        domain: Option<Arc<str>>,
        provider: Arc<dyn Provider>,
    ) -> Result<Bound, ProviderError> {
        let new = caught("the provider", || Registered::new(provider));
        let new = Arc::new(new.map_err(ProviderError::Invalid)?);
        self.write(|state, handlers| {
            let all = state.providers();
            let same = |other: &&Arc<Registered>| Arc::ptr_eq(&other.provider, &new.provider);
            let existing = all.iter().find(same).cloned();
            let registered = existing.clone().unwrap_or(new);
            let is_elsewhere = |other: Option<&str>| other != domain.as_deref();
            if registered.is_domain_scoped && state.bindings(&registered).any(is_elsewhere) {
                let name = registered.metadata.name().to_owned();
                return Err(ProviderError::DomainScoped { name });
            }
            let before = state.clone();
            let replaced = match &domain {
                Some(domain) => state.domains.insert(domain.clone(), registered.clone()),
                None => state.default.replace(registered.clone()),
            };
            let replaced = replaced.filter(|old| state.bindings(old).next().is_none());
            let work = match existing {
                None => Work::Initialize(self.setup(state, domain, &registered)),
                Some(_) => {
                    let cause = registered.cause();
                    let event = cause.as_ref().map(|cause| cause.event);
                    let is_new = |scope: &Scope| {
                        scope.includes(&registered, state) && !scope.includes(&registered, &before)
                    };
                    let handlers = event.map(|event| handlers.matching(event, is_new));
                    Work::Announce(handlers.unwrap_or_default(), cause)
                }
            };
            Ok(Bound {
                inner: self.clone(),
                registered,
                work,
                replaced,
            })
        })
    }

    fn setup(
        self: &Arc<Self>,
        state: &State,
        domain: Option<Arc<str>>,
        registered: &Arc<Registered>,
    ) -> Setup {
        let weak = (Arc::downgrade(self), Arc::downgrade(registered));
        let events = EventEmitter::new(move |event| {
            if let (Some(inner), Some(registered)) = (weak.0.upgrade(), weak.1.upgrade()) {
                inner.emit(&registered, event);
            }
        });
        Setup::new(state.context.clone().unwrap_or_default(), domain, events)
    }

    pub(crate) async fn shutdown(&self) -> Result<(), ProviderError> {
        let (providers, handlers) = self.write(|state, handlers| {
            let providers = state.providers();
            *state = State::default();
            (providers, handlers.take())
        });
        drop(handlers);
        let mut result = Ok(());
        for registered in providers {
            let shut_down = retire(registered).await;
            result = result.and(shut_down);
        }
        result
    }
}

impl Bound {
    /// Completes the change.
    pub(crate) async fn run(self) -> Result<(), ProviderError> {
        let registered = self.registered;
        let initialized = match self.work {
            Work::Initialize(setup) => initialize(&self.inner, &registered, setup).await,
            Work::Announce(handlers, cause) => {
                if let Some(cause) = cause {
                    run(&handlers, &cause);
                }
                registered.initialized.pass().await;
                Ok(())
            }
        };
        drop(registered);
        let shut_down = match self.replaced {
            Some(replaced) => retire(replaced).await,
            None => Ok(()),
        };
        initialized.and(shut_down)
    }

    /// Completes the change in the background.
    pub(crate) fn detach(self) -> Result<(), ProviderError> {
        let run = async {
            // A failed initialization is an event, which is how a caller that does not wait learns of it.
            let _ = self.run().await;
        };
        detach(Box::pin(run)).map_err(ProviderError::Background)
    }
}

async fn initialize(
    inner: &Inner,
    registered: &Arc<Registered>,
    setup: Setup,
) -> Result<(), ProviderError> {
    /// Lets others pass even if the future is dropped.
    struct Opens<'a>(&'a Registered);
    impl Drop for Opens<'_> {
        fn drop(&mut self) {
            self.0.initialized.open();
        }
    }
    let _opens = Opens(registered);
    let call = || registered.provider.initialize(setup);
    let result = caught_future("the provider", call).await;
    let status = registered.status();
    let Err(error) = result.and_then(|result| result) else {
        if status == ProviderStatus::NotReady {
            inner.emit(registered, ProviderEventDetails::new(ProviderEvent::Ready));
        }
        return Ok(());
    };
    if !matches!(status, ProviderStatus::Error | ProviderStatus::Fatal) {
        inner.emit(registered, failure(&error));
    }
    Err(ProviderError::Initialization {
        name: registered.metadata.name().to_owned(),
        source: error,
    })
}

fn failure(error: &EvaluationError) -> ProviderEventDetails {
    let event = ProviderEventDetails::new(ProviderEvent::Error).error_code(error.code());
    let message = error.message().unwrap_or(match error.code() {
        ErrorCode::ProviderFatal => "the provider failed for good",
        _ => "the provider failed to initialize",
    });
    event.message(message)
}

/// Shuts a provider down that is set no longer, after the evaluations in flight.
async fn retire(registered: Arc<Registered>) -> Result<(), ProviderError> {
    soon(|| Arc::strong_count(&registered) == 1).await;
    let result = caught_future("the provider", || registered.provider.shutdown()).await;
    registered.set_not_ready();
    result.map_err(|source| ProviderError::Shutdown {
        name: registered.metadata.name().to_owned(),
        source,
    })
}
