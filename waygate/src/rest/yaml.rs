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

/// Returns `true` for the media types of YAML, with or without parameters.
pub(crate) fn names(media_type: &[u8]) -> bool {
    TYPES
        .iter()
        .any(|name| essence(media_type).eq_ignore_ascii_case(name.as_bytes()))
}

/// The type without its parameters.
fn essence(media_type: &[u8]) -> &[u8] {
    let end = media_type.iter().position(|byte| *byte == b';');
    media_type[..end.unwrap_or(media_type.len())].trim_ascii()
}

/// Returns `true` if the client prefers YAML (RFC 9110, section 12.5.1): it names a type of YAML, with a higher weight
/// than JSON, or with the same one and first.
#[cfg(feature = "file-yaml")]
pub(crate) fn is_accepted(headers: &HeaderMap) -> bool {
    let lines = headers.get_all(header::ACCEPT).iter();
    let ranges = lines.flat_map(|value| value.as_bytes().split(|byte| *byte == b','));
    let (mut yaml, mut json) = (Choice::default(), Choice::default());
    for (place, range) in ranges.enumerate() {
        let range_of_json = [b"*/*".as_slice(), b"application/*", b"application/json"]
            .iter()
            .position(|name| essence(range).eq_ignore_ascii_case(name));
        match range_of_json {
            Some(precision) => json.consider(precision, range, place),
            None if names(range) => yaml.consider(0, range, place),
            None => {}
        }
    }
    // A wildcard names nothing first.
    let is_json_first = json.precision == EXACT && json.place < yaml.place;
    yaml.weight > json.weight || yaml.weight == json.weight && yaml.weight > 0 && !is_json_first
}

/// The precision of a range that names a type.
#[cfg(feature = "file-yaml")]
const EXACT: usize = 2;

/// The most precise range of a type so far.
#[cfg(feature = "file-yaml")]
#[derive(Default)]
struct Choice {
    precision: usize,
    /// In thousandths; 0 refuses the type.
    weight: u16,
    place: usize,
}

#[cfg(feature = "file-yaml")]
impl Choice {
    fn consider(&mut self, precision: usize, range: &[u8], place: usize) {
        let weight = weight(range);
        let is_better = precision == self.precision && weight > self.weight;
        if precision > self.precision || is_better {
            (self.precision, self.weight, self.place) = (precision, weight, place);
        }
    }
}

/// Reads the parameter `q` of a range (RFC 9110, section 12.4.2). A malformed one refuses the type.
#[cfg(feature = "file-yaml")]
fn weight(range: &[u8]) -> u16 {
    let weight = range.split(|byte| *byte == b';').skip(1).find_map(|it| {
        let (name, value) = str::from_utf8(it).ok()?.split_once('=')?;
        name.trim()
            .eq_ignore_ascii_case("q")
            .then(|| value.trim().parse::<f32>())
    });
    match weight {
        None => 1_000,
        Some(Ok(weight)) if (0.0..=1.0).contains(&weight) => (weight * 1_000.0) as u16,
        Some(_) => 0,
    }
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
pub(crate) fn response(document: &impl serde::Serialize, tag: &str) -> axum::response::Response {
    use axum::response::IntoResponse;
    use waygate_core::Printable;

    match waygate_backends::write_yaml(document) {
        Ok(text) => {
            let headers = [(header::CONTENT_TYPE, TYPES[0]), (header::ETAG, tag)];
            (headers, text).into_response()
        }
        Err(error) => {
            tracing::error!(error = %Printable(error), "a document cannot be written as YAML");
            let error = "the document cannot be written as YAML: use `Accept: application/json`";
            Problem::new(ProblemKind::Internal, error).into_response()
        }
    }
}

#[cfg(all(test, feature = "file-yaml"))]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_document_that_yaml_cannot_have_is_an_error() {
        struct Never;
        impl serde::Serialize for Never {
            fn serialize<S: serde::Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
                Err(serde::ser::Error::custom("never"))
            }
        }
        let response = response(&Never, "\"1\"");
        assert_eq!(response.status(), 500);
        assert_eq!(
            response.headers()["content-type"],
            "application/problem+json"
        );
    }

    #[test]
    fn the_form_with_the_highest_weight_is_preferred() {
        for (accept, is_yaml) in [
            ("application/yaml", true),
            ("Application/YAML; charset=utf-8, */*", true),
            ("text/html, text/yaml, application/json", true),
            ("application/json, application/yaml", false),
            ("application/yaml;q=0", false),
            ("application/yaml;q=0.000, */*", false),
            ("application/yaml;q=0, application/json;q=0", false),
            ("application/json;q=0, application/yaml", true),
            ("application/json;q=0.5, application/yaml; q=0.6", true),
            ("application/yaml;q=0.5, application/json", false),
            ("application/yaml;q=0.5, application/json;q=0.5", true),
            ("application/json;q=0.5, text/x-yaml ; Q=0.5", false),
            ("application/yaml;q=0.5, */*;q=0.1", true),
            ("application/yaml;q=0.5, */*", false),
            ("*/*, application/json;q=0, application/yaml;q=0.1", true),
            ("application/*, application/yaml", true),
            ("text/yaml;q=0, application/yaml", true),
            ("application/yaml;q=x, application/json;q=0.1", false),
            ("application/yaml;q=2, application/json;q=0.1", false),
            ("application/yaml;q=NaN, application/json;q=0.1", false),
            ("*/*", false),
            ("", false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::ACCEPT, accept.parse().unwrap());
            assert_eq!(is_accepted(&headers), is_yaml, "{accept}");
        }
    }
}
