use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{RouteKey, text};
use crate::grammar::{Invalid, Method};

/// An exemption from maintenance and limits of several routes: `/path` for every method, or `METHOD:/path`.
///
/// The path is that of a registered route (`/users/{id}`), or the URL of a request that no route matches. A catch-all at
/// the end, `/v1/{*rest}`, covers every path below `/v1/`.
///
/// ```
/// use waygate_core::{grammar::Method, model::ExemptPath};
///
/// let health: ExemptPath = "GET:/health".parse()?;
/// assert!(health.covers(Some(Method::Get), "/health"));
/// assert!(!health.covers(Some(Method::Post), "/health"));
/// let below: ExemptPath = "/v1/{*rest}".parse()?;
/// assert!(below.covers_path("/v1/users"));
/// # Ok::<(), waygate_core::grammar::Invalid>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ExemptPath(RouteKey);

impl ExemptPath {
    /// Returns the exemption as text.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// Returns the path, with its method if it has one.
    pub fn key(&self) -> &RouteKey {
        &self.0
    }

    /// Returns whether the exemption covers this path and method.
    pub fn covers(&self, method: Option<Method>, path: &str) -> bool {
        (self.0.method().is_none() || self.0.method() == method) && self.covers_path(path)
    }

    /// Returns whether the exemption covers this path for any method.
    pub fn covers_path(&self, path: &str) -> bool {
        let is_below = |prefix: &str| path.strip_prefix(prefix).is_some_and(stays_below);
        self.0.path() == path || catch_all(self.0.path()).is_some_and(is_below)
    }
}

/// Returns whether a path stays below its prefix under any normalization: without `.` and `..` (RFC 3986 section 5.2.4),
/// empty segments, parameters of segments, backslashes, and any of their characters percent-encoded.
fn stays_below(rest: &str) -> bool {
    let is_encoded = |triple: &[u8]| {
        triple[0] == b'%'
            && matches!(
                [triple[1], triple[2].to_ascii_lowercase()],
                [b'2', b'e' | b'f' | b'5'] | [b'3', b'b'] | [b'5', b'c'] | [b'0', b'0']
            )
    };
    let is_plain =
        |segment: &str| !matches!(segment, "" | "." | "..") && !segment.contains(['\\', ';']);
    // A trailing slash is allowed.
    let segments = rest.strip_suffix('/').unwrap_or(rest);
    segments.split('/').all(is_plain) && !rest.as_bytes().windows(3).any(is_encoded)
}

/// Returns the prefix of a catch-all at the end of a template: `/v1/` of `/v1/{*rest}`.
fn catch_all(path: &str) -> Option<&str> {
    let (prefix, _) = path.rsplit_once("{*").filter(|_| path.ends_with('}'))?;
    // Within a segment, a catch-all belongs to the route itself.
    prefix.ends_with('/').then_some(prefix)
}

impl FromStr for ExemptPath {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let invalid = |problem: String| Invalid::new("exempt path", text, problem);
        let key: RouteKey = text.parse().map_err(|e: Invalid| {
            invalid(format!("{} (write `/path` or `METHOD:/path`)", e.problem()))
        })?;
        match key.service() {
            Some(service) => Err(invalid(format!("`{service}` is not an HTTP method"))),
            None => Ok(Self(key)),
        }
    }
}

impl fmt::Display for ExemptPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for ExemptPath {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for ExemptPath {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        text::parsed(deserializer)
    }
}
