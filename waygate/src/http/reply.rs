//! Responses in place of the handler's.

use axum::{body::Body, extract::OriginalUri, response::Response};
use http::{HeaderValue, StatusCode, header, request::Parts};
use waygate_core::Printable;

use super::{Responder, spans};
use crate::engine::{self, BlockReason, Blocked, BlockedBy, Inner};

/// A blocked request. Below `nest`, axum removes the prefix from the URL, but clients know only the whole URL.
pub(super) fn blocked(mut request: Parts, reason: BlockReason, engine: &Inner) -> Blocked {
    if let Some(OriginalUri(whole)) = request.extensions.get() {
        request.uri = whole.clone();
    }
    let blocked = Blocked::new(request, reason, engine);
    spans::blocked(&blocked, engine);
    blocked
}

/// The built-in response.
pub(super) fn builtin(blocked: &Blocked) -> Response {
    let mut response = engine::builtin(blocked).map(Body::from);
    mark(&mut response, blocked);
    response
}

/// A response extension: the response replaces that of a blocked request.
#[derive(Debug, Clone, Copy)]
struct Marked(BlockedBy);

fn mark(response: &mut Response, blocked: &Blocked) {
    let reason = BlockedBy::of(blocked.reason());
    response.extensions_mut().insert(Marked(reason));
}

/// Returns why the request was blocked, if the response replaces that of a handler.
#[inline]
pub(super) fn blocked_by(response: &Response) -> Option<BlockedBy> {
    let extensions = response.extensions();
    match extensions.is_empty() {
        true => None,
        false => extensions.get().map(|Marked(reason)| *reason),
    }
}

/// Runs a custom response function; uses the built-in response if it panics. A refusal must not look like a success,
/// so a success status is replaced with that of the built-in response.
pub(super) async fn custom(responder: Responder, blocked: Blocked) -> Response {
    match responder.answer(blocked.clone()).await {
        Some(mut response) => {
            if response.status().is_success() {
                *response.status_mut() = blocked.status();
            }
            mark(&mut response, &blocked);
            response
        }
        None => {
            let path = blocked.request().uri.path();
            tracing::error!(
                path = ?Printable(path),
                code = blocked.reason().code(),
                "a custom response panicked"
            );
            builtin(&blocked)
        }
    }
}

/// The response to a request that a limit refused. A custom response gets `Retry-After` or `WWW-Authenticate`.
pub(super) async fn limited(responder: Option<Responder>, blocked: Blocked) -> Response {
    let (retry_after, challenge) = (blocked.retry_after(), blocked.challenge().cloned());
    let mut response = match responder {
        Some(responder) => custom(responder, blocked).await,
        None => builtin(&blocked),
    };
    let is_unauthorized = response.status() == StatusCode::UNAUTHORIZED;
    let headers = response.headers_mut();
    if let Some(challenge) = challenge.filter(|_| is_unauthorized)
        && !headers.contains_key(header::WWW_AUTHENTICATE)
    {
        headers.insert(header::WWW_AUTHENTICATE, challenge);
    }
    if let Some(seconds) = retry_after
        && !headers.contains_key(header::RETRY_AFTER)
    {
        headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}
