use http::{HeaderValue, StatusCode, request};
use jiff::Timestamp;
use waygate_core::grammar::EnvName;

use super::BlockReason;
use crate::engine::Inner;

/// A blocked request: its head and the reason. Custom responses are built from it; a response without its own status
/// gets [`status`](Self::status).
///
/// ```
/// use axum::response::IntoResponse;
/// use waygate::Blocked;
///
/// fn teapot(blocked: &Blocked) -> impl IntoResponse + use<> {
///     (blocked.status(), format!("{} rests: {}", blocked.request().uri.path(), blocked.reason().message()))
/// }
/// # let _ = waygate::response::Responder::new(teapot);
/// ```
#[derive(Debug, Clone)]
pub struct Blocked {
    request: request::Parts,
    reason: BlockReason,
    at: Timestamp,
    shows_environments: bool,
}

impl Blocked {
    /// `request` has the whole URL, as the client knows it.
    pub(crate) fn new(request: request::Parts, reason: BlockReason, engine: &Inner) -> Self {
        Self {
            request,
            reason,
            at: engine.clock.now(),
            shows_environments: engine.answers.show_environments,
        }
    }

    /// The head of the request: method, URI, headers, extensions.
    pub fn request(&self) -> &request::Parts {
        &self.request
    }

    /// Returns the reason for the block.
    pub fn reason(&self) -> &BlockReason {
        &self.reason
    }

    /// Returns the status of the built-in response, which also replaces a success status of a custom response.
    pub fn status(&self) -> StatusCode {
        self.reason.status()
    }

    /// The environments that the built-in response may name: the current one, and the allowed ones.
    pub(super) fn environments(&self) -> Option<(&EnvName, &[EnvName])> {
        match &self.reason {
            BlockReason::EnvGated { current, allowed } if self.shows_environments => {
                Some((current, allowed))
            }
            _ => None,
        }
    }

    /// The `WWW-Authenticate` header of a 401.
    pub(crate) fn challenge(&self) -> Option<&HeaderValue> {
        match &self.reason {
            BlockReason::KeyMissing(missing) => missing.challenge.as_ref(),
            _ => None,
        }
    }

    /// Seconds for `Retry-After` (RFC 9110 section 10.2.3): rounded up, at least 1; `None` if the end is unknown or
    /// waiting does not help.
    pub fn retry_after(&self) -> Option<u64> {
        match &self.reason {
            BlockReason::RateLimited(limited) if limited.too_costly => return None,
            BlockReason::RateLimited(limited) => return Some(limited.retry_after),
            BlockReason::ConcurrencyLimited(limited) => return Some(limited.retry_after),
            _ => {}
        }
        let wait = self.reason.until()?.duration_since(self.at);
        let seconds = wait.as_secs() + i64::from(wait.subsec_nanos() > 0);
        Some(u64::try_from(seconds).unwrap_or(0).max(1))
    }
}
