use std::{
    collections::{HashMap, HashSet},
    sync::{
        Arc, Mutex, OnceLock, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

use tower::Layer;

use super::{DeclaredLimits, Responses, endpoint::Endpoint, service::WaygateService};
use crate::{Waygate, registry::HandlerDeclaration};

/// Puts the engine before every endpoint of a router, its fallback included.
///
/// To be used with `Router::layer`, which makes one service per endpoint; `guard` does so.
#[derive(Debug, Clone)]
pub(crate) struct WaygateLayer {
    shared: Arc<Shared>,
}

/// What the services of one guarded router have in common.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) waygate: Waygate,
    setup: OnceLock<Setup>,
    /// How many endpoints the layer has made.
    created: AtomicUsize,
    /// The handlers with attributes that were found behind endpoints (by address) of other routes.
    found: Mutex<HashSet<(usize, &'static str)>>,
}

/// What is known when the router is complete.
#[derive(Debug, Default)]
pub(super) struct Setup {
    /// Answers of the whole application.
    pub(super) responses: Responses,
    /// What attributes bring along, by slot.
    pub(super) by_slot: Box<[OnceLock<OfRoute>]>,
    /// The handlers with attributes, by stamp.
    pub(super) handlers: HashMap<&'static str, OfHandler>,
}

/// A handler with attributes.
#[derive(Debug)]
pub(super) struct OfHandler {
    pub(super) declaration: HandlerDeclaration,
    /// The routes that its attributes are bound to.
    pub(super) slots: Box<[usize]>,
}

impl Shared {
    /// The first call holds.
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

    /// What the attributes of a route bring along, if it has any that do.
    #[inline]
    pub(super) fn own(&self, slot: usize) -> Option<&OfRoute> {
        self.setup().by_slot.get(slot)?.get()
    }

    /// Whether this handler is found behind this endpoint for the first time.
    pub(super) fn note_found(&self, endpoint: &Arc<Endpoint>, stamp: &'static str) -> bool {
        let found = (Arc::as_ptr(endpoint) as usize, stamp);
        let mut all = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        all.insert(found)
    }

    pub(super) fn created(&self) -> usize {
        self.created.load(Ordering::Relaxed)
    }
}

/// What the attributes of one handler bring along that the engine does not know.
#[derive(Debug, Clone, Default)]
pub(super) struct OfRoute {
    pub(super) responses: Responses,
    pub(super) limits: DeclaredLimits,
}

impl From<&HandlerDeclaration> for OfRoute {
    fn from(declaration: &HandlerDeclaration) -> Self {
        Self {
            responses: declaration.responses.clone(),
            limits: declaration.limits.clone(),
        }
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
