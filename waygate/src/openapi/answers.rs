//! The possible refusals of an operation, as its responses (OpenAPI 3.1.1 section 4.8.17).

use std::sync::LazyLock;

use serde_json::{Value, json};

use super::{
    json::{Member, Writer},
    markdown::Escaped,
    notes::Notes,
};
use crate::engine::RateLimitHeaders;

/// One response to add to an operation.
#[derive(Debug)]
pub(super) struct Answer {
    status: &'static str,
    text: String,
    headers: Option<&'static str>,
    /// `None` if the application responds, so that the body is unknown.
    body: Option<&'static Body>,
}

/// The built-in body of one status, in both formats: ours, and problem details (RFC 9457 section 3).
#[derive(Debug)]
pub(super) struct Body {
    content: String,
    /// The schemas that `content` refers to, as members of `components.schemas`.
    pub(super) schemas: [Member; 2],
}

/// The refusals that follow from `notes`, except those that the operation documents itself.
pub(super) fn of(notes: &Notes<'_>, own: &[Member], headers: RateLimitHeaders) -> Vec<Answer> {
    let custom = notes.custom;
    let answer =
        |status, text: Option<String>, headers, custom: bool, body: &'static LazyLock<Body>| {
            let is_documented = own.iter().any(|member| &*member.name == status);
            Some(Answer {
                status,
                text: text.filter(|_| !is_documented)?,
                headers,
                body: (!custom).then(|| &**body),
            })
        };
    let limits = Some(of_limits(headers, notes.refusing_rates().next().is_some()));
    let (forbidden, too_many) = (forbidden(notes), too_many(notes));
    let challenge = Some(&**CHALLENGE);
    let (bad_request, unauthorized) = (bad_request(notes), unauthorized(notes));
    let all = [
        answer("400", bad_request, None, custom.bad_request, &BAD_REQUEST),
        answer(
            "401",
            unauthorized,
            challenge,
            custom.unauthorized,
            &UNAUTHORIZED,
        ),
        answer("403", forbidden, None, custom.forbidden, &FORBIDDEN),
        answer("429", too_many, limits, custom.too_many, &TOO_MANY),
        answer(
            "503",
            unavailable(notes),
            Some(&*RETRY_AFTER),
            custom.unavailable,
            &UNAVAILABLE,
        ),
    ];
    all.into_iter().flatten().collect()
}

impl Answer {
    pub(super) fn write(&self, writer: &mut Writer) {
        writer.object(&format!("\"{}\":", self.status), |writer| {
            writer.member("description", &self.text);
            let content = self.body.map(|body| &*body.content);
            for piece in self.headers.into_iter().chain(content) {
                writer.piece(piece);
            }
        });
    }

    pub(super) fn body(&self) -> Option<&'static Body> {
        self.body
    }
}

fn bad_request(notes: &Notes<'_>) -> Option<String> {
    let refuses = notes.refuses_missing(false);
    refuses.then(|| "The request has no key for a rate limit.".to_owned())
}

fn unauthorized(notes: &Notes<'_>) -> Option<String> {
    let refuses = notes.refuses_missing(true);
    refuses.then(|| "The user or the API key is missing.".to_owned())
}

fn forbidden(notes: &Notes<'_>) -> Option<String> {
    let of = |noun: &str, names: String| match notes.shows_access {
        true => format!("{noun} {}", Escaped(&names)),
        false => format!("{noun} that are allowed"),
    };
    let networks = (!notes.networks.is_empty()).then(|| {
        let networks = of("networks", joined(notes.networks));
        format!("The client's address is in none of the {networks}.")
    });
    let roles = (!notes.roles.is_empty()).then(|| {
        let roles = of("roles", joined(notes.roles));
        format!("The caller has none of the {roles}.")
    });
    let all: Vec<String> = networks.into_iter().chain(roles).collect();
    (!all.is_empty()).then(|| all.join(" "))
}

fn joined(items: &[impl ToString]) -> String {
    let items: Vec<String> = items.iter().map(ToString::to_string).collect();
    items.join(", ")
}

fn too_many(notes: &Notes<'_>) -> Option<String> {
    let limits = notes.refusing();
    let limits = (!limits.is_empty()).then(|| limits.join("; "))?;
    Some(format!("Beyond a limit: {}.", Escaped(&limits)))
}

fn unavailable(notes: &Notes<'_>) -> Option<String> {
    let text = match (&notes.maintenance, &*notes.planned) {
        (Some(_), _) => "Closed for maintenance.",
        (None, []) => return None,
        (None, _) => "Closed for maintenance, while a planned one lasts.",
    };
    Some(text.to_owned())
}

static CHALLENGE: LazyLock<String> = LazyLock::new(|| {
    let challenge = json!({"description": "How to authenticate", "schema": {"type": "string"}});
    format!("\"headers\":{}", json!({"WWW-Authenticate": challenge}))
});
static RETRY_AFTER: LazyLock<String> = LazyLock::new(|| headers(&[WAIT]));
static POLICY: LazyLock<String> = LazyLock::new(|| headers(&[WAIT, POLICIES]));
static LEGACY: LazyLock<String> = LazyLock::new(|| headers(&[WAIT, COUNTS]));
static STANDARD: LazyLock<String> = LazyLock::new(|| headers(&[WAIT, LEFT, POLICIES]));
static BOTH: LazyLock<String> = LazyLock::new(|| headers(&[WAIT, COUNTS, LEFT, POLICIES]));

