use std::{
    collections::HashMap,
    sync::{Arc, atomic::AtomicBool},
};

use tower::Layer;

use super::{
    DeclaredLimits, Responses,
    identity::Identity,
    service::{Endpoint, WaygateService},
};
use crate::Waygate;

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
    /// Answers of the whole application.
    pub(super) responses: Responses,
    /// What attributes bring along, by slot.
    by_slot: Box<[Option<OfRoute>]>,
}

impl Shared {
    /// What the attributes of a route bring along, if it has any that do.
    #[inline]
    pub(super) fn own(&self, slot: usize) -> Option<&OfRoute> {
        self.by_slot.get(slot)?.as_ref()
    }
}

/// What the attributes of one handler bring along that the engine does not know.
#[derive(Debug, Clone, Default)]
pub(super) struct OfRoute {
    pub(super) responses: Responses,
    pub(super) limits: DeclaredLimits,
}

impl WaygateLayer {
    pub(super) fn new(
        waygate: Waygate,
        responses: Responses,
        by_slot: HashMap<usize, OfRoute>,
    ) -> Self {
        let slots = by_slot.keys().max().map_or(0, |last| last + 1);
        let mut own = vec![None; slots];
        for (slot, of_route) in by_slot {
            own[slot] = Some(of_route);
        }
        Self {
            shared: Arc::new(Shared {
                waygate,
                responses,
                by_slot: own.into(),
            }),
        }
    }
}

impl<S> Layer<S> for WaygateLayer {
    type Service = WaygateService<S>;

    fn layer(&self, inner: S) -> WaygateService<S> {
        WaygateService {
            inner,
            endpoint: Arc::new(Endpoint {
                shared: self.shared.clone(),
                identity: Identity::default(),
                has_no_handler: AtomicBool::new(false),
            }),
        }
    }
}
