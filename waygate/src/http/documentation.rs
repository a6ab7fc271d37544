use std::fmt::Debug;

use axum::Router;
use serde_json::Value;

use super::{Mount, Responses};
use crate::Waygate;

/// The documentation next to an API, built together with it.
pub(crate) trait Documentation: Debug + Send + Sync {
    /// Serves the live document at this path.
    fn set_document_path(&mut self, path: &str);

    /// Serves the page at this path.
    #[cfg(feature = "swagger-ui")]
    fn set_page_path(&mut self, path: &str);

    /// The paths.
    fn mounts(&self) -> Vec<Mount>;

    /// The routes, which are not governed. `document` has no stamps.
    fn router(self: Box<Self>, waygate: Waygate, document: Value, responses: Responses) -> Router;
}
