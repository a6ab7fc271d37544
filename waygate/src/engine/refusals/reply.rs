//! Responses in place of the handler's.

use http::{HeaderValue, Response, StatusCode, header};
use serde_json::{Map, Value, json};
use waygate_core::grammar::format_wire;

use super::{
    BlockReason, Blocked,
    accept::{Form, preferred},
};

const JSON: HeaderValue = HeaderValue::from_static("application/json");
const PROBLEM: HeaderValue = HeaderValue::from_static("application/problem+json");
/// draft-ietf-httpapi-ratelimit-headers, section "Quota Exceeded".
const QUOTA_EXCEEDED: &str = "https://iana.org/assignments/http-problem-types#quota-exceeded";
const HTML: HeaderValue = HeaderValue::from_static("text/html; charset=utf-8");

/// The built-in response (wire contract, section 7.2, RFC 9457, or a page).
pub(crate) fn builtin(blocked: &Blocked) -> Response<String> {
    let (content_type, body) = match preferred(&blocked.request().headers) {
        Form::Json => (JSON, json!({ "error": facts(blocked) }).to_string()),
        Form::Problem => (PROBLEM, problem(blocked).to_string()),
        Form::Html => (HTML, page(blocked)),
    };
    let mut response = Response::new(body);
    *response.status_mut() = blocked.status();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, content_type);
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::VARY, HeaderValue::from_static("accept"));
    if let Some(challenge) = blocked.challenge() {
        headers.insert(header::WWW_AUTHENTICATE, challenge.clone());
    }
    if let Some(seconds) = blocked.retry_after() {
        headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}

/// The members of the contract's error object.
fn facts(blocked: &Blocked) -> Value {
    let reason = blocked.reason();
    let mut facts = Map::new();
    facts.insert("code".to_owned(), reason.code().into());
    facts.insert("message".to_owned(), reason.message().into());
    if let Some(text) = reason.text() {
        facts.insert("reason".to_owned(), text.as_str().into());
    }
    if let Some((current, allowed)) = blocked.environments() {
        facts.insert("current_env".to_owned(), current.as_str().into());
        let allowed: Vec<&str> = allowed.iter().map(|env| env.as_str()).collect();
        facts.insert("allowed_envs".to_owned(), allowed.into());
    }
    if let BlockReason::RateLimited(limited) = reason {
        facts.insert("limit".to_owned(), limited.limit.as_str().into());
        // Null if waiting does not help.
        facts.insert(
            "retry_after_seconds".to_owned(),
            blocked.retry_after().into(),
        );
        let reset_at = (!limited.too_costly).then(|| format_wire(limited.reset_at, "+00:00"));
        facts.insert("reset_at".to_owned(), reset_at.into());
    }
    if let BlockReason::ConcurrencyLimited(limited) = reason {
        facts.insert("limit".to_owned(), limited.limit.into());
        facts.insert("retry_after_seconds".to_owned(), limited.retry_after.into());
    }
    if let BlockReason::KeyMissing(missing) = reason {
        let part = missing.missing.as_ref().map(ToString::to_string);
        facts.insert("missing".to_owned(), part.into());
    }
    facts.insert("path".to_owned(), blocked.request().uri.path().into());
    if let Some(until) = reason.until() {
        facts.insert(
            "retry_after".to_owned(),
            format_wire(until, "+00:00").into(),
        );
    }
    Value::Object(facts)
}

/// The same facts as problem details (RFC 9457 section 3).
fn problem(blocked: &Blocked) -> Value {
    let reason = blocked.reason();
    let kind = reason.code().to_ascii_lowercase().replace('_', "-");
    let detail = match reason.text() {
        Some(text) if !text.is_empty() => text.as_str(),
        _ => reason.message(),
    };
    let violated = match reason {
        BlockReason::RateLimited(limited) => Some(&limited.policy.name),
        BlockReason::ConcurrencyLimited(limited) => Some(&limited.policy.name),
        _ => None,
    };
    // Registered by draft-ietf-httpapi-ratelimit-headers, which treats concurrent requests as a quota.
    let kind = match violated {
        Some(_) => QUOTA_EXCEEDED.to_owned(),
        None => format!("urn:waygate:problem:{kind}"),
    };
    let mut problem = json!({
        "type": kind,
        "title": reason.message(),
        "status": blocked.status().as_u16(),
        "detail": detail,
        "instance": blocked.request().uri.path(),
    });
    if let Some(policy) = violated {
        problem["violated-policies"] = json!([policy]);
    }
    if let (Value::Object(problem), Value::Object(facts)) = (&mut problem, facts(blocked)) {
        let known = ["message", "path"];
        problem.extend(
            facts
                .into_iter()
                .filter(|(name, _)| !known.contains(&name.as_str())),
        );
    }
    problem
}

fn page(blocked: &Blocked) -> String {
    let title = match blocked.status() {
        StatusCode::SERVICE_UNAVAILABLE => "Temporarily unavailable",
        StatusCode::TOO_MANY_REQUESTS => "Too many requests",
        StatusCode::UNAUTHORIZED => "Unauthorized",
        StatusCode::BAD_REQUEST => "Bad request",
        _ => "Not available",
    };
    let mut page = format!(
        "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n\
         <title>{title}</title>\n<h1>{title}</h1>\n<p>{}.</p>\n",
        blocked.reason().message(),
    );
    if let Some(text) = blocked.reason().text().filter(|text| !text.is_empty()) {
        page.push_str(&format!("<p>{}</p>\n", escaped(text.as_str())));
    }
    if let Some(until) = blocked.reason().until() {
        let until = format_wire(until, "Z");
        page.push_str(&format!(
            "<p>Back at <time datetime=\"{until}\">{until}</time>.</p>\n"
        ));
    }
    page
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}
