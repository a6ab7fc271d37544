use std::{fmt, str::FromStr};

use super::{Invalid, Method, PathTemplate};

/// A method and a path template, as attributes spell it: `GET /users/{id}`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RouteSpec {
    method: Method,
    path: PathTemplate,
}

impl RouteSpec {
    /// The route of `method` at `path`.
    pub fn new(method: Method, path: PathTemplate) -> Self {
        Self { method, path }
    }

    /// The method.
    pub fn method(&self) -> Method {
        self.method
    }

    /// The full path, every `nest` prefix included.
    pub fn path(&self) -> &PathTemplate {
        &self.path
    }
}

impl fmt::Display for RouteSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.method, self.path)
    }
}

impl FromStr for RouteSpec {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let invalid = |problem: String| Invalid::new("route", text, problem);
        let (method, path) = text.split_once(' ').ok_or_else(|| {
            invalid("expected `<METHOD> <path>`, such as `GET /health`".to_owned())
        })?;
        let method = method
            .parse()
            .map_err(|e: Invalid| invalid(e.problem().to_owned()))?;
        let path = path
            .parse()
            .map_err(|e: Invalid| invalid(e.problem().to_owned()))?;
        Ok(Self { method, path })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_a_method_and_a_path() {
        let spec: RouteSpec = "GET /users/{id}".parse().unwrap();
        assert_eq!(spec.method(), Method::Get);
        assert_eq!(spec.path().as_str(), "/users/{id}");
        assert_eq!(spec.to_string(), "GET /users/{id}");
        assert_eq!(
            spec,
            RouteSpec::new(Method::Get, "/users/{id}".parse().unwrap())
        );
    }

    #[test]
    fn says_what_is_wrong() {
        let expected = "expected `<METHOD> <path>`, such as `GET /health`";
        for (text, problem) in [
            ("", expected),
            ("/health", expected),
            ("GET:/health", expected),
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
