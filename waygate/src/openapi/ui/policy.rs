use std::collections::BTreeSet;

use http::{HeaderMap, HeaderValue, Uri, header};
use serde_json::Value;

/// The headers of every response of the page.
pub(super) fn headers(origins: &[String]) -> HeaderMap {
    let mut connect = String::from("'self'");
    for origin in origins {
        connect.push(' ');
        connect.push_str(origin);
    }
    let policy = format!(
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
         connect-src {connect}; font-src 'self'; base-uri 'none'; form-action 'none'; \
         frame-ancestors 'none'"
    );
    let strictest = HeaderValue::from_static("default-src 'none'");
    HeaderMap::from_iter([
        (
            header::CONTENT_SECURITY_POLICY,
            HeaderValue::try_from(policy).unwrap_or(strictest),
        ),
        (
            header::X_CONTENT_TYPE_OPTIONS,
            HeaderValue::from_static("nosniff"),
        ),
        (
            header::REFERRER_POLICY,
            HeaderValue::from_static("same-origin"),
        ),
        (
            http::HeaderName::from_static("cross-origin-resource-policy"),
            HeaderValue::from_static("same-origin"),
        ),
    ])
}

/// The origins in a document: its servers, and its token URLs.
pub(in crate::openapi) fn origins(document: &Value) -> Vec<String> {
    let mut found = BTreeSet::new();
    walk(document, &mut found);
    found.into_iter().collect()
}

fn walk(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| walk(item, found)),
        Value::Object(members) => {
            for (name, value) in members {
                match (name.as_str(), value) {
                    ("servers", Value::Array(servers)) => {
                        let urls = servers.iter().filter_map(|server| server.get("url"));
                        found.extend(urls.filter_map(origin));
                    }
                    ("tokenUrl" | "refreshUrl" | "openIdConnectUrl", url) => {
                        found.extend(origin(url));
                    }
                    _ => {}
                }
                walk(value, found);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// The origin of an absolute `http` or `https` URL, if it is valid in a Content Security Policy.
fn origin(url: &Value) -> Option<String> {
    let url: Uri = url.as_str()?.parse().ok()?;
    let (scheme, authority) = (url.scheme_str()?, url.authority()?);
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b".-:[]".contains(&byte);
    let fits = matches!(scheme, "http" | "https") && authority.as_str().bytes().all(plain);
    fits.then(|| format!("{scheme}://{authority}"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_plain_origins_are_in_the_policy() {
        let document = json!({
            "servers": [
                {"url": "https://api.example.com/v1"},
                {"url": "/relative"},
                {"url": "https://{region}.example.com"},
                {"url": "https://user:secret@example.com"},
                {"url": "https://x.example.com;script-src *"},
                {"url": "javascript:alert(1)"},
            ],
            "paths": {"/a": {"get": {"servers": [{"url": "http://localhost:8080"}]}}},
            "components": {"securitySchemes": {"o": {"type": "oauth2", "flows": {
                "authorizationCode": {"tokenUrl": "https://id.example.com/token"}
            }}}},
        });
        assert_eq!(
            origins(&document),
            [
                "http://localhost:8080",
                "https://api.example.com",
                "https://id.example.com"
            ]
        );
    }
}
