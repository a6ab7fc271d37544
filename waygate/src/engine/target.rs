use http::{HeaderMap, Method, header};

use super::table::{Governing, Table};

/// The parts of a request that decisions depend on. They are computed when a rule needs them.
pub(crate) trait Asked {
    fn method(&self) -> &Method;

    /// The names of a request without a controlled route for exemptions: paths and templates.
    fn names(&self) -> [Option<&str>; 3];

    /// Returns `true` for a CORS preflight that no handler of the application would see.
    fn is_unhandled_preflight(&self) -> bool;
}

/// A description of a request by an adapter to another framework than axum, for
/// [`Waygate::decide`](crate::Waygate::decide).
///
/// ```
/// use http::{HeaderMap, Method};
/// use waygate::decision::RequestTarget;
///
/// // `GET /items/7`, matched by the route `/items/{id}`.
/// let matched = RequestTarget::new(&Method::GET, "/items/7").matched("/items/{id}");
///
/// // `OPTIONS /items/7`: the route has no handler for it, so a CORS middleware or a `405` answers.
/// let headers = HeaderMap::new();
/// let preflight = RequestTarget::new(&Method::OPTIONS, "/items/7")
///     .matched("/items/{id}")
///     .unhandled(&headers);
/// # let _ = (matched, preflight);
/// ```
#[derive(Debug, Clone, Copy)]
pub struct RequestTarget<'a> {
    method: &'a Method,
    path: &'a str,
    template: Option<&'a str>,
    is_handled: bool,
    is_unhandled_preflight: bool,
}

impl<'a> RequestTarget<'a> {
    /// Creates a target without a matching route: only global maintenance applies. `path` is the path of the URL.
    pub fn new(method: &'a Method, path: &'a str) -> Self {
        Self {
            method,
            path,
            template: None,
            is_handled: true,
            is_unhandled_preflight: false,
        }
    }

    /// Sets the template of the matched route, as it was registered.
    #[must_use]
    pub fn matched(self, template: &'a str) -> Self {
        Self {
            template: Some(template),
            ..self
        }
    }

    /// Declares that no handler of the application serves the request's method on this path: only CORS middleware or
    /// the framework's `405` responds.
    ///
    /// If its headers make the request a CORS preflight ([Fetch standard]), no gate applies to it. Without this call,
    /// it is treated as a request that reaches a handler.
    ///
    /// [Fetch standard]: https://fetch.spec.whatwg.org/#cors-preflight-request
    #[must_use]
    pub fn unhandled(self, headers: &HeaderMap) -> Self {
        Self {
            is_handled: false,
            is_unhandled_preflight: is_preflight(self.method, headers),
            ..self
        }
    }

    pub(crate) fn template(&self) -> Option<&'a str> {
        self.template
    }

    /// The slots that govern it, under this template.
    pub(crate) fn governing(&self, table: &Table, template: &str) -> Governing {
        let method = self.method.as_str();
        match self.is_handled {
            true => table.governing_handled(method, template),
            false => table.governing(method, template),
        }
    }
}

impl Asked for RequestTarget<'_> {
    fn method(&self) -> &Method {
        self.method
    }

    fn names(&self) -> [Option<&str>; 3] {
        [Some(self.path), self.template, None]
    }

    fn is_unhandled_preflight(&self) -> bool {
        self.is_unhandled_preflight
    }
}

/// Returns `true` if the method and the headers are those of a CORS preflight (Fetch standard, "CORS-preflight
/// request").
pub(crate) fn is_preflight(method: &Method, headers: &HeaderMap) -> bool {
    *method == Method::OPTIONS
        && headers.contains_key(header::ORIGIN)
        && headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD)
}
