use std::{
    collections::{HashMap, HashSet},
    sync::{
        Arc, Mutex, OnceLock, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

use super::{Responder, Responses, functions};
use crate::{Waygate, engine::BlockReason, registry::HandlerDeclaration, stamp::Stamp};

/// State shared by the services of one guarded router.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) waygate: Waygate,
    setup: OnceLock<Setup>,
    /// The number of endpoints that the layer has created.
    created: AtomicUsize,
    /// The handlers with attributes that were found behind endpoints (by address) of other routes.
    found: Mutex<HashSet<(usize, Stamp)>>,
}

/// Set once the router is complete.
#[derive(Debug, Default)]
pub(super) struct Setup {
    /// The custom responses of the whole application.
    pub(super) responses: Responses,
    /// The handlers with attributes, by stamp.
    pub(super) handlers: HashMap<Stamp, HandlerDeclaration>,
}

impl Shared {
    pub(super) fn new(waygate: Waygate) -> Self {
        Self {
            waygate,
            setup: OnceLock::new(),
            created: AtomicUsize::new(0),
            found: Mutex::default(),
        }
    }

    /// Counts an endpoint that the layer has created.
    pub(super) fn note_created(&self) {
        self.created.fetch_add(1, Ordering::Relaxed);
    }

    /// Only the first call has an effect.
    pub(super) fn set_up(&self, setup: Setup) {
        let _ = self.setup.set(setup);
    }

    #[inline]
    pub(super) fn setup(&self) -> &Setup {
        self.setup.get_or_init(Setup::default)
    }

    pub(super) fn responses(&self) -> &Responses {
        &self.setup().responses
    }

    /// Returns the custom responder for this route, or else for the whole application.
    #[cold]
    pub(super) fn responder(&self, slot: Option<usize>, reason: &BlockReason) -> Option<Responder> {
        let snapshot = self.waygate.inner.snapshot.load();
        let route = slot.and_then(|slot| snapshot.table.route(slot));
        let of_route = route.and_then(|route| functions(&route.attached).responses.of(reason));
        of_route.or_else(|| self.responses().of(reason)).cloned()
    }

    /// Returns `true` if this handler was not found behind this endpoint earlier.
    pub(super) fn note_found<T>(&self, endpoint: &Arc<T>, stamp: Stamp) -> bool {
        let found = (Arc::as_ptr(endpoint) as usize, stamp);
        let mut all = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        all.insert(found)
    }

    pub(super) fn created(&self) -> usize {
        self.created.load(Ordering::Relaxed)
    }
}
