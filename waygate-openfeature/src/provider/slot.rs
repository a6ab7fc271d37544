use std::sync::{Mutex, MutexGuard, PoisonError};

use super::setup::{EventEmitter, Setup};
use crate::event::ProviderEventDetails;

/// The emitter of a provider, between its initialization and its shutdown.
#[derive(Debug, Default)]
pub(super) struct EmitterSlot(Mutex<Option<EventEmitter>>);

impl EmitterSlot {
    pub(super) fn open(&self, setup: &Setup) {
        *self.lock() = Some(setup.events().clone());
    }

    pub(super) fn close(&self) {
        *self.lock() = None;
    }

    /// Emits an event, if the provider is in use.
    pub(super) fn emit(&self, event: ProviderEventDetails) {
        // Handlers run without the lock.
        let emitter = self.lock().clone();
        if let Some(emitter) = emitter {
            emitter.emit(event);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<EventEmitter>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
