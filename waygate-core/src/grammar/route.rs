use std::{fmt, str::FromStr};

use super::{Invalid, Method, PathTemplate};

/// A route as written in attributes: a method and a path template, `GET /users/{id}`, or only a path template,
/// `/users/{id}`, for every method of the path.
///
/// ```
/// use waygate_core::grammar::{Method, RouteSpec};
///
/// let route = RouteSpec::new(Some(Method::Get), "/users/{id}".parse()?);
/// assert_eq!(route, "GET /users/{id}".parse()?);
/// # Ok::<(), waygate_core::grammar::Invalid>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RouteSpec {
    method: Option<Method>,
    path: PathTemplate,
}

impl RouteSpec {
    /// Creates the route of `method` at `path`; `None` is every method.
    pub fn new(method: impl Into<Option<Method>>, path: PathTemplate) -> Self {
        let method = method.into();
        Self { method, path }
    }

    /// Returns the method; `None` is every method of the path.
    pub fn method(&self) -> Option<Method> {
        self.method
    }

    /// Returns the full path, with the prefixes of every `nest`.
    pub fn path(&self) -> &PathTemplate {
        &self.path
    }
}

impl fmt::Display for RouteSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(method) = self.method {
            write!(f, "{method} ")?;
        }
        write!(f, "{}", self.path)
    }
}

impl FromStr for RouteSpec {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let invalid = |problem: String| Invalid::new("route", text, problem);
        let (method, path) = if text.starts_with('/') {
            (None, text)
        } else {
            let (method, path) = text
                .split_once(' ')
                .ok_or_else(|| invalid(without_space(text)))?;
            let method = method
                .parse()
                .map_err(|e: Invalid| invalid(e.problem().to_owned()))?;
            (Some(method), path)
        };
        let path = path
            .parse()
            .map_err(|e: Invalid| invalid(e.problem().to_owned()))?;
        Ok(Self { method, path })
    }
}

/// Detects the colon between method and path, as in keys of commands.
fn without_space(text: &str) -> String {
    if let Some((method, path)) = text.split_once(':')
        && path.starts_with('/')
        && let Ok(method) = method.parse::<Method>()
    {
        return format!("method and path are separated by a space, not `:`: `{method} {path}`");
    }
    "expected `<METHOD> <path>`, such as `GET /health`, or a path alone, for every method"
        .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_a_method_and_a_path() {
        let spec: RouteSpec = "GET /users/{id}".parse().unwrap();
        assert_eq!(spec.method(), Some(Method::Get));
        assert_eq!(spec.path().as_str(), "/users/{id}");
        assert_eq!(spec.to_string(), "GET /users/{id}");
        assert_eq!(
            spec,
            RouteSpec::new(Method::Get, "/users/{id}".parse().unwrap())
        );
    }

    #[test]
    fn without_a_method_it_covers_all_methods() {
        let spec: RouteSpec = "/users/{id}".parse().unwrap();
        assert_eq!(spec.method(), None);
        assert_eq!(spec.path().as_str(), "/users/{id}");
        assert_eq!(spec.to_string(), "/users/{id}");
        assert_eq!(spec, RouteSpec::new(None, "/users/{id}".parse().unwrap()));
        assert_ne!(spec, "GET /users/{id}".parse().unwrap());
    }

    #[test]
    fn explains_mistakes() {
        let expected =
            "expected `<METHOD> <path>`, such as `GET /health`, or a path alone, for every method";
        for (text, problem) in [
            ("", expected),
            ("health", expected),
            (
                "GET:/health",
                "method and path are separated by a space, not `:`: `GET /health`",
            ),
            ("shop:/health", expected),
            ("GET:health", expected),
            ("/health ", "the path holds ' '; percent-encode it"),
            ("/health GET", "the path holds ' '; percent-encode it"),
            (
                "/users/:id",
                "path parameters are written `{id}`, not `:id`",
            ),
            ("get /health", "methods are written in capitals: `GET`"),
            ("GET health", "the path must start with `/`"),
            ("GET  /health", "the path must start with `/`"),
            ("GET /health ", "the path holds ' '; percent-encode it"),
            (
                "GET /users/:id",
                "path parameters are written `{id}`, not `:id`",
            ),
        ] {
            let error = text.parse::<RouteSpec>().unwrap_err();
            assert_eq!(
                error.to_string(),
                format!("invalid route `{text}`: {problem}")
            );
        }
    }
}
