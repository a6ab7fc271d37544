use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use miniz_oxide::inflate::decompress_to_vec;
use utoipa_swagger_ui_vendored::SWAGGER_UI_VENDORED;

use super::archive::{self, Method, Packed};
use crate::openapi::conditional::{respond, strong_etag};

/// A file of the page.
#[derive(Debug)]
pub(super) struct Asset {
    pub(super) name: &'static str,
    content_type: HeaderValue,
    etag: HeaderValue,
    content: Bytes,
    /// `true` if `content` is compressed with gzip.
    compressed: bool,
}

/// The files of Swagger UI that the page uses.
const SWAGGER_UI: [(&str, &str); 5] = [
    ("favicon-32x32.png", "image/png"),
    ("oauth2-redirect.html", "text/html"),
    ("oauth2-redirect.js", "text/javascript"),
    ("swagger-ui-bundle.js", "text/javascript"),
    ("swagger-ui.css", "text/css"),
];

/// All files except the index.
pub(super) fn all() -> impl Iterator<Item = Asset> {
    let theirs = SWAGGER_UI.into_iter().filter_map(|(name, content_type)| {
        // The files are part of the binary, so this is only possible for a file of another release.
        let packed = archive::find(SWAGGER_UI_VENDORED, &format!("/dist/{name}"));
        if packed.is_none() {
            tracing::error!(
                name,
                "a Swagger UI file is missing; the page will be incomplete"
            );
        }
        Some(Asset::packed(name, content_type, packed?))
    });
    let ours = [
        Asset::new(
            "waygate.js",
            "text/javascript; charset=utf-8",
            include_str!("waygate.js").into(),
        ),
        Asset::new(
            "waygate.css",
            "text/css; charset=utf-8",
            include_str!("waygate.css").into(),
        ),
    ];
    theirs.chain(ours)
}

impl Asset {
    pub(super) fn new(name: &'static str, content_type: &'static str, content: Bytes) -> Self {
        Self {
            name,
            content_type: HeaderValue::from_static(content_type),
            etag: strong_etag(&content),
            content,
            compressed: false,
        }
    }

    fn packed(name: &'static str, content_type: &'static str, file: Packed<'static>) -> Self {
        let content = match file.method {
            Method::Stored => Bytes::from_static(file.bytes),
            Method::Deflated => file.gzip().into(),
        };
        Self {
            compressed: file.method == Method::Deflated,
            ..Self::new(name, content_type, content)
        }
    }

    pub(super) fn respond(&self, request: &HeaderMap) -> Response {
        if self.compressed && !takes_gzip(request) {
            return self.decompressed();
        }
        let mut response = respond(request, &self.etag, &self.content_type, &self.content);
        if self.compressed {
            let headers = response.headers_mut();
            headers.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
            if response.status() == StatusCode::OK {
                let headers = response.headers_mut();
                headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
            }
        }
        response
    }

    /// For the rare client without gzip support: another representation, so without the entity tag.
    fn decompressed(&self) -> Response {
        let content =
            archive::deflated(&self.content).and_then(|deflated| decompress_to_vec(deflated).ok());
        match content {
            Some(content) => {
                let headers = [
                    (header::CONTENT_TYPE, self.content_type.clone()),
                    (header::CACHE_CONTROL, HeaderValue::from_static("no-cache")),
                    (header::VARY, HeaderValue::from_static("accept-encoding")),
                ];
                (headers, content).into_response()
            }
            None => StatusCode::NOT_ACCEPTABLE.into_response(),
        }
    }
}

/// Returns `true` if `Accept-Encoding` allows gzip (RFC 9110 section 12.5.3). Without the header, any coding is
/// acceptable.
fn takes_gzip(request: &HeaderMap) -> bool {
    let mut lines = request.get_all(header::ACCEPT_ENCODING).iter().peekable();
    if lines.peek().is_none() {
        return true;
    }
    let codings = lines
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(','));
    let weights = codings.map(|coding| {
        let (name, parameters) = coding.split_once(';').unwrap_or((coding, ""));
        let refused = parameters
            .trim()
            .strip_prefix("q=")
            .is_some_and(|weight| weight.trim_matches(['0', '.']).is_empty());
        (name.trim(), !refused)
    });
    let weights: Vec<(&str, bool)> = weights.collect();
    let of = |name: &str| {
        weights
            .iter()
            .find(|(coding, _)| coding.eq_ignore_ascii_case(name))
    };
    of("gzip")
        .or_else(|| of("*"))
        .is_some_and(|(_, taken)| *taken)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn takes(line: &'static str) -> bool {
        let mut request = HeaderMap::new();
        request.insert(header::ACCEPT_ENCODING, HeaderValue::from_static(line));
        takes_gzip(&request)
    }

    #[test]
    fn gzip_is_negotiated() {
        assert!(takes_gzip(&HeaderMap::new()));
        assert!(takes("gzip, deflate, br, zstd"));
        assert!(takes("br;q=1.0, GZIP;q=0.5"));
        assert!(takes("*"));
        assert!(!takes("identity"));
        assert!(!takes("gzip;q=0, *"));
        assert!(!takes("gzip; q=0.000"));
        assert!(!takes(""));
    }

    #[test]
    fn swagger_ui_has_every_file() {
        assert_eq!(all().count(), SWAGGER_UI.len() + 2);
        assert!(all().all(|asset| !asset.content.is_empty()));
    }
}
