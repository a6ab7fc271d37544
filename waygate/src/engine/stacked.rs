use std::sync::atomic::{AtomicBool, Ordering};

use super::Inner;

/// Whether the engine may meet one request more than once: in several guarded routers, or in one and in a route guard.
#[derive(Debug, Default)]
pub(crate) struct Stacked {
    guards: AtomicBool,
    is_stacked: AtomicBool,
}

impl Inner {
    #[inline]
    pub(crate) fn is_stacked(&self) -> bool {
        self.stacked.is_stacked.load(Ordering::Relaxed)
    }

    /// Notes that there is a route guard, or another guarded router.
    pub(crate) fn note_stacked(&self) {
        if !self.is_stacked() {
            self.stacked.is_stacked.store(true, Ordering::Relaxed);
        }
    }

    /// Notes a guarded router. Two of them may be nested, and only requests that are marked show whether they are.
    pub(crate) fn note_guarded(&self) {
        if self.stacked.guards.swap(true, Ordering::Relaxed) {
            self.note_stacked();
        }
    }
}
