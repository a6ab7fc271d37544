use std::sync::Arc;

use tower::Layer;

use super::{endpoint::Endpoint, service::WaygateService, shared::Shared};
use crate::Waygate;

/// Puts the engine in front of every endpoint of a router, including its fallback.
///
/// For `Router::layer`, which creates one service per endpoint; used by `guard`.
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
