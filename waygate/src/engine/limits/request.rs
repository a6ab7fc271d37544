use http::{HeaderMap, HeaderName, Method};
use waygate_core::{Timestamp, model::RouteKey};

use super::DecisionRecord;

static REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const MAX_REQUEST_ID: usize = 128;
const MAX_METHOD: usize = 16;

/// A request as the hit log and the decision log describe it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RequestInfo<'a> {
    pub(crate) route: &'a RouteKey,
    pub(crate) method: &'a Method,
    pub(crate) headers: &'a HeaderMap,
}

/// The client's `X-Request-Id`, if it is short enough to be kept.
#[inline]
pub(super) fn id_of(headers: &HeaderMap) -> Option<&str> {
    let id = headers.get(&REQUEST_ID)?.to_str().ok()?;
    Some(id).filter(|id| id.len() <= MAX_REQUEST_ID)
}

impl<'a> RequestInfo<'a> {
    /// The method. An extension method may have any length, and is truncated.
    pub(crate) fn method(&self) -> &'a str {
        let name = self.method.as_str();
        name.get(..MAX_METHOD).unwrap_or(name)
    }

    /// A record of a refusal, to be completed; `None` for a request without an id.
    #[cold]
    pub(crate) fn record(&self, at: Timestamp) -> Option<DecisionRecord> {
        let route = self.route.clone();
        Some(DecisionRecord::refusal(
            id_of(self.headers)?,
            at,
            route,
            self.method(),
        ))
    }
}
