//! Problem details (RFC 9457) that also carry `error` (wire contract, section 1).

use axum::response::{IntoResponse, Response};
use http::{HeaderName, HeaderValue, StatusCode, header};
use waygate_core::{Printable, model::Revision, view};

use super::{disclosure::without_places, etag};

/// The form of a route key in a URL.
pub(crate) const PATH_KEYS: &str = "A path key is a route key, percent-encoded (`GET:%2Fpayments` for `GET:/payments`) or \
                                    in base64url (RFC 4648 section 5: `R0VUOi9wYXltZW50cw`).";

/// The kinds of problems.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ProblemKind {
    InvalidBody,
    InvalidQuery,
    InvalidPath,
    InvalidValue,
    Unauthenticated,
    InvalidCredentials,
    DeviceLogin,
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
    /// A request with the same idempotency key runs.
    KeyInUse,
    /// Another request has the same idempotency key.
    KeyReused,
    /// The response of the request with this idempotency key is gone.
    ResponseNotKept,
}

impl ProblemKind {
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
            Self::DeviceLogin => (S::BAD_REQUEST, "device-login", "No token for the device"),
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
            Self::KeyInUse => (S::CONFLICT, "idempotency-key-in-use", "Request in progress"),
            Self::KeyReused => (
                S::UNPROCESSABLE_ENTITY,
                "idempotency-key-reused",
                "Idempotency key of another request",
            ),
            Self::ResponseNotKept => (
                S::CONFLICT,
                "idempotent-response-not-kept",
                "Response not kept",
            ),
            Self::NoRoom => (S::INSUFFICIENT_STORAGE, "no-room", "Insufficient storage"),
        }
    }
}

/// An error response. Nothing was changed, unless it says otherwise.
#[derive(Debug, Clone)]
pub(crate) struct Problem {
    kind: ProblemKind,
    error: String,
    detail: Option<String>,
    members: Option<Box<Members>>,
    headers: Vec<(HeaderName, HeaderValue)>,
}

/// Members of a few kinds of problems.
#[derive(Debug, Clone, Default)]
struct Members {
    ambiguous_matches: Option<Vec<String>>,
    mistakes: Option<Vec<view::Mistake>>,
}

impl Problem {
    pub(crate) fn new(kind: ProblemKind, error: impl Into<String>) -> Self {
        Self {
            kind,
            error: error.into(),
            detail: None,
            members: None,
            headers: Vec::new(),
        }
    }

    /// Sets the exact cause, if the contract's `error` does not name it.
    pub(crate) fn detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    /// Names the part of a request that is at fault.
    #[cfg(feature = "flags")]
    pub(crate) fn within(mut self, part: &str) -> Self {
        self.error = format!("{part}: {}", self.error);
        self
    }

    /// Adds all mistakes of a definition.
    pub(crate) fn mistakes(mut self, mistakes: Vec<view::Mistake>) -> Self {
        self.members.get_or_insert_default().mistakes = Some(mistakes);
        self
    }

    /// Adds a header. An invalid value is omitted.
    pub(crate) fn header(mut self, name: HeaderName, value: impl TryInto<HeaderValue>) -> Self {
        if let Ok(value) = value.try_into() {
            self.headers.push((name, value));
        }
        self
    }

    pub(crate) fn retry_after(self, seconds: u64) -> Self {
        self.header(header::RETRY_AFTER, seconds.max(1))
    }

    /// 412, with the tag of the current version if there is one.
    pub(crate) fn precondition_failed(current: Option<Revision>) -> Self {
        let text = match current {
            Some(_) => {
                "It was changed in the meantime: `If-Match` names no current ETag, or `If-None-Match` names it."
            }
            None => "What is to be changed is not there, so `If-Match` does not hold.",
        };
        let problem = Self::new(ProblemKind::PreconditionFailed, text);
        match current {
            Some(current) => problem.header(header::ETAG, etag::entity_tag(current)),
            None => problem,
        }
    }

    /// 412 for a draft of a flag that has changed. `tag` is what the request expects of the flag.
    #[cfg(feature = "flags")]
    pub(crate) fn stale_draft(key: &str, tag: Option<&str>, current: Revision) -> Self {
        let text = match tag {
            Some(_) => format!("`flag_etag` is not the ETag of the flag `{key}`"),
            None => format!(
                "The draft of the flag `{key}` is stale: the flag was changed in the meantime"
            ),
        };
        let help = "compare both with `GET` of the draft, then publish with its `flag_etag`, or delete the draft and save \
                    a new one";
        let problem = Self::new(ProblemKind::PreconditionFailed, format!("{text}; {help}."));
        problem.header(header::ETAG, etag::entity_tag(current))
    }

    /// 404. `path` is the whole path of the request, and `meant` the correct spelling of one of its segments.
    pub(crate) fn not_found(path: &str, meant: Option<&str>) -> Self {
        let shown: String = path.chars().take(200).collect();
        let hint = match meant {
            Some(meant) => format!(": did you mean `{meant}`?"),
            None if path.contains(':') => format!(". {PATH_KEYS}"),
            None => ".".to_owned(),
        };
        let detail = format!("There is nothing at `{shown}`{hint}");
        Self::new(ProblemKind::NotFound, "Not Found").detail(detail)
    }

    /// An error of a store. The log has the full text; the client gets it without file paths.
    pub(super) fn of_store(kind: ProblemKind, text: &str) -> Self {
        let shown = without_places(text);
        if shown != text {
            tracing::warn!(error = %Printable(text), "the store failed; the response omits details");
        }
        Self::new(kind, shown)
    }

    /// 409, with the keys that an ambiguous path could mean.
    pub(super) fn ambiguous(error: String, matches: Vec<String>) -> Self {
        let members = Members {
            ambiguous_matches: Some(matches),
            mistakes: None,
        };
        Self {
            members: Some(Box::new(members)),
            ..Self::new(ProblemKind::AmbiguousRoute, error)
        }
    }

    /// The problem as one of several in a request.
    pub(crate) fn as_mistake(&self, pointer: String) -> view::Mistake {
        let (_, slug, _) = self.kind.facts();
        view::Mistake {
            pointer,
            code: slug.replace('-', "_"),
            message: self.error.clone(),
        }
    }

    /// The text of the problem.
    pub(crate) fn text(&self) -> &str {
        &self.error
    }

    pub(crate) fn kind(&self) -> ProblemKind {
        self.kind
    }

    /// The text, for errors of another form.
    #[cfg(any(feature = "admin", feature = "ofrep"))]
    pub(crate) fn into_detail(self) -> String {
        self.detail.unwrap_or(self.error)
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let (status, slug, title) = self.kind.facts();
        let members = self.members.unwrap_or_default();
        let body = view::Problem {
            kind: format!("urn:waygate:problem:{slug}"),
            title: title.into(),
            status: status.as_u16(),
            detail: self.detail.unwrap_or_else(|| self.error.clone()),
            error: self.error,
            ambiguous_matches: members.ambiguous_matches,
            errors: members.mistakes,
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
