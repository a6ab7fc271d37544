use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use crate::{
    event::{EventDetails, ProviderEvent},
    registered::Registered,
    state::State,
    task::caught,
};

/// The name of a handler, with which it is removed.
///
/// ```
/// use waygate_openfeature::{HandlerId, ProviderEvent, isolated};
///
/// let api = isolated::new();
/// let handler: HandlerId = api.on(ProviderEvent::Ready, |event| println!("{}", event.provider_name));
/// assert!(api.remove_handler(handler));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct HandlerId(u64);

pub(crate) type Handler = Arc<dyn Fn(&EventDetails) + Send + Sync>;

/// The handlers of an API and its clients.
#[derive(Default)]
pub(crate) struct Handlers {
    all: Vec<Entry>,
}

pub(crate) struct Entry {
    id: HandlerId,
    event: ProviderEvent,
    scope: Scope,
    handler: Handler,
}

/// The providers that a handler is about.
#[derive(Debug, Clone)]
pub(crate) enum Scope {
    /// All.
    Api,
    /// That of the clients of a domain.
    Client(Option<Arc<str>>),
}

impl Scope {
    /// Returns whether it includes a provider.
    pub(crate) fn includes(&self, registered: &Arc<Registered>, state: &State) -> bool {
        match self {
            Self::Api => true,
            Self::Client(domain) => {
                let own = state.provider(domain.as_deref());
                own.is_some_and(|own| Arc::ptr_eq(own, registered))
            }
        }
    }
}

impl Handlers {
    pub(crate) fn add(
        &mut self,
        scope: Scope,
        event: ProviderEvent,
        handler: Handler,
    ) -> HandlerId {
        // Of all APIs, so that an id means nothing to another one.
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let id = HandlerId(NEXT.fetch_add(1, Ordering::Relaxed));
        self.all.push(Entry {
            id,
            event,
            scope,
            handler,
        });
        id
    }

    /// Removes a handler, for the caller to drop.
    pub(crate) fn remove(&mut self, id: HandlerId) -> Option<Entry> {
        let place = self.all.iter().position(|entry| entry.id == id)?;
        Some(self.all.remove(place))
    }

    /// Removes all handlers, for the caller to drop.
    pub(crate) fn take(&mut self) -> Vec<Entry> {
        std::mem::take(&mut self.all)
    }

    /// Returns the handlers of an event with a scope as described.
    pub(crate) fn matching(
        &self,
        event: ProviderEvent,
        is_meant: impl Fn(&Scope) -> bool,
    ) -> Vec<Handler> {
        let meant = self
            .all
            .iter()
            .filter(|entry| entry.event == event && is_meant(&entry.scope));
        meant.map(|entry| entry.handler.clone()).collect()
    }
}

/// Runs handlers. The panic of one is none of the others' business.
pub(crate) fn run(handlers: &[Handler], event: &EventDetails) {
    for handler in handlers {
        let _ = caught("an event handler", || handler(event));
    }
}

impl fmt::Debug for Handlers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set()
            .entries(self.all.iter().map(|entry| entry.id))
            .finish()
    }
}
