use std::sync::Arc;

use axum::{Router, extract::State, response::Response, routing::get};
use http::{HeaderMap, HeaderValue, header};
use serde_json::Value;

use super::{conditional, document::LiveDocument};
use crate::{
    Waygate,
    http::{Documentation, Guarded, Mount, Responses, Serves},
};

impl Guarded {
    /// Serves the live OpenAPI document at `path`, such as `/openapi.json`. A second call replaces the path.
    ///
    /// It is served next to the API: open during global maintenance, and not part of the document. It follows the
    /// engine:
    ///
    /// * Operations that are disabled, or not served in this environment, are hidden, together with their otherwise
    ///   unused components and tags.
    /// * Operations in maintenance, global maintenance included, have `x-waygate-status: "maintenance"`,
    ///   `x-waygate-reason` as in the response, `x-waygate-other-reasons` of further active maintenance and, if the end
    ///   of all is known, `x-waygate-until` (RFC 3339). Summary and description contain the same in words.
    /// * Deprecated operations have `deprecated: true` and, if known, `x-waygate-sunset` (RFC 3339) and
    ///   `x-waygate-successor`.
    /// * Restrictions of an operation have separate members: `x-waygate-windows` (planned maintenance of the route, of
    ///   the service and of the whole API: `start`, `reason` and, if known, `end`), `x-waygate-environments`,
    ///   `x-waygate-networks`, `x-waygate-roles`, `x-waygate-force-active`, `x-waygate-rate-limits` (`scope`, `name`,
    ///   `limit`, `key_strategy`, `algorithm`, a `summary` in words, and if they apply `burst`, `cost` of a request,
    ///   `cost_function`, `time_zone`, `tiers` and `shadow`) and `x-waygate-concurrency-limits`.
    /// * The refusals that follow from these are responses of the operation: 400 and 401 for limits that refuse
    ///   requests without a key, 403 for networks and roles, 429 for enforced limits, 503 for maintenance, planned
    ///   maintenance included, with their headers and, unless the application has custom responses, their bodies. A
    ///   response that the operation documents itself is kept.
    /// * `info` has `x-waygate-global-maintenance`: `{"enabled":false}`, or `enabled`, `reason`, `exempt_paths` and, if
    ///   the end is known, `until`. Planned maintenance is
    ///   `{"enabled":false,"planned":{"reason":"","start":"..","end":".."}}`, without `end` if there is none. Exempt
    ///   networks and roles are not shown.
    /// * `info` has the same members for the service of this process, with its name as `service`, in
    ///   `x-waygate-service-maintenance`, while its maintenance is active or planned.
    ///
    /// **Every reader of the document sees networks, roles and environments.** If they are not public, hide them with
    /// [`show_access(false)`](crate::WaygateBuilder::show_access), or serve everything behind authentication, with a
    /// layer around [`into_router`](Self::into_router).
    ///
    /// Responses have a strong `ETag`, the same on all replicas, and `Cache-Control: no-cache`; a matching
    /// `If-None-Match` is answered with 304. An API that was guarded without a document has an empty one, which is
    /// logged.
    ///
    /// ```standalone_crate
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
    /// use axum::{Router, routing::get};
    /// use utoipa::openapi::OpenApi;
    /// use waygate::Waygate;
    ///
    /// let router = Router::new().route("/payments", get(|| async { "paid" }));
    /// let waygate = Waygate::builder().build().await?;
    /// let guarded = waygate.guard((router, OpenApi::default())).await?;
    /// let app: Router = guarded.openapi("/openapi.json").into_router();
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Panics
    /// [`into_router`](Self::into_router) panics if the path is invalid, or the API already has a route with it (see
    /// [`try_into_router`](Self::try_into_router)).
    pub fn openapi(mut self, path: &str) -> Self {
        self.documentation().set_document_path(path);
        self
    }
}

impl Guarded {
    pub(super) fn documentation(&mut self) -> &mut dyn Documentation {
        let documentation = &mut self.documentation;
        &mut **documentation.get_or_insert_with(|| Box::<Endpoints>::default())
    }
}

/// The path of a page's document.
#[cfg(feature = "swagger-ui")]
const DEFAULT_PATH: &str = "/openapi.json";

/// The paths of the document and the page.
#[derive(Debug, Default)]
struct Endpoints {
    document: Option<String>,
    #[cfg(feature = "swagger-ui")]
    page: Option<String>,
}

impl Documentation for Endpoints {
    fn set_document_path(&mut self, path: &str) {
        self.document = Some(path.to_owned());
    }

    #[cfg(feature = "swagger-ui")]
    fn set_page_path(&mut self, path: &str) {
        self.page = Some(path.to_owned());
    }

    fn mounts(&self) -> Vec<Mount> {
        let document = self.document.as_ref().map(|path| Mount {
            call: "openapi",
            path: path.clone(),
            serves: Serves::Paths(vec![path.clone()]),
        });
        #[cfg(feature = "swagger-ui")]
        let page = self.page.as_ref().map(|path| {
            let mount = |serves| Mount {
                call: "docs",
                path: path.clone(),
                serves,
            };
            let own = mount(Serves::Paths(super::ui::paths(path.trim_end_matches('/'))));
            let document = mount(Serves::Document(DEFAULT_PATH.to_owned()));
            [Some(own), self.document.is_none().then_some(document)]
        });
        #[cfg(not(feature = "swagger-ui"))]
        let page: Option<[Option<Mount>; 2]> = None;
        let page = page.into_iter().flatten().flatten();
        document.into_iter().chain(page).collect()
    }

    fn router(self: Box<Self>, waygate: Waygate, document: Value, responses: Responses) -> Router {
        let document = Arc::new(LiveDocument::new(waygate, document, responses));
        if !document.has_operations() {
            tracing::warn!(
                "the live document shows no operations: the API was given to `guard` without an OpenAPI document, or with \
                 one that describes none; give `guard` an `OpenApiRouter`, or the router together with its `OpenApi`"
            );
        }
        #[cfg(feature = "swagger-ui")]
        if let Some(page) = &self.page {
            let path = self.document.as_deref().unwrap_or(DEFAULT_PATH);
            let page = page.trim_end_matches('/');
            return super::ui::router(page, path, &document).merge(of_document(path, document));
        }
        match &self.document {
            Some(path) => of_document(path, document),
            None => Router::new(),
        }
    }
}

fn of_document(path: &str, document: Arc<LiveDocument>) -> Router {
    Router::new().route(path, get(answer)).with_state(document)
}

async fn answer(State(document): State<Arc<LiveDocument>>, request: HeaderMap) -> Response {
    const JSON: HeaderValue = HeaderValue::from_static("application/json");
    let rendering = document.current().await;
    let mut response = conditional::respond(&request, &rendering.etag, &JSON, &rendering.bytes);
    let headers = response.headers_mut();
    headers.insert(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
    response
}
