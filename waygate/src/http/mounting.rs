//! The paths at which Waygate itself serves something, beside the API.

use std::borrow::Cow;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use waygate_core::grammar::{Method, PathTemplate};

use crate::engine::Served;

/// A path that was given to [`Guarded::docs`](crate::Guarded), `openapi` or `admin` and at which nothing can be served: it is
/// none, or taken.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[error("`.{call}({path:?})`: {problem}")]
pub struct PathError {
    call: &'static str,
    path: String,
    problem: String,
}

waygate_core::debug_as_message!(PathError);

/// What one call serves.
#[derive(Debug, Clone)]
pub(crate) struct Mount {
    /// The method of `Guarded`.
    pub(crate) call: &'static str,
    /// As it was given.
    pub(crate) path: String,
    pub(crate) serves: Serves,
}

#[derive(Debug, Clone)]
pub(crate) enum Serves {
    /// `GET` at these paths.
    Paths(Vec<String>),
    /// `GET` at this path, which the call does not name: the document of a page.
    #[cfg_attr(not(feature = "swagger-ui"), allow(dead_code))]
    Document(String),
    /// Everything at and below this one.
    Below(String),
}

/// Where the API serves something.
#[derive(Debug, Clone)]
pub(crate) struct Taken {
    /// As axum has it: a nested service stands below its prefix, and at it with and without a slash.
    pub(crate) path: String,
    /// As the route is listed.
    pub(crate) route: PathTemplate,
    pub(crate) methods: Served,
}

/// Whether each path is one, and is free.
pub(crate) fn check(mounts: &[Mount], api: &[Taken]) -> Result<(), PathError> {
    for (at, mount) in mounts.iter().enumerate() {
        let other = mounts[..at].iter().find(|other| mount.meets(other));
        let other = other.map(|Mount { call, path, .. }| {
            mount.elsewhere(&format!("`.{call}({path:?})` serves the same path"))
        });
        let route = || api.iter().find(|taken| mount.meets_route(taken));
        let route = || {
            route().map(|Taken { route, .. }| {
                mount.elsewhere(&format!("the API has a route at `{route}`"))
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
    /// What would be right where the path is taken.
    fn elsewhere(&self, taken: &str) -> String {
        match &self.serves {
            Serves::Document(path) => format!(
                "{taken}, and the document of the page would be at `{path}`; name another path for it with `.openapi(..)`"
            ),
            Serves::Paths(_) | Serves::Below(_) => format!("{taken}; choose another path"),
        }
    }

    /// The paths by themselves, if not everything below one.
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

    fn meets_route(&self, Taken { path, methods, .. }: &Taken) -> bool {
        let gets = methods.others || methods.named.contains(Method::Get);
        (gets || matches!(self.serves, Serves::Below(_))) && self.covers(path)
    }

    /// What is wrong with the path by itself, and what would be right.
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
            return Some(format!("a path begins with `/`; write `{example}`"));
        }
        let is_wild = |segment: &str| segment.starts_with(':') || segment.contains(['{', '}', '*']);
        if path.split('/').any(is_wild) {
            let problem = "parameters and wildcards have no meaning here; write a fixed path";
            return Some(problem.to_owned());
        }
        if path.len() > MAX_BYTES {
            let length = path.len();
            return Some(format!(
                "a path has at most {MAX_BYTES} bytes here, and this one {length}; write a shorter one"
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
            _ if !path.starts_with('/') => "a path begins with `/`".to_owned(),
            Some(segment) => format!("{segment:?} cannot stand in a path as it is"),
            None => "browsers and proxies resolve `.`, `..` and `//` before they ask".to_owned(),
        };
        Some(format!("{problem}; write `{requested}`"))
    }
}

fn is_below(path: &str, prefix: &str) -> bool {
    let rest = path.strip_prefix(prefix);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Room for the names of a page's files, within the 1024 bytes of a [`PathTemplate`].
const MAX_BYTES: usize = 960;

/// All but what a segment may hold as it is (RFC 3986 section 3.3). `%` is looked at apart.
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

/// The path for which a browser asks that is given this one.
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

/// A segment with what cannot stand in it percent-encoded.
fn encoded(segment: &str) -> Cow<'_, str> {
    let is_escape = |(at, _): (usize, &str)| {
        let digits = segment.as_bytes().get(at + 1..at + 3);
        digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
    };
    let encoded = Cow::from(utf8_percent_encode(segment, FOREIGN));
    if segment.match_indices('%').all(is_escape) {
        return encoded;
    }
    // A `%` that begins no escape stands for itself, and so then do all of them.
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
