//! The paths of Waygate's own endpoints, next to the API.

use std::borrow::Cow;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use waygate_core::grammar::{Method, PathTemplate};

use crate::engine::Served;

/// An invalid or occupied path in a call to [`Guarded::docs`](crate::Guarded), `openapi` or `admin`.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// use axum::{Router, routing::get};
/// use waygate::Waygate;
///
/// # let waygate = Waygate::builder().allow_unmounted("").build().await?;
/// let api = Router::new().route("/payments", get(|| async { "paid" }));
/// let taken = waygate.guard(api).await?.openapi("/payments").try_into_router();
/// let error = taken.unwrap_err();
/// assert!(error.to_string().starts_with("`.openapi(\"/payments\")`"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[error("`.{call}({path:?})`: {problem}")]
pub struct PathError {
    call: &'static str,
    path: String,
    problem: String,
}

waygate_core::debug_as_message!(PathError);

/// The paths of one call.
#[derive(Debug, Clone)]
pub(crate) struct Mount {
    /// The method of `Guarded`.
    pub(crate) call: &'static str,
    /// The requested path.
    pub(crate) path: String,
    pub(crate) serves: Serves,
}

#[derive(Debug, Clone)]
pub(crate) enum Serves {
    /// `GET` at these paths.
    Paths(Vec<String>),
    /// `GET` at this path, which is implicit in the call: the document of a page.
    #[cfg_attr(not(feature = "swagger-ui"), allow(dead_code))]
    Document(String),
    /// Everything at and below this path.
    Below(String),
}

/// The occupied paths of the API.
#[derive(Debug, Clone)]
pub(crate) struct Taken {
    /// axum's spelling: a nested service serves its prefix, with and without a slash, and everything below.
    pub(crate) path: String,
    /// The route's spelling in lists.
    pub(crate) route: PathTemplate,
    pub(crate) methods: Served,
}

/// Returns an error if a path is invalid or occupied.
pub(crate) fn check(mounts: &[Mount], api: &[Taken]) -> Result<(), PathError> {
    for (at, mount) in mounts.iter().enumerate() {
        let other = mounts[..at].iter().find(|other| mount.meets(other));
        let other = other.map(|Mount { call, path, .. }| {
            mount.occupied(&format!("`.{call}({path:?})` serves the same path"))
        });
        let route = || api.iter().find(|taken| mount.conflicts_with(taken));
        let route = || {
            route().map(|Taken { route, .. }| {
                mount.occupied(&format!("the API has a route at `{route}`"))
            })
        };
        if let Some(problem) = mount.problem().or(other).or_else(route) {
            return Err(PathError {
                call: mount.call,
                path: mount.path.clone(),
                problem,
            });
        }
    }
    Ok(())
}

impl Mount {
    /// The remedy if the path is occupied.
    fn occupied(&self, taken: &str) -> String {
        match &self.serves {
            Serves::Document(path) => format!(
                "{taken}, and the document of the page would be at `{path}`; name another path for it with `.openapi(..)`"
            ),
            Serves::Paths(_) | Serves::Below(_) => format!("{taken}; choose another path"),
        }
    }

    /// The individual paths, if the call does not serve everything below one.
    fn paths(&self) -> &[String] {
        match &self.serves {
            Serves::Paths(paths) => paths,
            Serves::Document(path) => std::slice::from_ref(path),
            Serves::Below(_) => &[],
        }
    }

    fn covers(&self, path: &str) -> bool {
        match &self.serves {
            Serves::Below(prefix) => is_below(path, prefix),
            Serves::Paths(_) | Serves::Document(_) => self.paths().iter().any(|own| own == path),
        }
    }

    fn meets(&self, other: &Self) -> bool {
        let covers = |one: &Self, other: &Self| match &other.serves {
            Serves::Below(prefix) => one.covers(prefix),
            Serves::Paths(_) | Serves::Document(_) => {
                other.paths().iter().any(|path| one.covers(path))
            }
        };
        covers(self, other) || covers(other, self)
    }

    fn conflicts_with(&self, Taken { path, methods, .. }: &Taken) -> bool {
        let gets = methods.others || methods.named.contains(Method::Get);
        (gets || matches!(self.serves, Serves::Below(_))) && self.covers(path)
    }

