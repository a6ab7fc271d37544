//! Requests of OAuth 2.0 clients, which send forms (RFC 6749 appendix B). JSON is read too.

use std::sync::Arc;

use axum::{
    body::Body,
    extract::{FromRequest, Request},
};
use http::{HeaderMap, header};
use percent_encoding::percent_decode_str;
use serde_json::{Map, Value};

use super::state::AdminState;
use crate::rest::{JsonBody, Problem, ProblemKind, RequestBody, read_bytes};

const FORM: &str = "application/x-www-form-urlencoded";

/// A form or a JSON object.
#[derive(Debug)]
pub(super) struct FormBody<T> {
    pub(super) body: T,
    /// `true` for a form, which has to follow the RFC.
    pub(super) is_form: bool,
}

impl<T: RequestBody + Send + 'static> FromRequest<Arc<AdminState>> for FormBody<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &Arc<AdminState>) -> Result<Self, Problem> {
        let (bytes, parts) = read_bytes(request, T::MAX_BYTES, &state.readers).await?;
        // `curl -d` declares everything as a form.
        let is_object = bytes.trim_ascii_start().starts_with(b"{");
        if is_object || !is_form(&parts.headers) {
            let request = Request::from_parts(parts, Body::from(bytes));
            let JsonBody(body) = JsonBody::from_request(request, state).await?;
            let is_form = false;
            return Ok(Self { body, is_form });
        }
        let fields = read(&bytes, &T::fields()).map_err(invalid)?;
        let json = Value::Object(fields).to_string();
        let request = Request::from_parts(parts, Body::from(json));
        let read = JsonBody::from_request(request, state).await;
        let JsonBody(body) = read.map_err(|problem: Problem| invalid(problem.into_detail()))?;
        let is_form = true;
        Ok(Self { body, is_form })
    }
}

/// The error of a request that is not as RFC 6749 section 5.2 says.
pub(super) fn invalid(why: impl Into<String>) -> Problem {
    Problem::new(ProblemKind::DeviceLogin, "invalid_request").detail(why)
}

fn is_form(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE);
    let kind = kind.and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default();
    kind.trim().eq_ignore_ascii_case(FORM)
}

/// The known fields of a form. Unknown and empty ones are ignored (RFC 6749 section 3.1).
fn read(bytes: &[u8], known: &[&str]) -> Result<Map<String, Value>, String> {
    let form = std::str::from_utf8(bytes).map_err(|_| "The form is not UTF-8.")?;
    let mut fields = Map::new();
    for pair in form.split('&') {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let (name, value) = (decoded(name)?, decoded(value)?);
        if value.is_empty() || !known.contains(&&*name) {
            continue;
        }
        if fields.contains_key(&*name) {
            return Err(format!("The form has `{name}` twice; send it once."));
        }
        fields.insert(name, value.into());
    }
    Ok(fields)
}

fn decoded(part: &str) -> Result<String, &'static str> {
    let spaced = part.replace('+', " ");
    let decoded = percent_decode_str(&spaced).decode_utf8();
    let decoded = decoded.map_err(|_| "The form is not UTF-8 when it is decoded.")?;
    Ok(decoded.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_is_decoded() {
        let form = b"grant_type=urn%3Aietf%3Ax&client_id=a+b&other=1&&empty=&code=%C3%A4";
        let fields = read(form, &["grant_type", "client_id", "empty", "code"]).unwrap();
        let fields: Vec<_> = fields
            .iter()
            .map(|(name, value)| (&**name, value))
            .collect();
        let expected = [
            ("client_id", "a b"),
            ("code", "ä"),
            ("grant_type", "urn:ietf:x"),
        ];
        assert_eq!(fields.len(), 3);
        for (name, value) in expected {
            assert!(
                fields.iter().any(|it| it.0 == name && it.1 == value),
                "{name}"
            );
        }
        assert!(read(b"", &["a"]).unwrap().is_empty());
    }

    #[test]
    fn a_form_that_is_ambiguous_or_no_text_is_refused() {
        for wrong in [&b"a=1&a=2"[..], b"a=%ff", b"\xff"] {
            assert!(read(wrong, &["a"]).is_err());
        }
        assert!(read(b"b=1&b=2", &["a"]).is_ok(), "unknown");
    }
}
