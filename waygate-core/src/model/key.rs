use std::{fmt, str::FromStr, sync::Arc};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::grammar::{
    Dialect, Invalid, Method, PathTemplate, RouteSpec, ServiceName, template_problem,
};

/// The name under which a route is controlled: `METHOD:/template`, in a fleet `service:METHOD:/template`.
///
/// Without a method (`/template`) it stands for every method of the path. Cheap to clone.
///
/// ```
/// # use waygate_core::{grammar::Method, model::RouteKey};
/// let key: RouteKey = "billing:GET:/payments/{id}".parse()?;
/// assert_eq!(key.service(), Some("billing"));
/// assert_eq!(key.method(), Some(Method::Get));
/// assert_eq!(key.path(), "/payments/{id}");
/// # Ok::<(), waygate_core::grammar::Invalid>(())
/// ```
#[derive(Clone)]
pub struct RouteKey {
    text: Arc<str>,
    method: Option<Method>,
    path_at: usize,
}

impl RouteKey {
    /// The key of `method` (all methods when `None`) at `path`.
    pub fn new(method: Option<Method>, path: &PathTemplate) -> Self {
        let text = match method {
            Some(method) => format!("{method}:{path}"),
            None => path.to_string(),
        };
        Self {
            path_at: text.len() - path.as_str().len(),
            text: text.into(),
            method,
        }
    }

    /// The whole key.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The service, in a fleet.
    pub fn service(&self) -> Option<&str> {
        let before = &self.text[..self.path_at];
        let before = match self.method {
            Some(method) => &before[..before.len() - method.as_str().len() - 1],
            None => before,
        };
        before.strip_suffix(':')
    }

    /// The method; `None` stands for all.
    pub fn method(&self) -> Option<Method> {
        self.method
    }

    /// The path template.
    pub fn path(&self) -> &str {
        &self.text[self.path_at..]
    }
}

impl From<&RouteSpec> for RouteKey {
    fn from(spec: &RouteSpec) -> Self {
        Self::new(Some(spec.method()), spec.path())
    }
}

impl FromStr for RouteKey {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let invalid = |problem: String| Invalid::new("route key", text, problem);
        let path_at = text.find('/').ok_or_else(|| {
            invalid("expected `METHOD:/path`, such as `GET:/payments`".to_owned())
        })?;
        if let Some(problem) = template_problem(&text[path_at..], Dialect::Any) {
            return Err(invalid(problem));
        }
        let Some(prefix) = text[..path_at].strip_suffix(':') else {
            return match path_at {
                0 => Ok(Self {
                    text: text.into(),
                    method: None,
                    path_at,
                }),
                _ => Err(invalid("a `:` must stand before the path".to_owned())),
            };
        };
        let (service, method) = match prefix.rsplit_once(':') {
            Some((service, method)) => (Some(service), Some(method)),
            None if Method::from_name(prefix).is_some() => (None, Some(prefix)),
            None => (Some(prefix), None),
        };
        if let Some(service) = service {
            let _: ServiceName = service.parse().map_err(|e: Invalid| {
                let hint = match service.to_ascii_uppercase().parse::<Method>() {
                    Ok(method) if prefix == service => {
                        format!("; the method is written `{method}`")
                    }
                    _ => String::new(),
                };
                invalid(format!(
                    "`{service}` is no service name: {}{hint}",
                    e.problem()
                ))
            })?;
        }
        let method = method
            .map(|name| {
                name.parse()
                    .map_err(|e: Invalid| invalid(e.problem().to_owned()))
            })
            .transpose()?;
        Ok(Self {
            text: text.into(),
            method,
            path_at,
        })
    }
}

impl fmt::Display for RouteKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for RouteKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RouteKey({})", self.text)
    }
}

impl PartialEq for RouteKey {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for RouteKey {}

impl std::hash::Hash for RouteKey {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.text.hash(state);
    }
}

impl PartialOrd for RouteKey {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for RouteKey {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.path(), self.method, &self.text).cmp(&(other.path(), other.method, &other.text))
    }
}

impl Serialize for RouteKey {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}

impl<'de> Deserialize<'de> for RouteKey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        super::text::parsed(deserializer)
    }
}
