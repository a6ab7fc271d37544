use std::{
    sync::{Arc, Weak},
    time::Duration,
};

use waygate_openfeature::{EventEmitter, ProviderEvent, ProviderEventDetails};

use crate::engine::{Component, Event, Events, Inner, Waygate};

/// The time between two looks at the engine's health, of which it sends no events.
const PAUSE: Duration = Duration::from_secs(1);

/// The components, besides the reads of the store, without which flags may be out of date.
const NEEDED: [Component; 3] = [Component::StoreReset, Component::Records, Component::Sync];

/// Turns the events and the health of an engine into events of a provider.
pub(super) struct Watch {
    engine: Weak<Inner>,
    changes: Events,
    events: EventEmitter,
    is_stale: bool,
}

impl Watch {
    pub(super) fn new(waygate: &Waygate, events: EventEmitter) -> Self {
        Self {
            engine: Arc::downgrade(&waygate.inner),
            changes: waygate.subscribe(),
            events,
            is_stale: false,
        }
    }

    /// Runs until the engine ends.
    pub(super) async fn run(mut self) {
        loop {
            let Some(pause) = self.pause() else { break };
            tokio::select! {
                change = self.changes.next() => match change {
                    Some(change) => self.announce(&change),
                    None => break,
                },
                () = pause => {}
            }
            let Some(inner) = self.engine.upgrade() else {
                break;
            };
            self.check(&Waygate { inner });
        }
        let stale = ProviderEventDetails::new(ProviderEvent::Stale);
        self.events.emit(stale.message("the engine has ended"));
    }

    fn pause(&self) -> Option<waygate_core::port::BoxFuture<'static, ()>> {
        let clock = &self.engine.upgrade()?.clock;
        let next = clock.now().saturating_add(PAUSE);
        Some(clock.sleep_until(next.unwrap_or(waygate_core::Timestamp::MAX)))
    }

    fn announce(&self, event: &Event) {
        let changed = ProviderEventDetails::new(ProviderEvent::ConfigurationChanged);
        let changed = match event {
            Event::Changed(of) if of.kind == "flag" => changed.flags_changed([&of.key]),
            // Any flag may use a segment.
            Event::Changed(of) if matches!(of.kind, "segment" | "store") => changed,
            Event::Changed(_) => return,
            Event::Missed(_) => changed.message("changes were missed"),
        };
        self.events.emit(changed);
    }

    /// Emits what has changed about the engine's health.
    pub(super) fn check(&mut self, waygate: &Waygate) {
        let fault = fault(waygate);
        let was_stale = std::mem::replace(&mut self.is_stale, fault.is_some());
        let event = match fault {
            Some(fault) if !was_stale => {
                ProviderEventDetails::new(ProviderEvent::Stale).message(fault)
            }
            None if was_stale => ProviderEventDetails::new(ProviderEvent::Ready),
            _ => return,
        };
        self.events.emit(event);
    }
}

/// The reason why flags may be out of date. A store that only refuses writes is none: its values are current.
fn fault(waygate: &Waygate) -> Option<String> {
    let unread = waygate.inner.monitor.store_read_fault();
    if let Some(cause) = unread {
        return Some(format!("{}: {cause}", Component::Store));
    }
    let health = waygate.health();
    NEEDED.iter().find_map(|component| {
        let degraded = health.get(component)?;
        Some(format!("{component}: {}", degraded.cause))
    })
}
