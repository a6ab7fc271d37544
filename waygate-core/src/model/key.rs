use std::{fmt, str::FromStr, sync::Arc};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::grammar::{
    Dialect, Invalid, Method, PathTemplate, RouteSpec, ServiceName, template_problem,
};
use crate::similar::typing_errors;

/// The name under which a route is controlled: `METHOD:/template`, in a fleet `service:METHOD:/template`.
///
/// Without a method (`/template`) it covers every method of the path. Cheap to clone.
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
    ///
    /// ```
    /// use waygate_core::{grammar::Method, model::RouteKey};
    ///
    /// let key = RouteKey::new(Some(Method::Get), &"/payments".parse()?);
    /// assert_eq!(key.as_str(), "GET:/payments");
    /// # Ok::<(), waygate_core::grammar::Invalid>(())
    /// ```
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

    /// The method; `None` covers all.
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
        Self::new(spec.method(), spec.path())
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
                _ => Err(invalid(missing_colon(&text[..path_at], &text[path_at..]))),
            };
        };
        let (service, method) = match prefix.rsplit_once(':') {
            Some((service, method)) => (Some(service), Some(method)),
            None if Method::from_name(prefix).is_some() => (None, Some(prefix)),
            None => {
                if let Some(meant) = misspelled(prefix) {
                    let path = &text[path_at..];
                    return Err(invalid(format!(
                        "`{prefix}` is not a method: did you mean `{meant}:{path}`?"
                    )));
                }
                (Some(prefix), None)
            }
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
                    "`{service}` is not a service name: {}{hint}",
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

/// Returns the method that a misspelled word in capitals resembles. As a service, `GTE:/payments` would govern
/// nothing.
fn misspelled(word: &str) -> Option<Method> {
    if word.len() > 9 || !word.bytes().all(|byte| byte.is_ascii_uppercase()) {
        return None;
    }
    let near = Method::ALL.map(|method| (typing_errors(method.as_str(), word), method));
    let near = near.into_iter().min_by_key(|(distance, _)| *distance);
    near.filter(|(distance, _)| distance * 3 <= word.len())
        .map(|(_, method)| method)
}

/// Returns the problem of `GET /payments`, with the fix if there is an obvious one.
fn missing_colon(before: &str, path: &str) -> String {
    let meant = format!("{}:{path}", before.trim_end());
    let hint = match meant.parse::<RouteKey>() {
        Ok(meant) => format!(": did you mean `{meant}`?"),
        Err(_) => String::new(),
    };
    format!("a `:` must come before the path{hint}")
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

#[cfg(test)]
mod tests {
    use serde_json::{from_value, json, to_value};

    use super::*;

    fn key(text: &str) -> RouteKey {
        text.parse().unwrap()
    }

    #[test]
    fn has_four_forms() {
        for (text, service, method, path) in [
            ("/payments", None, None, "/payments"),
            ("GET:/payments", None, Some(Method::Get), "/payments"),
            ("billing:/payments", Some("billing"), None, "/payments"),
            (
                "billing:GET:/payments",
                Some("billing"),
                Some(Method::Get),
                "/payments",
            ),
            (
                "a.b_c-1:DELETE:/x/{id}",
                Some("a.b_c-1"),
                Some(Method::Delete),
                "/x/{id}",
            ),
            (
                "GET:/a:b/c:GET:/d",
                None,
                Some(Method::Get),
                "/a:b/c:GET:/d",
            ),
            ("GET:/", None, Some(Method::Get), "/"),
            // Services, although in capitals, or nearly methods.
            ("BILLING:/x", Some("BILLING"), None, "/x"),
            ("gate:/x", Some("gate"), None, "/x"),
            ("GTE:GET:/x", Some("GTE"), Some(Method::Get), "/x"),
            (
                "svc:GET:/{name}.json",
                Some("svc"),
                Some(Method::Get),
                "/{name}.json",
            ),
        ] {
            let key = key(text);
            assert_eq!(key.service(), service, "{text}");
            assert_eq!(key.method(), method, "{text}");
            assert_eq!(key.path(), path, "{text}");
            assert_eq!(key.as_str(), text);
            assert_eq!(key.to_string(), text);
            assert_eq!(format!("{key:?}"), format!("RouteKey({text})"));
        }
    }

    #[test]
    fn explains_mistakes() {
        let service = "use 1 to 128 ASCII letters, digits or `. _ -`, such as `payments-service`";
        let unnamed = |text: &str| format!("`{text}` is not a service name: {service}");
        let methods =
            "expected one of GET, POST, PUT, PATCH, DELETE, HEAD, OPTIONS, CONNECT, TRACE";
        for (text, problem) in [
            (
                "",
                "expected `METHOD:/path`, such as `GET:/payments`".to_owned(),
            ),
            (
                "payments",
                "expected `METHOD:/path`, such as `GET:/payments`".to_owned(),
            ),
            (
                "GET",
                "expected `METHOD:/path`, such as `GET:/payments`".to_owned(),
            ),
            (
                "GET/payments",
                "a `:` must come before the path: did you mean `GET:/payments`?".to_owned(),
            ),
            (
                "GET /payments",
                "a `:` must come before the path: did you mean `GET:/payments`?".to_owned(),
            ),
            (
                "svc/payments",
                "a `:` must come before the path: did you mean `svc:/payments`?".to_owned(),
            ),
            ("a b/payments", "a `:` must come before the path".to_owned()),
            (":/payments", unnamed("")),
            ("a b:GET:/x", unnamed("a b")),
            ("a:b:GET:/x", unnamed("a:b")),
            (
                "GTE:/x",
                "`GTE` is not a method: did you mean `GET:/x`?".to_owned(),
            ),
            (
                "DELTE:/x",
                "`DELTE` is not a method: did you mean `DELETE:/x`?".to_owned(),
            ),
            (
                "get:/x",
                "`get` is not a service name: `get` is an HTTP method; the method is written `GET`"
                    .to_owned(),
            ),
            (
                "GET:GET:/x",
                "`GET` is not a service name: `GET` is an HTTP method".to_owned(),
            ),
            ("svc:FETCH:/x", methods.to_owned()),
            ("svc::/x", methods.to_owned()),
            (
                "svc:get:/x",
                "methods are written in capitals: `GET`".to_owned(),
            ),
            (
                "GET:/a b",
                "the path holds ' '; percent-encode it".to_owned(),
            ),
            (
                "GET:/users/:id",
                "path parameters are written `{id}`, not `:id`".to_owned(),
            ),
            (
                "GET:/{id",
                "`{id` holds an unpaired `{` (a literal one is written `{{`)".to_owned(),
            ),
        ] {
            let error = text.parse::<RouteKey>().unwrap_err();
            assert_eq!(
                error.to_string(),
                format!("invalid route key `{text}`: {problem}")
            );
            assert!(from_value::<RouteKey>(json!(text)).is_err());
        }
    }

    #[test]
    fn is_built_from_its_parts() {
        let path: PathTemplate = "/users/{id}".parse().unwrap();
        assert_eq!(RouteKey::new(None, &path), key("/users/{id}"));
        assert_eq!(
            RouteKey::new(Some(Method::Get), &path),
            key("GET:/users/{id}")
        );
        let spec: RouteSpec = "POST /users/{id}".parse().unwrap();
        assert_eq!(RouteKey::from(&spec), key("POST:/users/{id}"));
        assert_eq!(RouteKey::from(&spec).method(), Some(Method::Post));
        let every: RouteSpec = "/users/{id}".parse().unwrap();
        assert_eq!(RouteKey::from(&every), key("/users/{id}"));
    }

    #[test]
    fn is_text_on_the_wire() {
        for text in ["/payments", "svc:GET:/größe"] {
            let stored = to_value(key(text)).unwrap();
            assert_eq!(stored, json!(text));
            assert_eq!(from_value::<RouteKey>(stored).unwrap(), key(text));
        }
        assert!(from_value::<RouteKey>(json!(5)).is_err());
    }

    #[test]
    fn sorts_by_path_then_method_then_service() {
        let mut keys = [
            "GET:/b", "b:GET:/a", "POST:/a", "GET:/a", "/a", "a:GET:/a", "a:/a",
        ]
        .map(key);
        keys.sort();
        let sorted = keys.map(|key| key.to_string());
        assert_eq!(
            sorted,
            [
                "/a", "a:/a", "GET:/a", "a:GET:/a", "b:GET:/a", "POST:/a", "GET:/b"
            ]
        );
    }
}
