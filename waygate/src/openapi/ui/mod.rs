//! The documentation page: Swagger UI, served from the binary, and updated with the engine.
//!
//! The page uses relative URLs only, so it works wherever the application is nested or mounted by a proxy. There is
//! no inline script or style.

mod archive;
mod asset;
mod events;
mod policy;

use std::sync::Arc;

use axum::{
    Router,
    extract::Request,
    middleware::map_response,
    response::{IntoResponse, Response},
    routing::get,
};
use http::{HeaderMap, HeaderValue, StatusCode, header};

use self::asset::Asset;
use super::document::LiveDocument;
use crate::http::Guarded;

pub(super) use policy::origins;

impl Guarded {
    /// Serves Swagger UI at `path`, such as `/docs`, and the document at `/openapi.json` unless
    /// [`openapi`](Self::openapi) sets another path. A second call replaces the path.
    ///
    /// The page follows the engine: a banner shows global and service maintenance, active or planned. Badges mark
    /// operations with active or planned maintenance, deprecated ones (with the sunset), and those that are always
    /// active or restricted to environments, networks and roles, and show their limits. A change redraws the visible
    /// part without closing it. Like the document, the page and its events are served next to the API and never
    /// governed.
    ///
    /// Every reader of the page sees its content, including names of networks, roles and environments: see
    /// [`WaygateBuilder::show_access`](crate::WaygateBuilder::show_access).
    ///
    /// Everything is served from the binary, under a Content Security Policy without inline script or style. The page
    /// may connect to its own origin, and to those in the document's `servers` and token URLs.
    ///
    /// The router may be nested under a prefix: links are relative, and operations are tried out under the prefix if
    /// the document has no `servers`. An open page holds a connection to `events` next to it, which
    /// [`Waygate::shutdown`](crate::Waygate::shutdown) ends. At most 1,000 are open at a time, 64 of them for one
    /// client (an IPv4 address, or the first 64 bits of an IPv6 address, forwarded by [trusted
    /// proxies](crate::WaygateBuilder::trusted_proxies)); if it opens more, its oldest one ends. Clients with unknown
    /// addresses share the 1,000.
    ///
    /// # Panics
    /// [`into_router`](Self::into_router) panics if one of the paths is invalid, or the API already has a route with
    /// it (see [`try_into_router`](Self::try_into_router)).
    pub fn docs(mut self, path: &str) -> Self {
        self.documentation().set_page_path(path);
        self
    }
}

/// The paths of the page at `page` (without a trailing slash).
pub(super) fn paths(page: &str) -> Vec<String> {
    let names = asset::all().map(|asset| asset.name);
    let below = ["", "events"].into_iter().chain(names);
    let below = below.map(|name| format!("{page}/{name}"));
    below
        .chain((!page.is_empty()).then(|| page.to_owned()))
        .collect()
}

/// The page at `page` (without a trailing slash), for the document at `document_path`.
pub(super) fn router(page: &str, document_path: &str, document: &Arc<LiveDocument>) -> Router {
    let mut router = Router::new();
    if let Some((_, name)) = page.rsplit_once('/') {
        // The browser resolves the page's links against its URL, which must therefore end with a slash.
        let location = HeaderValue::try_from(format!("{name}/"));
        let location = location.unwrap_or(HeaderValue::from_static("./"));
        router = router.route(page, get(move |request| redirect(location, request)));
    }
    let index = Arc::new(index(page, document_path));
    let answer = move |request: HeaderMap| async move {
        // A popup of the OAuth flow communicates with the page that opened it; no other page may.
        let opener = HeaderValue::from_static("same-origin-allow-popups");
        (
            [("cross-origin-opener-policy", opener)],
            index.respond(&request),
        )
    };
    router = router.route(&format!("{page}/"), get(answer));
    for asset in asset::all().map(Arc::new) {
        let path = format!("{page}/{}", asset.name);
        let answer = move |request: HeaderMap| async move { asset.respond(&request) };
        router = router.route(&path, get(answer));
    }
    let security = policy::headers(document.origins());
    router
        .route(&format!("{page}/events"), events::route(document))
        .layer(map_response(move |response| {
            std::future::ready(with_headers(response, &security))
        }))
}

fn index(page: &str, document_path: &str) -> Asset {
    let up = "../".repeat(page.matches('/').count());
    let root = if up.is_empty() { "./" } else { &up };
    let document = format!("{root}{}", document_path.trim_start_matches('/'));
    let html = include_str!("index.html")
        .replace("{openapi}", &attribute(&document))
        .replace("{root}", &attribute(root));
    Asset::new("index.html", "text/html; charset=utf-8", html.into())
}

/// Escapes text for an HTML attribute.
fn attribute(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('"', "&quot;")
        .replace('<', "&lt;")
}

async fn redirect(location: HeaderValue, request: Request) -> Response {
    let location = match request.uri().query() {
        Some(query) => {
            let text = [location.as_bytes(), b"?", query.as_bytes()].concat();
            HeaderValue::try_from(text).unwrap_or(location)
        }
        None => location,
    };
    (
        StatusCode::TEMPORARY_REDIRECT,
        [(header::LOCATION, location)],
    )
        .into_response()
}

fn with_headers(mut response: Response, security: &HeaderMap) -> Response {
    let headers = security
        .iter()
        .map(|(name, value)| (name.clone(), value.clone()));
    response.headers_mut().extend(headers);
    response
}
