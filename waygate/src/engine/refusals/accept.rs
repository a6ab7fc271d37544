//! Content negotiation of blocked responses (RFC 9110 section 12.5.1).

use http::{HeaderMap, header};

/// The formats of a blocked response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// The JSON of the wire contract, section 7.2: the default.
    Json,
    /// RFC 9457.
    Problem,
    /// An HTML page.
    Html,
}

/// JSON, unless the client names another format and prefers it.
pub(super) fn preferred(headers: &HeaderMap) -> Form {
    let mut best = (Form::Json, 0.0);
    let (mut json, mut named) = (None, Vec::new());
    let lines = headers
        .get_all(header::ACCEPT)
        .iter()
        .filter_map(|line| line.to_str().ok());
    for range in lines.flat_map(|line| line.split(',')) {
        let (media, quality) = parse(range);
        match media.as_str() {
            "application/json" => json = Some(quality),
            "application/problem+json" => named.push((Form::Problem, quality)),
            "text/html" | "application/xhtml+xml" => named.push((Form::Html, quality)),
            _ => {}
        }
    }
    for (form, quality) in named {
        if quality > best.1 && json.is_none_or(|json| quality > json) {
            best = (form, quality);
        }
    }
    best.0
}

/// A media range in lower case, and its quality: 1 by default, 0 if malformed.
fn parse(range: &str) -> (String, f32) {
    let mut parts = range.split(';').map(str::trim);
    let media = parts.next().unwrap_or_default().to_ascii_lowercase();
    let quality = parts
        .find_map(|part| part.strip_prefix("q=").or_else(|| part.strip_prefix("Q=")))
        .map_or(1.0, |text| text.parse().unwrap_or(0.0));
    (
        media,
        if (0.0..=1.0).contains(&quality) {
            quality
        } else {
            0.0
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn form(accept: &str) -> Form {
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT, accept.parse().unwrap());
        preferred(&headers)
    }

    #[test]
    fn json_is_the_default() {
        assert_eq!(preferred(&HeaderMap::new()), Form::Json);
        assert_eq!(form("*/*"), Form::Json);
        assert_eq!(form("application/json, text/html;q=0.9"), Form::Json);
        assert_eq!(form("text/html;q=0"), Form::Json);
        assert_eq!(form("text/html;q=nonsense"), Form::Json);
    }

    #[test]
    fn browsers_get_a_page() {
        assert_eq!(
            form("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"),
            Form::Html
        );
    }

    #[test]
    fn problem_json_is_given_to_those_who_name_it() {
        assert_eq!(form("application/problem+json"), Form::Problem);
        assert_eq!(
            form("application/problem+json, application/json;q=0.5"),
            Form::Problem
        );
        assert_eq!(
            form("application/problem+json;q=0.4, text/html;Q=0.8"),
            Form::Html
        );
    }
}
