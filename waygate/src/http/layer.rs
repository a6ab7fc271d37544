use std::{
    collections::{HashMap, HashSet},
    sync::{
        Arc, Mutex, OnceLock, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

use tower::Layer;

use super::{BlockReason, Responder, Responses, endpoint::Endpoint, service::WaygateService};
use crate::{__private::Stamp, Waygate, registry::HandlerDeclaration};

/// Puts the engine in front of every endpoint of a router, including its fallback.
///
/// For `Router::layer`, which creates one service per endpoint; used by `guard`.
#[derive(Debug, Clone)]
pub(crate) struct WaygateLayer {
    shared: Arc<Shared>,
}

/// Shared by the services of one guarded router.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) waygate: Waygate,
    setup: OnceLock<Setup>,
    /// The number of endpoints that the layer created.
    created: AtomicUsize,
    /// Handlers with attributes that were found behind endpoints (by address) of other routes.
    found: Mutex<HashSet<(usize, Stamp)>>,
}

/// Set when the router is complete.
#[derive(Debug, Default)]
pub(super) struct Setup {
    /// Responses of the whole application.
    pub(super) responses: Responses,
    /// The handlers with attributes, by stamp.
    pub(super) handlers: HashMap<Stamp, HandlerDeclaration>,
}

impl Shared {
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

    /// The custom response for this route or the whole application.
    #[cold]
    pub(super) fn responder(&self, slot: Option<usize>, reason: &BlockReason) -> Option<Responder> {
        let snapshot = self.waygate.inner.snapshot.load();
        let route = slot.and_then(|slot| snapshot.table.route(slot));
        let of_route = route.and_then(|route| route.attached.responses.of(reason));
        of_route.or_else(|| self.responses().of(reason)).cloned()
    }

    /// Returns `true` the first time that this handler is found behind this endpoint.
    pub(super) fn note_found(&self, endpoint: &Arc<Endpoint>, stamp: Stamp) -> bool {
        let found = (Arc::as_ptr(endpoint) as usize, stamp);
        let mut all = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        all.insert(found)
    }

    pub(super) fn created(&self) -> usize {
        self.created.load(Ordering::Relaxed)
    }
}

impl WaygateLayer {
    pub(super) fn new(waygate: Waygate) -> Self {
        Self {
            shared: Arc::new(Shared {
                waygate,
                setup: OnceLock::new(),
                created: AtomicUsize::new(0),
                found: Mutex::default(),
            }),
        }
    }

    pub(super) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }
}

impl<S> Layer<S> for WaygateLayer {
    type Service = WaygateService<S>;

    fn layer(&self, inner: S) -> WaygateService<S> {
        self.shared.created.fetch_add(1, Ordering::Relaxed);
        WaygateService {
            inner,
            endpoint: Arc::new(Endpoint::new(self.shared.clone())),
        }
    }
}
