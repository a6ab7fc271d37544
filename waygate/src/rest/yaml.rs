//! YAML in place of JSON (RFC 9512), with the feature `file-yaml`.

use http::{HeaderMap, header};
use serde_json::Value;

use super::problem::{Problem, ProblemKind};

/// The media type of RFC 9512, and older spellings of it.
const TYPES: [&str; 4] = [
    "application/yaml",
    "application/x-yaml",
    "text/yaml",
    "text/x-yaml",
];

/// Returns `true` if the body of a request is declared as YAML. Any other body is read as JSON.
pub(crate) fn is_content(headers: &HeaderMap) -> bool {
    headers
        .get(header::CONTENT_TYPE)
        .is_some_and(|value| names(value.as_bytes()))
}

/// Returns `true` if the client prefers YAML: it comes before JSON in `Accept`, and JSON is YAML as well.
#[cfg(feature = "file-yaml")]
pub(crate) fn is_accepted(headers: &HeaderMap) -> bool {
    let ranges = headers.get_all(header::ACCEPT).iter();
    let mut ranges = ranges.flat_map(|value| value.as_bytes().split(|byte| *byte == b','));
    ranges
        .find(|range| names(range) || essence(range).eq_ignore_ascii_case(b"application/json"))
        .is_some_and(names)
}

fn names(media_type: &[u8]) -> bool {
    TYPES
        .iter()
        .any(|name| essence(media_type).eq_ignore_ascii_case(name.as_bytes()))
}

/// The type without its parameters.
fn essence(media_type: &[u8]) -> &[u8] {
    let end = media_type.iter().position(|byte| *byte == b';');
    media_type[..end.unwrap_or(media_type.len())].trim_ascii()
}

#[cfg(feature = "file-yaml")]
pub(crate) fn read(body: &[u8]) -> Result<Value, Problem> {
    let invalid =
        |detail: String| Problem::new(ProblemKind::InvalidBody, "Invalid YAML body").detail(detail);
    let text = str::from_utf8(body).map_err(|error| invalid(error.to_string()))?;
    waygate_backends::read_yaml(text).map_err(|error| invalid(error.to_string()))
}

#[cfg(not(feature = "file-yaml"))]
pub(crate) fn read(_: &[u8]) -> Result<Value, Problem> {
    let error =
        "This server reads `application/json`: it is built without the feature `file-yaml`.";
    Err(Problem::new(ProblemKind::UnsupportedMediaType, error))
}

/// A response in YAML.
#[cfg(feature = "file-yaml")]
pub(crate) fn response(document: &Value, tag: &str) -> axum::response::Response {
    use axum::response::IntoResponse;

    let text = waygate_backends::write_yaml(document).unwrap_or_default();
    let headers = [(header::CONTENT_TYPE, TYPES[0]), (header::ETAG, tag)];
    (headers, text).into_response()
}

#[cfg(all(test, feature = "file-yaml"))]
mod tests {
    use super::*;

    #[test]
    fn the_first_of_json_and_yaml_is_preferred() {
        for (accept, is_yaml) in [
            ("application/yaml", true),
            ("Application/YAML; charset=utf-8, */*", true),
            ("text/html, text/yaml, application/json", true),
            ("application/json, application/yaml", false),
            ("*/*", false),
            ("", false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::ACCEPT, accept.parse().unwrap());
            assert_eq!(is_accepted(&headers), is_yaml, "{accept}");
        }
    }
}
