use std::{convert::Infallible, sync::Arc};

use axum::{
    extract::Request,
    middleware::{from_fn_with_state, map_response},
    response::Response,
};
use http::Uri;
use tower::{Layer, Service};

use super::{
    Admin,
    auth::authorize,
    docs,
    error::{Kind, Problem},
    headers::secure,
    routes,
    state::AdminState,
};
use crate::Waygate;

/// The whole interface: the gate around the router, and the headers around both.
pub(super) fn new(
    waygate: Waygate,
    admin: Admin,
) -> impl Service<Request, Response = Response, Error = Infallible, Future: Send + 'static>
+ Clone
+ Send
+ Sync
+ 'static {
    let (router, document) = routes::router().split_for_parts();
    let document = docs::finish(document);
    let state = Arc::new(AdminState::new(waygate, admin, &document));
    let router = router
        // The gate lets nothing through that is not in the document, so these are never asked.
        .fallback(not_found)
        .method_not_allowed_fallback(method_not_allowed)
        .with_state(state.clone());
    let gated = from_fn_with_state(state, authorize).layer(router);
    map_response(secure).layer(gated)
}

async fn not_found(uri: Uri) -> Problem {
    Problem::not_found(uri.path())
}

async fn method_not_allowed() -> Problem {
    Problem::new(Kind::MethodNotAllowed, "Method Not Allowed")
}
