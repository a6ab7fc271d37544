use std::{collections::HashMap, sync::Arc};

use tower::Layer;

use super::{DeclaredLimits, Responses, identity::Identity, service::WaygateService};
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
    pub(super) by_slot: HashMap<usize, OfRoute>,
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
        Self {
            shared: Arc::new(Shared {
                waygate,
                responses,
                by_slot,
            }),
        }
    }
}

impl<S> Layer<S> for WaygateLayer {
    type Service = WaygateService<S>;

    fn layer(&self, inner: S) -> WaygateService<S> {
        WaygateService {
            inner,
            shared: self.shared.clone(),
            identity: Identity::default(),
        }
    }
}
