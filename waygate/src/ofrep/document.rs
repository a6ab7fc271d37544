use axum::response::{IntoResponse, Response};
use http::{HeaderValue, header};

/// The OpenAPI document of the endpoints, with paths relative to its own.
const DOCUMENT: &str = include_str!("openapi.json");

pub(super) async fn document() -> Response {
    let headers = [
        (
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/json"),
        ),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-cache")),
        (
            header::X_CONTENT_TYPE_OPTIONS,
            HeaderValue::from_static("nosniff"),
        ),
    ];
    (headers, DOCUMENT).into_response()
}
