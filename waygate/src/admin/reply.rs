use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde::Serialize;
use utoipa::ToSchema;
use waygate_core::model::Revision;

use super::etag;

/// A JSON answer.
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

    pub(crate) fn created(body: T) -> Self {
        Self {
            status: StatusCode::CREATED,
            ..Self::ok(body)
        }
    }

    /// With the tag of something that was last changed by this commit.
    pub(crate) fn tagged(body: T, revision: Revision) -> Self {
        Self::ok(body).with_tag(revision)
    }

    /// The same with this commit's tag.
    pub(crate) fn with_tag(self, revision: Revision) -> Self {
        Self {
            tag: Some(etag::of(revision)),
            ..self
        }
    }
}

impl<T: Serialize> IntoResponse for Reply<T> {
    fn into_response(self) -> Response {
        let body = serde_json::to_vec(&self.body).unwrap_or_default();
        json(self.status, body, self.tag.as_deref())
    }
}

/// The answer where there is nothing to show.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Done {
    /// Always `true`.
    ok: bool,
}

impl Done {
    pub(crate) const fn new() -> Self {
        Self { ok: true }
    }
}

/// A list, or 304 if the client has it already.
pub(crate) fn list(items: &impl Serialize, revision: Revision, headers: &HeaderMap) -> Response {
    let body = serde_json::to_vec(items).unwrap_or_default();
    let tag = etag::of_list(revision, &body);
    if etag::is_known(headers, &tag) {
        let mut response = StatusCode::NOT_MODIFIED.into_response();
        set_tag(&mut response, &tag);
        return response;
    }
    json(StatusCode::OK, body, Some(&tag))
}

/// A JSON text as an answer.
pub(crate) fn json(
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

fn set_tag(response: &mut Response, tag: &str) {
    if let Ok(tag) = HeaderValue::try_from(tag) {
        response.headers_mut().insert(header::ETAG, tag);
    }
}
