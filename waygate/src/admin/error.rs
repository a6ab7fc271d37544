//! Problem details (RFC 9457) that also carry `error` (wire contract, section 1).

use axum::response::{IntoResponse, Response};
use http::{HeaderName, HeaderValue, StatusCode, header};
use serde::Serialize;
use utoipa::ToSchema;
use waygate_core::{
    Printable,
    grammar::Invalid,
    model::{Revision, RouteKey},
    port::{BackendError, CommitError},
    transition::Refused,
};

use super::{disclosure::without_places, etag};
use crate::{ChangeError, ResolveError};

/// How a route is named in a URL.
pub(crate) const PATH_KEYS: &str = "A path key is a route key, percent-encoded (`GET:%2Fpayments` for `GET:/payments`) or \
                                    in base64url (RFC 4648 section 5: `R0VUOi9wYXltZW50cw`).";

/// The kinds of problems that this interface has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    InvalidBody,
    InvalidQuery,
    InvalidPath,
    InvalidValue,
    Unauthenticated,
    InvalidCredentials,
    InsufficientScope,
    Refused,
    NotFound,
    MethodNotAllowed,
    BodyTimeout,
    AmbiguousRoute,
    ProtectedRoute,
    Conflict,
    PreconditionFailed,
    BodyTooLarge,
    UnsupportedMediaType,
    PreconditionRequired,
    TooManyAttempts,
    Internal,
    NotConfigured,
    Unavailable,
    NoRoom,
}

impl Kind {
    /// Status, the last part of the type URI, title.
    const fn facts(self) -> (StatusCode, &'static str, &'static str) {
        use StatusCode as S;
        match self {
            Self::InvalidBody => (S::BAD_REQUEST, "invalid-body", "Invalid request body"),
            Self::InvalidQuery => (S::BAD_REQUEST, "invalid-query", "Invalid query"),
            Self::InvalidPath => (S::BAD_REQUEST, "invalid-path", "Invalid path"),
            Self::InvalidValue => (S::BAD_REQUEST, "invalid-value", "Invalid value"),
            Self::Unauthenticated => (
                S::UNAUTHORIZED,
                "unauthenticated",
                "Authentication required",
            ),
            Self::InvalidCredentials => (
                S::UNAUTHORIZED,
                "invalid-credentials",
                "Invalid credentials",
            ),
            Self::InsufficientScope => (S::FORBIDDEN, "insufficient-scope", "Insufficient scope"),
            Self::Refused => (S::FORBIDDEN, "refused", "Refused"),
            Self::NotFound => (S::NOT_FOUND, "not-found", "Not found"),
            Self::MethodNotAllowed => (
                S::METHOD_NOT_ALLOWED,
                "method-not-allowed",
                "Method not allowed",
            ),
            Self::BodyTimeout => (S::REQUEST_TIMEOUT, "body-timeout", "Request body too slow"),
            Self::AmbiguousRoute => (S::CONFLICT, "ambiguous-route", "Ambiguous route"),
            Self::ProtectedRoute => (S::CONFLICT, "protected-route", "Protected route"),
            Self::Conflict => (S::CONFLICT, "conflict", "Conflict"),
            Self::PreconditionFailed => (
                S::PRECONDITION_FAILED,
                "precondition-failed",
                "Precondition failed",
            ),
            Self::BodyTooLarge => (
                S::PAYLOAD_TOO_LARGE,
                "body-too-large",
                "Request body too large",
            ),
            Self::UnsupportedMediaType => (
                S::UNSUPPORTED_MEDIA_TYPE,
                "unsupported-media-type",
                "Unsupported media type",
            ),
            Self::PreconditionRequired => (
                S::PRECONDITION_REQUIRED,
                "precondition-required",
                "Precondition required",
            ),
            Self::TooManyAttempts => (
                S::TOO_MANY_REQUESTS,
                "too-many-attempts",
                "Too many attempts",
            ),
            Self::Internal => (S::INTERNAL_SERVER_ERROR, "internal", "Internal error"),
            Self::NotConfigured => (S::NOT_IMPLEMENTED, "not-configured", "Not configured"),
            Self::Unavailable => (S::SERVICE_UNAVAILABLE, "unavailable", "Unavailable"),
            Self::NoRoom => (S::INSUFFICIENT_STORAGE, "no-room", "Insufficient storage"),
        }
    }
}

/// An answer that says what was wrong. Nothing was changed, unless it says otherwise.
#[derive(Debug)]
pub(crate) struct Problem {
    kind: Kind,
    error: String,
    detail: Option<String>,
    ambiguous_matches: Option<Vec<String>>,
    headers: Vec<(HeaderName, HeaderValue)>,
}

/// Problem details (RFC 9457).
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Problem)]
pub(crate) struct ProblemBody {
    /// What kind of problem it is: a URN that stays the same.
    #[serde(rename = "type")]
    #[schema(example = "urn:waygate:problem:not-found")]
    kind: String,
    /// The kind in words.
    title: &'static str,
    /// The status code of the answer.
    status: u16,
    /// What exactly is wrong, and what would be right.
    detail: String,
    /// What is wrong, in the words that clients of the wire contract know.
    error: String,
    /// The keys that an ambiguous path could mean; only there when it is ambiguous.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    ambiguous_matches: Option<Vec<String>>,
}

impl Problem {
    pub(crate) fn new(kind: Kind, error: impl Into<String>) -> Self {
        Self {
            kind,
            error: error.into(),
            detail: None,
            ambiguous_matches: None,
            headers: Vec::new(),
        }
    }

