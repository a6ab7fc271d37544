use std::{collections::HashMap, fmt, net::SocketAddr};

use axum::{Router, extract::connect_info::IntoMakeServiceWithConnectInfo};

use super::{
    Api, BindErrors, Responses, bind,
    layer::{OfRoute, WaygateLayer},
    preflight, probe,
};
use crate::{Waygate, engine::Report};

impl Waygate {
    /// Puts the engine before every route of an API: binds each annotated handler to its final method and path, and
    /// registers the document's other routes as active.
    ///
    /// # Errors
    /// [`BindErrors`] when an annotated handler is served by no route, or a named route does not exist: an
    /// annotation that gates nothing is never accepted in silence. The same when what attributes say contradicts what was
    /// [registered](Waygate::register_all) before.
    pub async fn guard(&self, api: impl Into<Api>) -> Result<Guarded, BindErrors> {
        let api = api.into();
        #[cfg(feature = "openapi")]
        let mut document = api
            .document
            .and_then(|document| serde_json::to_value(document).ok());
        #[cfg(not(feature = "openapi"))]
        let mut document: Option<serde_json::Value> = None;
        let probed = probe::instrumented(&api.router);
        let (unmounted, has_principal) =
            (&self.inner.allow_unmounted, self.inner.principal.is_some());
        let bound = bind::bind(&probed, document.as_mut(), unmounted, has_principal).await?;
        self.inner.register(bound.routes).await?;
        let snapshot = self.inner.snapshot.load();
        let by_slot = bound
            .own
            .into_iter()
            .filter_map(|(key, own)| Some((snapshot.table.exact(&key)?, own)));
        Ok(Guarded {
            waygate: self.clone(),
            router: api.router,
            responses: Responses::new(),
            by_slot: by_slot.collect(),
            live: Router::new(),
            #[cfg(feature = "openapi")]
            document: std::sync::Arc::new(crate::openapi::LiveDocument::new(
                self.clone(),
                document.unwrap_or_default(),
            )),
            #[cfg(feature = "openapi")]
            endpoints: crate::openapi::Endpoints::default(),
        })
    }
}

/// A guarded API, to be completed with documentation and administration, and to be served.
#[must_use = "a guarded API does nothing until it is served"]
pub struct Guarded {
    pub(crate) waygate: Waygate,
    router: Router,
    responses: Responses,
    by_slot: HashMap<usize, OfRoute>,
    /// What Waygate itself serves, beside the API and not governed by it.
    pub(crate) live: Router,
    #[cfg(feature = "openapi")]
    pub(crate) document: std::sync::Arc<crate::openapi::LiveDocument>,
    /// Where the document is to be served.
    #[cfg(feature = "openapi")]
    pub(crate) endpoints: crate::openapi::Endpoints,
}

impl Guarded {
    /// The engine.
    pub fn waygate(&self) -> &Waygate {
        &self.waygate
    }

    /// The table of routes, for people: print it at start.
    pub fn report(&self) -> Report {
        self.waygate.report()
    }

    /// Answers blocked requests of the whole application. An attribute's own `response = ..` comes first.
    pub fn responses(mut self, responses: Responses) -> Self {
        self.responses = responses;
        self
    }

    /// The API with the engine before it, and everything that Waygate serves beside it.
    ///
    /// To add routes that are not to be governed, merge this router *into* theirs: `mine.merge(guarded)`. The other way
    /// round their fallback would replace the guarded one, and global maintenance would miss unknown URLs.
    pub fn into_router(self) -> Router {
        let table = self.waygate.inner.snapshot.load().table.clone();
        let layer = WaygateLayer::new(self.waygate, self.responses, self.by_slot);
        #[cfg(feature = "openapi")]
        let live = self.live.merge(self.endpoints.router(self.document));
        #[cfg(not(feature = "openapi"))]
        let live = self.live;
        // `with_state` makes every endpoint's service once and for all. Without it axum makes them anew for each
        // connection, and none would remember which route it serves.
        let guarded = self.router.layer(layer).with_state(());
        preflight::learn(&guarded, table.iter().map(|route| route.key.path()));
        live.merge(guarded).with_state(())
    }

    /// The same as a service that tells handlers and rules the peer's address, for `axum::serve`.
    pub fn into_make_service(self) -> IntoMakeServiceWithConnectInfo<Router, SocketAddr> {
        self.into_router()
            .into_make_service_with_connect_info::<SocketAddr>()
    }
}

impl fmt::Debug for Guarded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Guarded")
            .field("waygate", &self.waygate)
            .finish_non_exhaustive()
    }
}