    /// The error for an invalid path, with a valid alternative.
    fn problem(&self) -> Option<String> {
        let path = &*self.path;
        let is_below = matches!(self.serves, Serves::Below(_));
        if path.is_empty() && !is_below {
            let example = format!(
                "/{}",
                if self.call == "docs" {
                    "docs"
                } else {
                    "openapi.json"
                }
            );
            return Some(format!("a path starts with `/`; write `{example}`"));
        }
        let is_wild = |segment: &str| segment.starts_with(':') || segment.contains(['{', '}', '*']);
        if path.split('/').any(is_wild) {
            let problem = "parameters and wildcards are not supported here; write a fixed path";
            return Some(problem.to_owned());
        }
        if path.len() > MAX_BYTES {
            let length = path.len();
            return Some(format!(
                "a path has at most {MAX_BYTES} bytes here, this one has {length}; write a shorter one"
            ));
        }
        let requested = requested(path);
        if is_below && requested == "/" {
            return Some("it would hide the API; name a path such as `/waygate`".to_owned());
        }
        if requested == path {
            return None;
        }
        let foreign = |segment: &str| encoded(segment) != segment;
        let problem = match path.split('/').find(|segment| foreign(segment)) {
            _ if !path.starts_with('/') => "a path starts with `/`".to_owned(),
            Some(segment) => format!("{segment:?} is not valid in a path"),
            None => "browsers and proxies resolve `.`, `..` and `//` before they send a request"
                .to_owned(),
        };
        Some(format!("{problem}; write `{requested}`"))
    }
}

fn is_below(path: &str, prefix: &str) -> bool {
    let rest = path.strip_prefix(prefix);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Leaves room for the names of a page's files within the 1024 bytes of a [`PathTemplate`].
const MAX_BYTES: usize = 960;

/// All characters but those that a segment may contain unescaped (RFC 3986 section 3.3). `%` is checked separately.
const FOREIGN: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~')
    .remove(b'!')
    .remove(b'$')
    .remove(b'&')
    .remove(b'\'')
    .remove(b'(')
    .remove(b')')
    .remove(b'*')
    .remove(b'+')
    .remove(b',')
    .remove(b';')
    .remove(b'=')
    .remove(b':')
    .remove(b'@')
    .remove(b'%');

/// The path that a browser requests for this one.
fn requested(path: &str) -> String {
    let path = path.split(['?', '#']).next().unwrap_or_default();
    let mut segments: Vec<Cow<'_, str>> = Vec::new();
    for segment in path.split('/') {
        match &*segment.to_ascii_lowercase().replace("%2e", ".") {
            "" | "." => {}
            ".." => drop(segments.pop()),
            _ => segments.push(encoded(segment)),
        }
    }
    let slash = if path.ends_with('/') && !segments.is_empty() {
        "/"
    } else {
        ""
    };
    format!("/{}{slash}", segments.join("/"))
}

/// A segment with all other characters percent-encoded.
fn encoded(segment: &str) -> Cow<'_, str> {
    let is_escape = |(at, _): (usize, &str)| {
        let digits = segment.as_bytes().get(at + 1..at + 3);
        digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
    };
    let encoded = Cow::from(utf8_percent_encode(segment, FOREIGN));
    if segment.match_indices('%').all(is_escape) {
        return encoded;
    }
    // If one `%` does not start an escape, all of them are literal.
    Cow::from(utf8_percent_encode(&segment.replace('%', "%25"), FOREIGN).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_path_that_is_asked_for() {
        for (path, requested_as) in [
            ("/", "/"),
            ("/docs", "/docs"),
            ("/docs/", "/docs/"),
            ("docs", "/docs"),
            ("//", "/"),
            ("//docs//", "/docs/"),
            ("/a/../b", "/b"),
            ("/../..", "/"),
            ("/./docs/%2E", "/docs"),
            ("/a/%2e%2E/b", "/b"),
            ("/docs?page=1#top", "/docs"),
            ("/a b/\"ü\"", "/a%20b/%22%C3%BC%22"),
            ("/%7Bx%7D", "/%7Bx%7D"),
            ("/100%", "/100%25"),
            ("/a:b@c,d;e=f", "/a:b@c,d;e=f"),
        ] {
            assert_eq!(requested(path), requested_as, "{path}");
            assert_eq!(requested(requested_as), requested_as);
        }
    }
}
