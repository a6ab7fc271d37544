use std::sync::Arc;

use serde_json::Value;

use super::{
    cache::Cache,
    filter::View,
    parts::Parts,
    render::{Rendering, render},
};
use crate::{Waygate, http::Responses};

/// The live OpenAPI document of an API.
#[derive(Debug)]
pub(crate) struct LiveDocument {
    waygate: Waygate,
    /// Responses of the whole application.
    responses: Responses,
    parts: Parts,
    cache: Cache,
    /// The other origins that the document refers to.
    #[cfg(feature = "swagger-ui")]
    origins: Vec<String>,
}

impl LiveDocument {
    /// `base` is the document without stamps; an invalid document counts as an empty one.
    pub(super) fn new(waygate: Waygate, base: Value, responses: Responses) -> Self {
        Self {
            waygate,
            responses,
            #[cfg(feature = "swagger-ui")]
            origins: super::ui::origins(&base),
            parts: Parts::split(base),
            cache: Cache::default(),
        }
    }

    /// Returns `true` if there are operations to show.
    pub(super) fn has_operations(&self) -> bool {
        let mut items = self.parts.items.iter();
        items.any(|item| !item.operations.is_empty())
    }

    #[cfg(feature = "swagger-ui")]
    pub(super) fn waygate(&self) -> &Waygate {
        &self.waygate
    }

    #[cfg(feature = "swagger-ui")]
    pub(super) fn origins(&self) -> &[String] {
        &self.origins
    }

    /// The document for the newest snapshot.
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
                bypassed: snapshot.bypass.lifecycle,
                unlimited: snapshot.bypass.rate_limits,
                shows_access: !engine.answers.hides_access,
                responses: &self.responses,
            };
            render(&self.parts, view, engine.limiting.headers)
        };
        self.cache.get(is_current, render).await
    }
}
