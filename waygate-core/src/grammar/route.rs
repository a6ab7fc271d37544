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
