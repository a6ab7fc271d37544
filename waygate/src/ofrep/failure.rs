//! Errors in the form of the protocol.

use std::borrow::Cow;

use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use serde::Serialize;
use waygate_core::{flag::ErrorCode, grammar::EnvName};

/// An error of a flag, or of a call. Serializes to the body of the protocol.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Failure {
    /// The flag; none in an error of a call for all flags.
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<String>,
    error_code: &'static str,
    error_details: Cow<'static, str>,
    #[serde(skip)]
    status: StatusCode,
    #[serde(skip)]
    header: Option<(&'static str, &'static str)>,
}

impl Failure {
    fn new(status: StatusCode, code: ErrorCode, details: impl Into<Cow<'static, str>>) -> Self {
        Self {
            key: None,
            error_code: code.as_str(),
            error_details: details.into(),
            status,
            header: None,
        }
    }

    pub(super) fn bad_request(code: ErrorCode, details: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, code, details)
    }

    pub(super) fn no_flag(key: &str) -> Self {
        let details = format!("there is no flag `{key}`");
        Self::new(StatusCode::NOT_FOUND, ErrorCode::FlagNotFound, details).of_flag(key)
    }

    pub(super) fn other_environment(named: &str, own: &EnvName) -> Self {
        let details = format!("this process serves the environment `{own}`, not `{named}`");
        Self::new(StatusCode::NOT_FOUND, ErrorCode::General, details)
    }

    pub(super) fn unauthenticated() -> Self {
        let details = "a token is required, in `Authorization: Bearer` or `X-API-Key`; \
            it is missing, wrong, expired or revoked";
        Self::challenge(details)
    }

    pub(super) fn bad_ticket() -> Self {
        let details = "the ticket is missing, wrong or expired: evaluate all flags again to get the address of the stream";
        Self::challenge(details)
    }

    fn challenge(details: &'static str) -> Self {
        Self {
            header: Some(("www-authenticate", "Bearer realm=\"waygate\"")),
            ..Self::new(StatusCode::UNAUTHORIZED, ErrorCode::General, details)
        }
    }

    pub(super) fn forbidden(details: &str) -> Self {
        Self::new(
            StatusCode::FORBIDDEN,
            ErrorCode::General,
            details.to_owned(),
        )
    }

    pub(super) fn too_large(most: usize) -> Self {
        let details = format!("the body is larger than {most} bytes");
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, ErrorCode::General, details)
    }

    pub(super) fn timeout(seconds: u64) -> Self {
        let details = format!("the body did not arrive within {seconds} seconds");
        Self::new(StatusCode::REQUEST_TIMEOUT, ErrorCode::General, details)
    }

    pub(super) fn method_not_allowed(allow: &'static str) -> Self {
        let details = format!("the method is not allowed here: use {allow}");
        Self {
            header: Some(("allow", allow)),
            ..Self::new(StatusCode::METHOD_NOT_ALLOWED, ErrorCode::General, details)
        }
    }

    pub(super) fn not_yet_here() -> Self {
        Self::retry("this process has not read the change yet that the request follows; try again")
    }

    pub(super) fn never_read() -> Self {
        Self::retry(
            "this process has not read its flags yet, as it has not reached its store; try again",
        )
    }

    fn retry(details: &'static str) -> Self {
        Self {
            header: Some(("retry-after", "1")),
            ..Self::new(StatusCode::SERVICE_UNAVAILABLE, ErrorCode::General, details)
        }
    }

    pub(super) fn internal() -> Self {
        let details = "the response could not be written";
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            ErrorCode::General,
            details,
        )
    }

    /// Sets the flag of the error.
    pub(super) fn of_flag(mut self, key: &str) -> Self {
        self.key = Some(key.to_owned());
        self
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let body = serde_json::to_vec(&self).unwrap_or_default();
        let mut response = json(self.status, body);
        if let Some((name, value)) = self.header {
            let value = HeaderValue::from_static(value);
            response.headers_mut().insert(name, value);
        }
        response
    }
}

/// A response of JSON text. No cache may keep it: it is about one context.
pub(super) fn json(status: StatusCode, body: Vec<u8>) -> Response {
    let headers = [
        (
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/json"),
        ),
        (
            header::CACHE_CONTROL,
            HeaderValue::from_static("private, no-cache"),
        ),
        (
            header::X_CONTENT_TYPE_OPTIONS,
            HeaderValue::from_static("nosniff"),
        ),
    ];
    (status, headers, body).into_response()
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt;

    use super::*;

    #[tokio::test]
    async fn an_internal_error_has_details() {
        let response = Failure::internal().into_response();
        assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
        let body = response.into_body().collect().await.unwrap().to_bytes();
        let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(body["errorDetails"], "the response could not be written");
    }
}
