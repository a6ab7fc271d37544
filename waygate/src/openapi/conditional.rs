//! Conditional requests (RFC 9110 section 13): unchanged content is not sent again.

use axum::{body::Body, response::Response};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use siphasher::sip128::SipHasher13;

use super::entity_tags::is_known;

/// Hashes content to 128 bits, equally in every process. Not collision resistant against clients that choose the
/// content.
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
    let fresh = etag.to_str().is_ok_and(|tag| is_known(request, tag));
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_come_from_the_content() {
        assert_eq!(strong_etag(b""), "\"b91c5ed031fb33032134935d61d9b40d\"");
        assert_ne!(strong_etag(b"a"), strong_etag(b"b"));
    }
}