    /// What exactly is wrong, where the contract's `error` does not say it.
    pub(crate) fn detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    /// A header of the answer; one that cannot be a header value is left out.
    pub(crate) fn header(mut self, name: HeaderName, value: impl TryInto<HeaderValue>) -> Self {
        if let Ok(value) = value.try_into() {
            self.headers.push((name, value));
        }
        self
    }

    pub(crate) fn retry_after(self, seconds: u64) -> Self {
        self.header(header::RETRY_AFTER, seconds.max(1))
    }

    /// What a precondition found instead of what it named.
    pub(crate) fn precondition_failed(current: Option<Revision>) -> Self {
        match current {
            Some(current) => Self::lost_race(current),
            None => Self::new(
                Kind::PreconditionFailed,
                "What is to be changed is not there, so `If-Match` does not hold.",
            ),
        }
    }

    /// What has changed in the meantime, and into what.
    pub(crate) fn lost_race(current: Revision) -> Self {
        Self::new(
            Kind::PreconditionFailed,
            "It was changed in the meantime: `If-Match` names no current ETag.",
        )
        .header(header::ETAG, etag::of(current))
    }

    /// `path` is the whole one, as the client knows it.
    pub(crate) fn not_found(path: &str) -> Self {
        let shown: String = path.chars().take(200).collect();
        let hint = match path.contains(':') {
            true => format!(" {PATH_KEYS}"),
            false => String::new(),
        };
        let detail = format!("There is nothing at `{shown}`.{hint}");
        Self::new(Kind::NotFound, "Not Found").detail(detail)
    }

    /// What a store says is shown without the places that it names, which only the log has.
    fn of_store(kind: Kind, text: &str) -> Self {
        let shown = without_places(text);
        if shown != text {
            tracing::warn!(error = %Printable(text), "the store failed; the client is shown less");
        }
        Self::new(kind, shown)
    }

    pub(crate) fn kind(&self) -> Kind {
        self.kind
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let (status, slug, title) = self.kind.facts();
        let body = ProblemBody {
            kind: format!("urn:waygate:problem:{slug}"),
            title,
            status: status.as_u16(),
            detail: self.detail.unwrap_or_else(|| self.error.clone()),
            error: self.error,
            ambiguous_matches: self.ambiguous_matches,
        };
        let body = serde_json::to_vec(&body).unwrap_or_default();
        let mut response = (status, body).into_response();
        let headers = response.headers_mut();
        let content_type = HeaderValue::from_static("application/problem+json");
        headers.insert(header::CONTENT_TYPE, content_type);
        headers.extend(self.headers);
        response
    }
}

impl From<Invalid> for Problem {
    fn from(invalid: Invalid) -> Self {
        Self::new(Kind::InvalidValue, invalid.to_string())
    }
}

impl From<ResolveError> for Problem {
    fn from(error: ResolveError) -> Self {
        let text = error.to_string();
        match error {
            ResolveError::Invalid(_) => Self::new(Kind::InvalidPath, text),
            // The words are the contract's.
            ResolveError::NotRegistered { key, .. } => Self::new(
                Kind::NotFound,
                format!(
                    "Route '{key}' is not registered. Use 'waygate status' to see all registered routes."
                ),
            )
            .detail(text),
            ResolveError::NotOrphaned { .. } => Self::new(Kind::Conflict, text),
            ResolveError::Ambiguous { matches, .. } => {
                let matches = matches.iter().map(RouteKey::to_string).collect();
                Self {
                    ambiguous_matches: Some(matches),
                    ..Self::new(Kind::AmbiguousRoute, text)
                }
            }
        }
    }
}

impl From<ChangeError> for Problem {
    fn from(error: ChangeError) -> Self {
        let text = error.to_string();
        match error {
            ChangeError::Resolve(error) => error.into(),
            ChangeError::Invalid(invalid) => invalid.into(),
            // The words are the contract's, which knows decorators and no attributes.
            ChangeError::Protected { key } => Self::new(
                Kind::ProtectedRoute,
                format!(
                    "Route '{key}' is decorated with @force_active and cannot have its state changed. Remove the \
                     decorator first if you need to control this route's lifecycle."
                ),
            )
            .detail(text),
            ChangeError::Refused {
                refused: Refused::NoSuchWindow(_),
                ..
            } => Self::new(Kind::NotFound, text),
            // Not 409: clients of the contract take that for a protected or an ambiguous route.
            ChangeError::Refused { .. } | ChangeError::Ended { .. } => {
                Self::new(Kind::InvalidValue, text)
            }
            ChangeError::Conflict { .. } => Self::new(Kind::PreconditionFailed, text),
            ChangeError::Backend(error) => error.into(),
            ChangeError::Counters(_) => {
                Self::of_store(Kind::Unavailable, &text).retry_after(RETRY_AFTER)
            }
        }
    }
}

/// When to try again if the store fails.
const RETRY_AFTER: u64 = 5;

impl From<BackendError> for Problem {
    fn from(error: BackendError) -> Self {
        let text = error.to_string();
        match error {
            BackendError::NotWritable(_) => Self::of_store(Kind::NoRoom, &text),
            BackendError::InvalidBatch(_) => {
                tracing::error!(error = %Printable(&text), "the admin interface wrote a malformed batch");
                Self::new(Kind::Internal, "Internal Server Error")
            }
            _ => Self::of_store(Kind::Unavailable, &text).retry_after(RETRY_AFTER),
        }
    }
}

impl From<CommitError> for Problem {
    fn from(error: CommitError) -> Self {
        match error {
            CommitError::Backend(error) => error.into(),
            other => Self::of_store(Kind::Unavailable, &other.to_string()).retry_after(RETRY_AFTER),
        }
    }
}
