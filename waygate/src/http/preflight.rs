//! Finds out at the start which endpoints have no handler behind them, only axum's own `405`: CORS preflights may pass
//! those whatever is closed.

use std::sync::{Arc, atomic::Ordering};

use axum::{Router, body::Body, extract::Request, response::Response};
use futures_util::FutureExt;
use http::Method;
use tower::ServiceExt;

use super::{probe::concrete, service::Endpoint};

/// On a request: the endpoint is to name itself. Extensions do not come from clients.
#[derive(Clone)]
struct Name;

/// On the answer: the endpoint that the request has reached.
#[derive(Clone)]
struct Named(Arc<Endpoint>);

/// Learns it for these templates. `router` has the layer outermost, so no code of the application runs.
pub(super) fn learn<'a>(router: &Router, templates: impl Iterator<Item = &'a str>) {
    // axum replaces only its own answer, not what the application has put in its place.
    let replaced = router.clone().method_not_allowed_fallback(async || {});
    for template in templates {
        let Some(endpoint) = reached(router, template) else {
            continue;
        };
        if reached(&replaced, template).is_none() {
            endpoint.has_no_handler.store(true, Ordering::Relaxed);
        }
    }
}

/// The endpoint that gets `OPTIONS` for this template.
fn reached(router: &Router, template: &str) -> Option<Arc<Endpoint>> {
    let mut request = Request::new(Body::empty());
    *request.method_mut() = Method::OPTIONS;
    *request.uri_mut() = concrete(template).parse().ok()?;
    request.extensions_mut().insert(Name);
    let answer = router.clone().oneshot(request).now_or_never()?;
    let mut response = match answer {
        Ok(response) => response,
        Err(never) => match never {},
    };
    let Named(endpoint) = response.extensions_mut().remove()?;
    Some(endpoint)
}

/// Whether the request is one of [`learn`].
#[inline]
pub(super) fn asks_for_name(request: &Request) -> bool {
    *request.method() == Method::OPTIONS && request.extensions().get::<Name>().is_some()
}

/// The answer to it.
pub(super) fn named(endpoint: &Arc<Endpoint>) -> Response {
    let mut response = Response::new(Body::empty());
    response.extensions_mut().insert(Named(endpoint.clone()));
    response
}
