//! Conditional requests (RFC 9110 section 13): unchanged content is not sent again.

use axum::{body::Body, response::Response};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use siphasher::sip128::SipHasher13;

/// A 128-bit digest of the content, the same in every process. Not secret: an author of the content can produce
/// collisions, but no one else can.
pub(crate) fn fingerprint(content: &[u8]) -> u128 {
    SipHasher13::new().hash(content).as_u128()
}

/// A strong entity tag, derived from the content alone.
pub(super) fn strong_etag(content: &[u8]) -> HeaderValue {
    let tag = format!("\"{:032x}\"", fingerprint(content));
    // Hexadecimal digits are always a header value.
    HeaderValue::try_from(tag).unwrap_or(HeaderValue::from_static("\"\""))
}

/// Responds with `content`, or with 304 if the client has it. Caches must revalidate every time.
pub(super) fn respond(
    request: &HeaderMap,
    etag: &HeaderValue,
    content_type: &HeaderValue,
    content: &Bytes,
) -> Response {
    let fresh = is_known(request, etag);
    let mut response = Response::new(if fresh {
        Body::empty()
    } else {
        content.clone().into()
    });
    let headers = response.headers_mut();
    headers.insert(header::ETAG, etag.clone());
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    if fresh {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
    } else {
        headers.insert(header::CONTENT_TYPE, content_type.clone());
    }
    response
}

/// Returns `true` if `If-None-Match` contains this tag. The comparison is weak, as in the RFC.
fn is_known(request: &HeaderMap, etag: &HeaderValue) -> bool {
    let lines = request.get_all(header::IF_NONE_MATCH).iter();
    lines
        .flat_map(|line| line.as_bytes().split(|byte| *byte == b','))
        .any(|tag| {
            let tag = tag.trim_ascii();
            tag == b"*" || tag.strip_prefix(b"W/").unwrap_or(tag) == etag.as_bytes()
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known(lines: &[&'static str]) -> bool {
        let mut request = HeaderMap::new();
        for line in lines {
            request.append(header::IF_NONE_MATCH, HeaderValue::from_static(line));
        }
        is_known(&request, &HeaderValue::from_static("\"abc\""))
    }

    #[test]
    fn tags_are_found_in_lists() {
        assert!(known(&["\"abc\""]));
        assert!(known(&["W/\"abc\""]));
        assert!(known(&["\"x\", W/\"abc\" ,\"y\""]));
        assert!(known(&["\"x\"", "\"abc\""]));
        assert!(known(&["*"]));
        assert!(!known(&["abc", "\"ab\"", "w/\"abc\"", ""]));
        assert!(!known(&[]));
    }

    #[test]
    fn tags_come_from_the_content() {
        assert_eq!(strong_etag(b""), "\"b91c5ed031fb33032134935d61d9b40d\"");
        assert_ne!(strong_etag(b"a"), strong_etag(b"b"));
    }
}
