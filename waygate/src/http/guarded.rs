use std::{convert::Infallible, fmt, sync::Arc};

use axum::{Router, extract::Request, response::IntoResponse, routing::Route};
use tower::{Layer, Service};

#[cfg(feature = "openapi")]
use super::Documentation;
use super::{
    MakeService, PathError, Responses,
    mounting::{self, Mount, Taken},
    shared::{Setup, Shared},
};
use crate::{Waygate, engine::Report, registry::HandlerDeclaration};

/// A guarded API. Add the documentation and the admin API, then serve it.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// use axum::{Router, routing::get};
/// use tower_http::trace::TraceLayer;
/// use waygate::{Blocked, Responses, Waygate};
///
/// # let waygate = Waygate::builder().allow_unmounted("").build().await?;
/// let api = Router::new().route("/payments", get(|| async { "paid" }));
/// let guarded = waygate
///     .guard(api)
///     .await?
///     .responses(Responses::new().maintenance(|_: &Blocked| "back at four"))
///     .route_layer(TraceLayer::new_for_http())
///     .docs("/docs");
/// println!("{}", guarded.report());
/// let app = guarded.try_into_router()?;
/// # drop(app);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use = "a guarded API does nothing until it is served"]
pub struct Guarded {
    pub(crate) waygate: Waygate,
    pub(super) router: Router,
    pub(super) shared: Arc<Shared>,
    pub(super) responses: Responses,
    pub(super) handlers: Vec<HandlerDeclaration>,
    pub(super) gaps: Vec<String>,
    /// The paths of the API and of Waygate itself; conflicts are errors.
    pub(super) taken: Vec<Taken>,
    pub(crate) mounts: Vec<Mount>,
    /// Waygate's own endpoints, which are mounted next to the API and not governed.
    pub(crate) live: Router,
    /// The document without stamps; null if there is none.
    #[cfg(feature = "openapi")]
    pub(super) document: serde_json::Value,
    #[cfg(feature = "openapi")]
    pub(crate) documentation: Option<Box<dyn Documentation>>,
}

impl Guarded {
    /// The engine.
    pub fn waygate(&self) -> &Waygate {
        &self.waygate
    }

    /// Returns a human-readable report of the configuration. Print it at startup.
    pub fn report(&self) -> Report {
        self.waygate.report().with_notes(self.gaps.clone())
    }

    /// Sets the responses to blocked requests for the whole application. An attribute's own `response = ..` and a
    /// route's [registered](crate::model::Registration::responses) response take precedence.
    pub fn responses(mut self, responses: Responses) -> Self {
        self.responses = responses;
        self
    }

    /// Wraps the API, including Waygate's own layer, in a layer. Gates and limits see what the layer adds to requests,
    /// such as the caller, and responses to blocked requests pass through the layer like all others. The last layer is
    /// the outermost, as with [`Router::layer`], which has the same trait bounds.
    ///
    /// The documentation and the admin API stay outside the layer. To wrap everything, use
    /// `guarded.into_router().layer(..)`.
    ///
    /// Requests without a matching route pass through the layer too. An authentication layer responds with 401 instead
    /// of 404; use [`route_layer`](Self::route_layer) to keep the 404.
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

    /// Like [`layer`](Self::layer), but only for requests that match a route of the API, as with
    /// [`Router::route_layer`].
    ///
    /// # Panics
    /// Panics if the API has no routes, like [`Router::route_layer`].
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

    /// Returns a router with the guarded API and Waygate's own endpoints. `Router::from` does the same.
    ///
    /// To add ungoverned routes, merge this router *into* theirs: `mine.merge(guarded)`. In the other direction,
    /// their fallback would replace the guarded one, and global maintenance would not apply to unknown URLs.
    ///
    /// Layers around this router also wrap the documentation and the admin API; [`layer`](Self::layer) wraps only the
    /// API.
    ///
    /// # Panics
    /// Panics if [`try_into_router`](Self::try_into_router) returns a [`PathError`], with its message.
    #[allow(clippy::panic)]
    pub fn into_router(self) -> Router {
        match self.try_into_router() {
            Ok(router) => router,
            Err(error) => panic!("{error}"),
        }
    }

    /// Like [`into_router`](Self::into_router), but returns an error instead of panicking.
    ///
    /// # Errors
    /// Returns a [`PathError`] if a path passed to `docs`, `openapi` or `admin` is invalid, or is already served by the
    /// API or by one of the others.
    #[cfg_attr(not(feature = "openapi"), allow(unused_mut))]
    pub fn try_into_router(mut self) -> Result<Router, PathError> {
        #[cfg(feature = "openapi")]
        if let Some(documentation) = &self.documentation {
            self.mounts.extend(documentation.mounts());
        }
        mounting::check(&self.mounts, &self.taken)?;
        #[cfg(feature = "openapi")]
        if let Some(documentation) = self.documentation {
            let responses = self.responses.clone();
            let router = documentation.router(self.waygate, self.document, responses);
            self.live = self.live.merge(router);
        }
        let setup = Setup {
            responses: self.responses,
            handlers: self
                .handlers
                .into_iter()
                .map(|handler| (handler.stamp, handler))
                .collect(),
        };
        self.shared.set_up(setup);
        // Paths of the application may start with `:` or `*`.
        let live = self.live.without_v07_checks();
        Ok(live.merge(self.router).with_state(()))
    }

    /// Converts into a make service that provides the peer's address to handlers and rules, for `axum::serve` with a
    /// `TcpListener` or a `UnixListener`.
    ///
    /// # Panics
    /// See [`into_router`](Self::into_router).
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
