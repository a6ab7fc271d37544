use std::fmt;

use axum::Router;

/// A router to guard, and its OpenAPI document, if any.
///
/// Created from an `OpenApiRouter`, a `(Router, OpenApi)`, or a plain `Router` with handlers that name their routes
/// with `route = "GET /path"`.
///
/// ```
/// use axum::Router;
/// use waygate::router::Api;
///
/// let api = Api::from(Router::new());
/// # drop(api);
/// ```
#[derive(Clone)]
pub struct Api {
    pub(super) router: Router,
    #[cfg(feature = "openapi")]
    pub(super) document: Option<utoipa::openapi::OpenApi>,
}

impl fmt::Debug for Api {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Api")
            .field("router", &self.router)
            .finish_non_exhaustive()
    }
}

/// Conversion into an [`Api`]. Implemented for all `T: Into<Api>`: routers without missing state. Sealed.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// use axum::Router;
/// use waygate::{BindErrors, Guarded, Waygate, router::IntoApi};
///
/// async fn guard(waygate: &Waygate, api: impl IntoApi) -> Result<Guarded, BindErrors> {
///     waygate.guard(api).await
/// }
/// # let waygate = Waygate::builder().allow_unmounted("").build().await?;
/// guard(&waygate, Router::new()).await?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be guarded",
    label = "if its state is missing, call `.with_state(..)` on it first",
    note = "expected a `Router`, an `OpenApiRouter` or a `(Router, OpenApi)`, with its state set"
)]
pub trait IntoApi: Into<Api> {}

#[diagnostic::do_not_recommend]
impl<T: Into<Api>> IntoApi for T {}

impl From<Router> for Api {
    fn from(router: Router) -> Self {
        Self {
            router,
            #[cfg(feature = "openapi")]
            document: None,
        }
    }
}

#[cfg(feature = "openapi")]
impl From<(Router, utoipa::openapi::OpenApi)> for Api {
    fn from((router, document): (Router, utoipa::openapi::OpenApi)) -> Self {
        Self {
            router,
            document: Some(document),
        }
    }
}

#[cfg(feature = "openapi")]
impl From<utoipa_axum::router::OpenApiRouter> for Api {
    fn from(router: utoipa_axum::router::OpenApiRouter) -> Self {
        router.split_for_parts().into()
    }
}