/// A concurrency limit has no window, and so no remaining quota.
fn of_limits(headers: RateLimitHeaders, has_rates: bool) -> &'static str {
    match (headers, has_rates) {
        (RateLimitHeaders::Both, true) => &BOTH,
        (RateLimitHeaders::Legacy, true) => &LEGACY,
        (RateLimitHeaders::Standard, true) => &STANDARD,
        (RateLimitHeaders::Both | RateLimitHeaders::Standard, false) => &POLICY,
        (RateLimitHeaders::Legacy, false) | (RateLimitHeaders::Off, _) => &RETRY_AFTER,
    }
}

/// Headers by name, with type and description.
type Headers = [(&'static str, &'static str, &'static str)];

const WAIT: &Headers = &[("Retry-After", "integer", "Seconds to wait, if known")];
const COUNTS: &Headers = &[
    ("X-RateLimit-Limit", "integer", "Requests per window"),
    ("X-RateLimit-Remaining", "integer", "Requests left"),
    (
        "X-RateLimit-Reset",
        "integer",
        "When more requests are allowed, in Unix seconds",
    ),
];
const LEFT: &Headers = &[(
    "RateLimit",
    "string",
    "Remaining requests, and the time until the reset",
)];
const POLICIES: &Headers = &[("RateLimit-Policy", "string", "The limits")];

fn headers(parts: &[&Headers]) -> String {
    let mut all = json!({});
    for (name, kind, text) in parts.iter().copied().flatten() {
        all[name] = json!({"description": text, "schema": {"type": kind}});
    }
    format!("\"headers\":{all}")
}

static BAD_REQUEST: LazyLock<Body> = LazyLock::new(|| {
    let message = "This endpoint requires a header that is missing";
    key_missing("WaygateBadRequest", 400, message, "header:x-tenant")
});

static UNAUTHORIZED: LazyLock<Body> = LazyLock::new(|| {
    let message = "This endpoint requires an authenticated user";
    key_missing("WaygateUnauthorized", 401, message, "user")
});

fn key_missing(name: &str, status: u16, message: &str, part: &str) -> Body {
    let more = json!({"missing": {"type": ["string", "null"], "example": part}});
    let codes = ["RATE_LIMIT_KEY_MISSING"];
    body(name, status, &codes, message, more, json!({}))
}

static FORBIDDEN: LazyLock<Body> = LazyLock::new(|| {
    let codes = ["IP_NOT_ALLOWED", "ROLE_REQUIRED"];
    let message = "This endpoint is not available from your address";
    let none = json!({});
    body("WaygateForbidden", 403, &codes, message, none.clone(), none)
});

static TOO_MANY: LazyLock<Body> = LazyLock::new(|| {
    let codes = ["RATE_LIMIT_EXCEEDED", "CONCURRENCY_LIMIT_EXCEEDED"];
    let more = json!({
        "limit": {
            "type": ["string", "integer"],
            "description": "A rate, or a number of concurrent requests",
            "example": "100/minute",
        },
        "retry_after_seconds": {
            "type": ["integer", "null"],
            "description": "Null if waiting does not help",
            "example": 30,
        },
        "reset_at": {
            "type": ["string", "null"],
            "format": "date-time",
            "description": "For a rate: when more requests are allowed; null if waiting does not help",
        },
    });
    let violated = json!({
        "violated-policies": {"type": "array", "items": {"type": "string"}, "example": ["default"]},
    });
    let message = "Too many requests";
    body(
        "WaygateTooManyRequests",
        429,
        &codes,
        message,
        more,
        violated,
    )
});

static UNAVAILABLE: LazyLock<Body> = LazyLock::new(|| {
    let message = "This endpoint is temporarily unavailable";
    let more = json!({
        "reason": {"type": "string"},
        "retry_after": {"type": "string", "format": "date-time"},
    });
    body(
        "WaygateUnavailable",
        503,
        &["MAINTENANCE_MODE"],
        message,
        more,
        json!({}),
    )
});

/// `more` are additional members of both formats, and `of_problem` those of problem details alone.
fn body(
    name: &str,
    status: u16,
    codes: &[&str],
    message: &str,
    more: Value,
    of_problem: Value,
) -> Body {
    let text = || json!({"type": "string"});
    let code = json!({"type": "string", "enum": codes});
    let mut error = json!({
        "code": code,
        "message": {"type": "string", "example": message},
        "path": text(),
    });
    let mut problem = json!({
        "type": text(),
        "title": {"type": "string", "example": message},
        "status": {"type": "integer", "example": status},
        "detail": text(),
        "instance": text(),
        "code": code,
    });
    extend(&mut error, more.clone());
    extend(&mut problem, more);
    extend(&mut problem, of_problem);
    let object = |required: &[&str], properties: Value| json!({"type": "object", "required": required, "properties": properties});
    let error = object(
        &["error"],
        json!({"error": object(&["code", "message", "path"], error)}),
    );
    let problem = object(&["type", "title", "status"], problem);
    let of_problem = format!("{name}Problem");
    let schema = |name: &str| json!({"schema": {"$ref": format!("#/components/schemas/{name}")}});
    let content = json!({
        "application/json": schema(name),
        "application/problem+json": schema(&of_problem),
    });
    Body {
        content: format!("\"content\":{content}"),
        schemas: [
            Member::new(name, &error),
            Member::new(&of_problem, &problem),
        ],
    }
}

fn extend(members: &mut Value, more: Value) {
    if let (Value::Object(members), Value::Object(more)) = (members, more) {
        members.extend(more);
    }
}
