use http::{Method, Uri, uri::Scheme};

/// The method and the scheme of a request, as labels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Line {
    /// The position in [`METHODS`].
    method: u8,
    is_https: bool,
}

/// The methods of HTTP, and the substitute for all others.
const METHODS: [&str; 10] = [
    "GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS", "CONNECT", "TRACE", "_OTHER",
];

impl Line {
    /// HTTP/1.1 requests rarely name a scheme; they count as `http`.
    #[cfg_attr(not(feature = "axum"), allow(dead_code, reason = "for requests"))]
    #[inline]
    pub(crate) fn of(method: &Method, uri: &Uri) -> Self {
        Self {
            method: position(method),
            is_https: uri.scheme().is_some_and(|scheme| *scheme == Scheme::HTTPS),
        }
    }

    /// The line of a method, by its name.
    #[cfg_attr(not(feature = "metrics"), allow(dead_code, reason = "for metrics"))]
    pub(crate) fn of_name(method: &str) -> Self {
        let known = METHODS.iter().position(|name| *name == method);
        let known = known.and_then(|at| u8::try_from(at).ok());
        Self {
            method: known.unwrap_or(OTHER),
            is_https: false,
        }
    }

    #[cfg_attr(not(feature = "metrics"), allow(dead_code, reason = "for metrics"))]
    pub(crate) fn method(self) -> &'static str {
        METHODS
            .get(usize::from(self.method))
            .copied()
            .unwrap_or("_OTHER")
    }

    #[cfg_attr(not(feature = "metrics"), allow(dead_code, reason = "for metrics"))]
    pub(crate) fn scheme(self) -> &'static str {
        match self.is_https {
            true => "https",
            false => "http",
        }
    }
}

const OTHER: u8 = 9;

#[cfg_attr(not(feature = "axum"), allow(dead_code, reason = "for requests"))]
#[inline]
fn position(method: &Method) -> u8 {
    match *method {
        Method::GET => 0,
        Method::POST => 1,
        Method::PUT => 2,
        Method::DELETE => 3,
        Method::PATCH => 4,
        Method::HEAD => 5,
        Method::OPTIONS => 6,
        Method::CONNECT => 7,
        Method::TRACE => 8,
        _ => OTHER,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_method_has_its_own_name_or_the_substitute() {
        for name in METHODS {
            let method = Method::from_bytes(name.as_bytes()).unwrap();
            let line = Line::of(&method, &Uri::from_static("/x"));
            assert_eq!((line.method(), line.scheme()), (name, "http"));
            assert_eq!(line, Line::of_name(name));
        }
        let purge = Method::from_bytes(b"PURGE").unwrap();
        let line = Line::of(&purge, &Uri::from_static("https://a.example/x"));
        assert_eq!((line.method(), line.scheme()), ("_OTHER", "https"));
    }
}
