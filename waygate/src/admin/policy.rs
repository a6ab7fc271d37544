//! The operations and the scopes that they need, read from the OpenAPI document of the interface, so that the document
//! is true.

use std::collections::BTreeMap;

use http::Method;
use matchit::Router;
use serde_json::Value;
use waygate_core::{Printable, view::TokenScope};

/// The access that an operation requires.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Access {
    /// Nothing.
    Public,
    /// A valid token.
    AnyToken,
    /// A valid token with this scope.
    Scope(TokenScope),
}

/// An operation of the document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Operation {
    pub(super) access: Access,
    /// `true` if it has query parameters.
    pub(super) takes_query: bool,
}

/// The result of a look-up.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Found {
    Operation(Operation),
    /// The path has only these methods, as `Allow` lists them.
    OtherMethods(String),
    Nothing,
}

/// Every operation of the interface.
#[derive(Debug, Default)]
pub(super) struct Policy {
    paths: Router<Methods>,
}

/// The operations of a path.
#[derive(Debug)]
struct Methods(BTreeMap<String, Operation>);

impl Policy {
    /// Reads `document`. What it does not describe is not served. An operation whose security cannot be read needs the
    /// scope `admin`.
    pub(super) fn read(document: &Value) -> Self {
        let mut policy = Self::default();
        for (template, item) in document["paths"].as_object().into_iter().flatten() {
            if let Err(error) = policy.paths.insert(template, Methods::read(item)) {
                tracing::error!(template = %Printable(template), error = %Printable(error), "an operation of the admin API is not served");
            }
        }
        policy
    }

    /// Looks up a request for `path`, relative to where the interface is mounted.
    pub(super) fn look_up(&self, method: &Method, path: &str) -> Found {
        let Ok(found) = self.paths.at(path) else {
            return Found::Nothing;
        };
        let name = match *method {
            Method::HEAD => "GET",
            _ => method.as_str(),
        };
        match found.value.0.get(name) {
            Some(operation) => Found::Operation(*operation),
            None => Found::OtherMethods(found.value.allow()),
        }
    }
}

impl Methods {
    fn read(item: &Value) -> Self {
        let fields = item.as_object().into_iter().flatten();
        let read = |operation: &Value| Operation {
            access: access(operation),
            takes_query: takes_query(operation),
        };
        let methods = fields
            .map(|(name, operation)| (name.to_ascii_uppercase(), read(operation)))
            .filter(|(name, _)| Method::from_bytes(name.as_bytes()).is_ok_and(|m| is_standard(&m)));
        Self(methods.collect())
    }

    fn allow(&self) -> String {
        let mut methods: Vec<&str> = self.0.keys().map(String::as_str).collect();
        if methods.contains(&"GET") {
            methods.push("HEAD");
        }
        methods.join(", ")
    }
}

/// Path items have other fields than methods, too.
fn is_standard(method: &Method) -> bool {
    let served = [
        Method::GET,
        Method::POST,
        Method::PUT,
        Method::PATCH,
        Method::DELETE,
    ];
    served.contains(method)
}

fn takes_query(operation: &Value) -> bool {
    let parameters = operation["parameters"].as_array().into_iter().flatten();
    let mut places = parameters.map(|parameter| &parameter["in"]);
    places.any(|place| place == "query")
}

fn access(operation: &Value) -> Access {
    match operation["security"]
        .as_array()
        .and_then(|list| list.first())
    {
        Some(Value::Object(none)) if none.is_empty() => Access::Public,
        Some(requirement) => match requirement["token"].as_array().map(Vec::as_slice) {
            Some([]) => Access::AnyToken,
            Some([scope]) => Access::Scope(parse(scope)),
            _ => Access::Scope(TokenScope::Admin),
        },
        None => Access::Scope(TokenScope::Admin),
    }
}

fn parse(scope: &Value) -> TokenScope {
    scope
        .as_str()
        .and_then(|text| text.parse().ok())
        .unwrap_or(TokenScope::Admin)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn policy() -> Policy {
        let token = |scopes: Value| json!({ "security": [{ "token": scopes }] });
        let id = json!({ "name": "id", "in": "path" });
        let limit = json!({ "name": "limit", "in": "query" });
        Policy::read(&json!({ "paths": {
            "/a": { "get": token(json!(["read"])), "summary": "x", "parameters": [] },
            "/a/{id}": {
                "delete": token(json!([])),
                "post": { "security": [{}], "parameters": [id, limit] },
            },
            "/a/own": { "get": {}, "put": token(json!(["read", "admin"])), "patch": token(json!(["?"])) },
        }}))
    }

    fn at(method: Method, path: &str) -> Found {
        policy().look_up(&method, path)
    }

    fn operation(access: Access) -> Found {
        Found::Operation(Operation {
            access,
            takes_query: false,
        })
    }

    #[test]
    fn operations_are_found_exactly() {
        assert_eq!(
            at(Method::GET, "/a"),
            operation(Access::Scope(TokenScope::Read))
        );
        assert_eq!(
            at(Method::HEAD, "/a"),
            operation(Access::Scope(TokenScope::Read))
        );
        assert_eq!(at(Method::DELETE, "/a/7"), operation(Access::AnyToken));
        assert_eq!(
            at(Method::POST, "/a/login"),
            Found::Operation(Operation {
                access: Access::Public,
                takes_query: true,
            })
        );
        for path in [
            "", "/", "/a/", "//a", "/A", "/a//", "/a/7/", "/%61", "/a/7/8",
        ] {
            assert_eq!(at(Method::GET, path), Found::Nothing, "{path}");
        }
        assert_eq!(
            at(Method::PUT, "/a"),
            Found::OtherMethods("GET, HEAD".to_owned())
        );
        assert_eq!(
            at(Method::TRACE, "/a/7"),
            Found::OtherMethods("DELETE, POST".to_owned())
        );
    }

    #[test]
    fn doubtful_security_means_the_highest_scope() {
        for method in [Method::GET, Method::PUT, Method::PATCH] {
            assert_eq!(
                at(method, "/a/own"),
                operation(Access::Scope(TokenScope::Admin))
            );
        }
    }
}
