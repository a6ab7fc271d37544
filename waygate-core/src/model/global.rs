use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::RouteKey;
use crate::grammar::{Invalid, Method, Reason};

/// Maintenance of everything at once (wire contract section 2.2).
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct GlobalMaintenance {
    /// Whether it is on.
    pub enabled: bool,
    /// Why; may be empty.
    pub reason: Reason,
    /// Routes that stay open.
    pub exempt_paths: Vec<ExemptPath>,
    /// Whether even force-active routes are closed.
    pub include_force_active: bool,
}

impl GlobalMaintenance {
    /// Whether a path, with the method it is asked with, stays open.
    pub fn exempts(&self, method: Option<Method>, path: &str) -> bool {
        self.exempt_paths
            .iter()
            .any(|exempt| exempt.covers(method, path))
    }
}

/// An exemption from what more than one route meets (maintenance and limits): `/path` for every method, or `METHOD:/path`.
///
/// The path is that of a route as it is registered (`/users/{id}`), or the URL of a request that no route matches. One that
/// ends in a catch-all, `/v1/{*rest}`, is for every path below `/v1/`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ExemptPath(RouteKey);

impl ExemptPath {
    /// The exemption as it was written.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// What it names: a path, and a method if it is for one only.
    pub fn key(&self) -> &RouteKey {
        &self.0
    }

    /// Whether the exemption is for this path, asked with this method.
    pub fn covers(&self, method: Option<Method>, path: &str) -> bool {
        (self.0.method().is_none() || self.0.method() == method) && self.covers_path(path)
    }

    /// Whether the exemption is for this path, asked with one method or other.
    pub fn covers_path(&self, path: &str) -> bool {
        let is_below = |prefix: &str| path.len() > prefix.len() && path.starts_with(prefix);
        self.0.path() == path || catch_all(self.0.path()).is_some_and(is_below)
    }
}

/// What stands before a catch-all at the end of a template: `/v1/` of `/v1/{*rest}`.
fn catch_all(path: &str) -> Option<&str> {
    let (prefix, _) = path.rsplit_once("{*").filter(|_| path.ends_with('}'))?;
    // `{{` is a literal brace.
    (!prefix.ends_with('{')).then_some(prefix)
}

impl FromStr for ExemptPath {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let invalid = |problem: String| Invalid::new("exempt path", text, problem);
        let key: RouteKey = text.parse().map_err(|e: Invalid| {
            invalid(format!("{} (write `/path` or `METHOD:/path`)", e.problem()))
        })?;
        match key.service() {
            Some(service) => Err(invalid(format!("`{service}` is no HTTP method"))),
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
        super::text::parsed(deserializer)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{from_value, json, to_value};

    use super::*;

    fn exempt(text: &str) -> ExemptPath {
        text.parse().unwrap()
    }

    #[test]
    fn an_exemption_is_for_one_method_or_for_all() {
        for (text, method, path, covered) in [
            ("/health", None, "/health", true),
            ("/health", Some(Method::Get), "/health", true),
            ("GET:/health", Some(Method::Get), "/health", true),
            ("GET:/health", Some(Method::Head), "/health", false),
            ("GET:/health", None, "/health", false),
            ("/health", None, "/health/", false),
            ("/health", None, "/healthy", false),
            ("/health", None, "/HEALTH", false),
            ("/v1/{*rest}", Some(Method::Put), "/v1/a/{b}", true),
            ("/v1/{*rest}", None, "/v1/{*path}", true),
            ("/v1/{*rest}", None, "/v1/", false),
            ("/v1/{*rest}", None, "/v1", false),
            ("/v1/{*rest}", None, "/v10/a", false),
            ("GET:/v1/{*rest}", Some(Method::Get), "/v1/a", true),
            ("GET:/v1/{*rest}", Some(Method::Post), "/v1/a", false),
            ("GET:/v1/{*rest}", None, "/v1/a", false),
            ("/{*rest}", None, "/a", true),
            ("/a/{{*b}}", None, "/a/{{*b}}", true),
            ("/a/{{*b}}", None, "/a/{{c", false),
            ("/users/{id}", None, "/users/{id}", true),
            ("/users/{id}", None, "/users/7", false),
        ] {
            assert_eq!(
                exempt(text).covers(method, path),
                covered,
                "{text}: {method:?} {path}"
            );
        }
    }

    #[test]
    fn an_exemption_says_what_is_wrong() {
        for (text, problem) in [
            (
                "health",
                "expected `METHOD:/path`, such as `GET:/payments` (write `/path` or `METHOD:/path`)",
            ),
            (
                "get:/health",
                "`get` is no service name: `get` is an HTTP method; the method is written `GET` \
                 (write `/path` or `METHOD:/path`)",
            ),
            ("billing:/health", "`billing` is no HTTP method"),
            ("billing:GET:/health", "`billing` is no HTTP method"),
        ] {
            let error = text.parse::<ExemptPath>().unwrap_err();
            assert_eq!(
                error.to_string(),
                format!("invalid exempt path `{text}`: {problem}")
            );
            assert!(from_value::<ExemptPath>(json!(text)).is_err());
        }
    }

    #[test]
    fn is_read_and_written_as_in_the_contract() {
        let text = json!({
            "enabled": true,
            "reason": "upgrade",
            "exempt_paths": ["/health", "GET:/status"],
            "include_force_active": true,
        });
        let global: GlobalMaintenance = from_value(text.clone()).unwrap();
        assert!(global.exempts(Some(Method::Get), "/status"));
        assert!(!global.exempts(Some(Method::Post), "/status"));
        assert_eq!(to_value(&global).unwrap(), text);
        let empty: GlobalMaintenance = from_value(json!({})).unwrap();
        assert_eq!(empty, GlobalMaintenance::default());
        assert_eq!(
            to_value(&empty).unwrap(),
            json!({"enabled": false, "reason": "", "exempt_paths": [], "include_force_active": false})
        );
    }
}
