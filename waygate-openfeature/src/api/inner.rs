use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::{ArcSwap, Guard};

use super::handlers::{Handler, HandlerId, Handlers, Scope, run};
use crate::{
    event::{ProviderEvent, ProviderEventDetails},
    registered::Registered,
    state::State,
};

/// An API. Evaluations read its state without a lock; the lock of the handlers orders all changes.
#[derive(Debug, Default)]
pub(crate) struct Inner {
    state: ArcSwap<State>,
    handlers: Mutex<Handlers>,
}

impl Inner {
    pub(crate) fn state(&self) -> Guard<Arc<State>> {
        self.state.load()
    }

    /// Changes the state. What is removed is dropped without the lock, as its code may use the API.
    pub(crate) fn write<R>(&self, change: impl FnOnce(&mut State, &mut Handlers) -> R) -> R {
        let mut handlers = self.handlers.lock().unwrap_or_else(PoisonError::into_inner);
        let mut state = State::clone(&self.state());
        let result = change(&mut state, &mut handlers);
        let previous = self.state.swap(Arc::new(state));
        drop(handlers);
        drop(previous);
        result
    }

    /// Takes an event of a provider: first its status, then the handlers.
    pub(crate) fn emit(&self, registered: &Arc<Registered>, event: ProviderEventDetails) {
        let event = Arc::new(event.of(registered.metadata.shared_name().clone()));
        let handlers = {
            let handlers = self.handlers.lock().unwrap_or_else(PoisonError::into_inner);
            let state = self.state();
            if state.bindings(registered).next().is_none() {
                return;
            }
            registered.apply(&event);
            handlers.matching(event.event, |scope| scope.includes(registered, &state))
        };
        run(&handlers, &event);
    }

    /// Adds a handler, and runs it for providers that are in the state of the event.
    pub(crate) fn subscribe(
        &self,
        scope: Scope,
        event: ProviderEvent,
        handler: Handler,
    ) -> HandlerId {
        let (id, causes) = self.write(|state, handlers| {
            let id = handlers.add(scope.clone(), event, handler.clone());
            let providers = state.providers().into_iter();
            let concerned = providers.filter(|registered| {
                event.holds_in(registered.status()) && scope.includes(registered, state)
            });
            let causes: Vec<_> = concerned.filter_map(|provider| provider.cause()).collect();
            (id, causes)
        });
        for cause in causes {
            run(std::slice::from_ref(&handler), &cause);
        }
        id
    }
}
