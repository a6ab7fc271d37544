use axum::response::{IntoResponse, Response};
use http::{HeaderName, HeaderValue, StatusCode, header};
use serde::Serialize;
use waygate_core::{model::Revision, view::Done};

use super::etag;

/// A JSON response.
#[derive(Debug)]
pub(crate) struct Reply<T> {
    status: StatusCode,
    body: T,
    tag: Option<String>,
}

impl<T: Serialize> Reply<T> {
    pub(crate) fn ok(body: T) -> Self {
        Self {
            status: StatusCode::OK,
            body,
            tag: None,
        }
    }

    /// Sets the status to 201.
    pub(crate) fn created(self) -> Self {
        Self {
            status: StatusCode::CREATED,
            ..self
        }
    }

    /// Changes the body.
    pub(crate) fn map(mut self, change: impl FnOnce(&mut T)) -> Self {
        change(&mut self.body);
        self
    }

    /// Adds the tag of a resource that was last changed by this commit.
    pub(crate) fn with_tag(self, revision: Revision) -> Self {
        Self {
            tag: Some(etag::entity_tag(revision)),
            ..self
        }
    }
}

impl<T: Serialize> IntoResponse for Reply<T> {
    fn into_response(self) -> Response {
        let body = serde_json::to_vec(&self.body).unwrap_or_default();
        json_response(self.status, body, self.tag.as_deref())
    }
}

/// The response of an operation without a result.
pub(crate) fn done() -> Reply<Done> {
    done_or(None)
}

/// The response of an operation without a result, with a warning if nothing has changed.
pub(crate) fn done_or(warning: Option<String>) -> Reply<Done> {
    Reply::ok(Done { ok: true, warning })
}

/// The warning of a response without a place for it in its body.
pub(crate) const WARNING: HeaderName = HeaderName::from_static("x-waygate-warning");

/// Adds a warning to a response without a place for it in its body. A text that no header can carry is omitted.
pub(crate) fn with_warning(mut response: Response, warning: Option<String>) -> Response {
    if let Some(Ok(warning)) = warning.map(HeaderValue::try_from) {
        response.headers_mut().insert(WARNING, warning);
    }
    response
}

/// Responds with JSON text.
pub(crate) fn json_response(
    status: StatusCode,
    body: impl Into<axum::body::Body>,
    tag: Option<&str>,
) -> Response {
    let mut response = (status, body.into()).into_response();
    let content_type = HeaderValue::from_static("application/json");
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, content_type);
    if let Some(tag) = tag {
        set_tag(&mut response, tag);
    }
    response
}

pub(super) fn set_tag(response: &mut Response, tag: &str) {
    if let Ok(tag) = HeaderValue::try_from(tag) {
        response.headers_mut().insert(header::ETAG, tag);
    }
}
