use std::{collections::HashMap, fmt, net::SocketAddr, sync::Arc};

use axum::{Router, extract::connect_info::IntoMakeServiceWithConnectInfo};

use waygate_core::{Printable, grammar::PathTemplate, model::RouteKey};

use super::{
    Api, BindErrors, PathError, Responses, bind,
    layer::{Setup, Shared, WaygateLayer},
    mounting::{self, Mount},
    survey::{self, Survey},
};
use crate::{
    __private::Stamp,
    Waygate,
    engine::{Found, Report, Served},
    registry::{self, HandlerDeclaration},
};

impl Waygate {
    /// Puts the engine before every route of an API: binds each annotated handler to its final method and path, and
    /// registers all other routes of the document and of the router as active.
    ///
    /// Each endpoint learns which route it serves, so that the route's gates hold wherever the guarded router is mounted:
    /// nested, as a service, behind a layer that changes the method.
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
        let layer = WaygateLayer::new(self.clone());
        // `with_state` makes every endpoint's service once and for all. Without it axum makes them anew for each
        // connection, and none would remember which route it serves.
        let guarded: Router = api.router.clone().layer(layer.clone()).with_state(());
        let mut survey = Survey::of(&api.router, guarded.clone()).await;
        let (unmounted, has_principal) =
            (&self.inner.allow_unmounted, self.inner.principal.is_some());
        let handlers =
            registry::declarations().map_err(|invalid| BindErrors::from_one(invalid.into()))?;
        let known = self.inner.snapshot.load().table.clone();
        let mut bound = bind::bind(
            &handlers,
            &mut survey,
            document.as_mut(),
            unmounted,
            has_principal,
            &known,
        )
        .await?;
        bound.add_undocumented(&survey, &known);
        let all_served: Vec<_> = survey.served().map(served).collect();
        let found = Found {
            served: all_served.clone(),
            covered: bound.covered,
            others: survey.others().collect(),
        };
        self.inner.register_found(bound.routes, found).await?;
        let table = self.inner.snapshot.load().table.clone();
        let mut stamps: HashMap<usize, Vec<Stamp>> = HashMap::new();
        for (stamp, routes) in &bound.handlers {
            self.inner.bindings.bind(stamp, routes);
            for slot in routes.iter().filter_map(|route| table.exact(route)) {
                stamps.entry(slot).or_default().push(stamp);
            }
        }
        survey.settle(&table, &stamps);
        let gaps = survey.gaps(layer.shared().created(), |path| {
            let every = path.parse().ok().map(|path| RouteKey::new(None, &path));
            every.is_some_and(|key| table.exact(&key).is_some())
        });
        for gap in &gaps {
            tracing::warn!("{}", Printable(gap));
        }
        Ok(Guarded {
            waygate: self.clone(),
            router: guarded,
            shared: layer.shared().clone(),
            responses: Responses::new(),
            handlers,
            gaps,
            served: all_served,
            mounts: Vec::new(),
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

fn served(found: &survey::Served) -> (PathTemplate, Served) {
    let served = Served {
        named: found.methods.iter().copied().collect(),
        others: found.others,
    };
    (found.path.clone(), served)
}

/// A guarded API, to be completed with documentation and administration, and to be served.
#[must_use = "a guarded API does nothing until it is served"]
pub struct Guarded {
    pub(crate) waygate: Waygate,
    router: Router,
    shared: Arc<Shared>,
    responses: Responses,
    handlers: Vec<HandlerDeclaration>,
    gaps: Vec<String>,
    /// What the API serves, and what Waygate does beside it: two that meet are refused.
    served: Vec<(PathTemplate, Served)>,
    pub(crate) mounts: Vec<Mount>,
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
        self.waygate.report().with_notes(self.gaps.clone())
    }

    /// Answers blocked requests of the whole application. An attribute's own `response = ..` comes first, and so does what is
    /// [registered](crate::Registration::responses) of a route.
    pub fn responses(mut self, responses: Responses) -> Self {
        self.responses = responses;
        self
    }

    /// The API with the engine before it, and everything that Waygate serves beside it.
    ///
    /// To add routes that are not to be governed, merge this router *into* theirs: `mine.merge(guarded)`. The other way
    /// round their fallback would replace the guarded one, and global maintenance would miss unknown URLs.
    ///
    /// # Panics
    /// With the text of [`PathError`] where [`try_into_router`](Self::try_into_router) gives one.
    #[allow(clippy::panic)]
    pub fn into_router(self) -> Router {
        match self.try_into_router() {
            Ok(router) => router,
            Err(error) => panic!("{error}"),
        }
    }

    /// The same as [`into_router`](Self::into_router).
    ///
    /// # Errors
    /// [`PathError`] when a path that was given to `docs`, `openapi` or `admin` is none, or when the API or one of the other
    /// two serves it.
    pub fn try_into_router(mut self) -> Result<Router, PathError> {
        #[cfg(feature = "openapi")]
        self.mounts.extend(self.endpoints.mounts());
        mounting::check(&self.mounts, &self.served)?;
        #[cfg(feature = "openapi")]
        self.document.set_responses(self.responses.clone());
        let setup = Setup {
            responses: self.responses,
            handlers: self
                .handlers
                .into_iter()
                .map(|handler| (handler.stamp, handler))
                .collect(),
        };
        self.shared.set_up(setup);
        #[cfg(feature = "openapi")]
        let live = self.live.merge(self.endpoints.router(self.document));
        #[cfg(not(feature = "openapi"))]
        let live = self.live;
        // Paths of the application may begin with `:` or `*`.
        let live = live.without_v07_checks();
        Ok(live.merge(self.router).with_state(()))
    }

    /// The same as a service that tells handlers and rules the peer's address, for `axum::serve`.
    ///
    /// # Panics
    /// As [`into_router`](Self::into_router).
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
