use std::sync::Arc;

use serde_json::Value;

use super::{
    cache::Cache,
    filter::View,
    parts::Parts,
    render::{Rendering, render},
};
use crate::Waygate;

/// An API's OpenAPI document, as it is true now.
#[derive(Debug)]
pub(crate) struct LiveDocument {
    waygate: Waygate,
    parts: Parts,
    cache: Cache,
    /// The origins, other than its own, that the document speaks of.
    #[cfg(feature = "swagger-ui")]
    origins: Vec<String>,
}

impl LiveDocument {
    /// `base` is the document without stamps; what is no document counts as an empty one.
    pub(crate) fn new(waygate: Waygate, base: Value) -> Self {
        Self {
            waygate,
            #[cfg(feature = "swagger-ui")]
            origins: super::ui::origins(&base),
            parts: Parts::split(base),
            cache: Cache::default(),
        }
    }

    #[cfg(feature = "swagger-ui")]
    pub(super) fn waygate(&self) -> &Waygate {
        &self.waygate
    }

    #[cfg(feature = "swagger-ui")]
    pub(super) fn origins(&self) -> &[String] {
        &self.origins
    }

    /// The document in the newest picture.
    pub(crate) async fn current(&self) -> Arc<Rendering> {
        let engine = &*self.waygate.inner;
        let is_current = |cached: &Rendering| {
            cached.version == engine.snapshot.load().version
                && cached.until.is_none_or(|until| engine.clock.now() < until)
        };
        let render = || {
            let snapshot = engine.snapshot.load_full();
            let view = View {
                snapshot: &snapshot,
                now: engine.clock.now(),
                bypassed: engine.bypass_lifecycle,
            };
            render(&self.parts, view)
        };
        self.cache.get(is_current, render).await
    }
}
