//! Cross-origin requests of pages (Fetch standard, CORS). Cookies are never allowed.

use axum::{
    extract::{Request, State},
    middleware::Next,
    response::{IntoResponse, Response},
};
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};

const METHODS: HeaderValue = HeaderValue::from_static("GET, POST");
const HEADERS: HeaderValue = HeaderValue::from_static(
    "content-type, authorization, x-api-key, if-none-match, last-event-id",
);
const EXPOSED: HeaderValue = HeaderValue::from_static("ETag, Retry-After");
/// Two hours, the most that Chromium accepts.
const MAX_AGE: HeaderValue = HeaderValue::from_static("7200");

/// The origins of pages that may call the server.
#[derive(Debug, Clone)]
pub(super) enum Origins {
    None,
    Any,
    These(Vec<HeaderValue>),
}

impl Origins {
    pub(super) fn with(self, origin: HeaderValue) -> Self {
        match self {
            Self::Any => Self::Any,
            Self::None => Self::These(vec![origin]),
            Self::These(mut origins) => {
                origins.push(origin);
                Self::These(origins)
            }
        }
    }

    /// The value of `Access-Control-Allow-Origin`.
    fn allowed(&self, request: &HeaderMap) -> Option<HeaderValue> {
        let origin = request.get(header::ORIGIN)?;
        match self {
            Self::None => None,
            Self::Any => Some(HeaderValue::from_static("*")),
            Self::These(origins) => origins.iter().find(|known| *known == origin).cloned(),
        }
    }
}

/// Answers preflights, and adds headers to all responses, errors included: a page cannot read others.
pub(super) async fn cors(State(origins): State<Origins>, request: Request, next: Next) -> Response {
    let headers = request.headers();
    let allowed = origins.allowed(headers);
    let is_preflight = request.method() == Method::OPTIONS
        && headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
    let mut response = match (&allowed, is_preflight) {
        (Some(_), true) => {
            let allow = [
                (header::ACCESS_CONTROL_ALLOW_METHODS, METHODS),
                (header::ACCESS_CONTROL_ALLOW_HEADERS, HEADERS),
                (header::ACCESS_CONTROL_MAX_AGE, MAX_AGE),
            ];
            (StatusCode::NO_CONTENT, allow).into_response()
        }
        _ => next.run(request).await,
    };
    let headers = response.headers_mut();
    if let Some(allowed) = allowed {
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, allowed);
        headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
    }
    if matches!(origins, Origins::These(_)) {
        headers.append(header::VARY, HeaderValue::from_static("origin"));
    }
    response
}
