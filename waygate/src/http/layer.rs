use std::sync::Arc;

use tower::Layer;

use super::{endpoint::Endpoint, service::WaygateService, shared::Shared};
use crate::Waygate;

/// Puts the engine before every endpoint of a router, its fallback included.
///
/// To be used with `Router::layer`, which makes one service per endpoint; `guard` does so.
#[derive(Debug, Clone)]
pub(crate) struct WaygateLayer {
    shared: Arc<Shared>,
}

impl WaygateLayer {
    pub(super) fn new(waygate: Waygate) -> Self {
        Self {
            shared: Arc::new(Shared::new(waygate)),
        }
    }

    pub(super) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }
}

impl<S> Layer<S> for WaygateLayer {
    type Service = WaygateService<S>;

    fn layer(&self, inner: S) -> WaygateService<S> {
        self.shared.note_created();
        WaygateService {
            inner,
            endpoint: Arc::new(Endpoint::new(self.shared.clone())),
        }
    }
}
