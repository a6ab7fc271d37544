use std::sync::Arc;

use super::Inner;

/// The engine: what every route is, who changed it, and what is to become of a request.
///
/// A handle; cloning it is cheap, and all clones are the same engine. Background tasks end when the
/// last handle and the last guarded router are gone, or with [`shutdown`](Self::shutdown).
#[derive(Clone)]
pub struct Waygate {
    pub(crate) inner: Arc<Inner>,
}
