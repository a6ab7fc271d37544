use std::{convert::Infallible, fmt, sync::Arc};

use axum::{Router, extract::Request, response::IntoResponse, routing::Route};
use tower::{Layer, Service};

use super::{
    MakeService, PathError, Responses,
    mounting::{self, Mount, Taken},
    shared::{Setup, Shared},
};
use crate::{Waygate, engine::Report, registry::HandlerDeclaration};

/// A guarded API, to be completed with documentation and administration, and to be served.
#[must_use = "a guarded API does nothing until it is served"]
pub struct Guarded {
    pub(crate) waygate: Waygate,
    pub(super) router: Router,
    pub(super) shared: Arc<Shared>,
    pub(super) responses: Responses,
    pub(super) handlers: Vec<HandlerDeclaration>,
    pub(super) gaps: Vec<String>,
    /// What the API serves, and what Waygate does beside it: two that meet are refused.
    pub(super) taken: Vec<Taken>,
    pub(crate) mounts: Vec<Mount>,
    /// What Waygate itself serves, beside the API and not governed by it.
    pub(crate) live: Router,
    #[cfg(feature = "openapi")]
    pub(crate) document: Arc<crate::openapi::LiveDocument>,
    /// Where the document is to be served.
    #[cfg(feature = "openapi")]
    pub(crate) endpoints: crate::openapi::Endpoints,
}

impl Guarded {
    /// The engine.
    pub fn waygate(&self) -> &Waygate {
        &self.waygate
    }

    /// What the application starts with, for people: print it at start.
    pub fn report(&self) -> Report {
        self.waygate.report().with_notes(self.gaps.clone())
    }

    /// Answers blocked requests of the whole application. An attribute's own `response = ..` comes first, and so does what is
    /// [registered](crate::model::Registration::responses) of a route.
    pub fn responses(mut self, responses: Responses) -> Self {
        self.responses = responses;
        self
    }

    /// Wraps the API in a layer, outside of the engine: its gates and limits see what the layer adds to requests, such as
    /// the caller, and answers to blocked requests pass through the layer as all others do. The layer that was added last
    /// is the outermost, as with [`Router::layer`], which also has the bounds.
    ///
    /// The documentation and the administration, which Waygate serves beside the API, stay outside of the layer. For one
    /// around everything, use `guarded.into_router().layer(..)`.
    ///
    /// Requests that match no route pass through the layer too. A layer for authentication answers them with 401, and not
    /// 404, unless it is added with [`route_layer`](Self::route_layer).
    ///
    /// ```
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
    /// use axum::{Router, extract::Request, http::StatusCode, middleware::{Next, from_fn}, response::Response, routing::get};
    /// use waygate::{Waygate, client::Roles};
    ///
    /// async fn authenticate(mut request: Request, next: Next) -> Result<Response, StatusCode> {
    ///     if request.headers().get("authorization").is_none_or(|token| token != "Bearer secret") {
    ///         return Err(StatusCode::UNAUTHORIZED);
    ///     }
    ///     request.extensions_mut().insert(Roles::new(["billing:admin"]));
    ///     Ok(next.run(request).await)
    /// }
    ///
    /// # let waygate = Waygate::builder().allow_unmounted("").build().await?;
    /// let api = Router::new().route("/payments", get(|| async { "paid" }));
    /// let app = waygate.guard(api).await?.layer(from_fn(authenticate));
    /// # let _ = app;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn layer<L>(mut self, layer: L) -> Self
    where
        L: Layer<Route> + Clone + Send + Sync + 'static,
        L::Service: Service<Request> + Clone + Send + Sync + 'static,
        <L::Service as Service<Request>>::Response: IntoResponse + 'static,
        <L::Service as Service<Request>>::Error: Into<Infallible> + 'static,
        <L::Service as Service<Request>>::Future: Send + 'static,
    {
        self.router = self.router.layer(layer);
        self
    }

    /// The same as [`layer`](Self::layer), but only for requests that match a route of the API, as with
    /// [`Router::route_layer`]: others are answered without the layer.
    ///
    /// # Panics
    /// As [`Router::route_layer`] does, when the API has no routes.
    #[track_caller]
    pub fn route_layer<L>(mut self, layer: L) -> Self
    where
        L: Layer<Route> + Clone + Send + Sync + 'static,
        L::Service: Service<Request> + Clone + Send + Sync + 'static,
        <L::Service as Service<Request>>::Response: IntoResponse + 'static,
        <L::Service as Service<Request>>::Error: Into<Infallible> + 'static,
        <L::Service as Service<Request>>::Future: Send + 'static,
    {
        self.router = self.router.route_layer(layer);
        self
    }

    /// The API with the engine before it, and everything that Waygate serves beside it. `Router::from` does the same.
    ///
    /// To add routes that are not to be governed, merge this router *into* theirs: `mine.merge(guarded)`. The other way
    /// round their fallback would replace the guarded one, and global maintenance would miss unknown URLs.
    ///
    /// Layers around this router are around the documentation and the administration too; [`layer`](Self::layer) is for the
    /// API alone.
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
    #[cfg_attr(not(feature = "openapi"), allow(unused_mut))]
    pub fn try_into_router(mut self) -> Result<Router, PathError> {
        #[cfg(feature = "openapi")]
        self.mounts.extend(self.endpoints.mounts());
        mounting::check(&self.mounts, &self.taken)?;
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

    /// The same as a service that makes the peer's address known to handlers and rules, for `axum::serve` with a
    /// `TcpListener` or a `UnixListener`.
    ///
    /// # Panics
    /// As [`into_router`](Self::into_router).
    pub fn into_make_service_with_connect_info(self) -> MakeService {
        MakeService::new(self)
    }
}

impl From<Guarded> for Router {
    fn from(guarded: Guarded) -> Self {
        guarded.into_router()
    }
}

impl fmt::Debug for Guarded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Guarded")
            .field("waygate", &self.waygate)
            .finish_non_exhaustive()
    }
}
