//! What there is, and who may use it: read from the interface's own OpenAPI document, so that the document is true.

use std::collections::BTreeMap;

use http::Method;
use serde_json::Value;
use waygate_core::view::TokenScope;

/// What an operation asks of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    /// Nothing.
    Public,
    /// A valid token.
    AnyToken,
    /// A valid token with this scope.
    Scope(TokenScope),
}

/// An operation, as its description has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Operation {
    pub(crate) access: Access,
    /// Whether it has query parameters.
    pub(crate) takes_query: bool,
}

/// What a request asks for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Found {
    Operation(Operation),
    /// Only these methods are served there, as `Allow` lists them.
    OtherMethods(String),
    Nothing,
}

/// Every operation of the interface.
#[derive(Debug)]
pub(crate) struct Policy {
    paths: Vec<Path>,
}

#[derive(Debug)]
struct Path {
    segments: Vec<Segment>,
    methods: BTreeMap<String, Operation>,
}

#[derive(Debug)]
enum Segment {
    Literal(String),
    Parameter,
}

impl Policy {
    /// Reads `document`. What it does not describe is not served, and an operation whose security cannot be read needs
    /// the scope `admin`.
    pub(crate) fn read(document: &Value) -> Self {
        let paths = document["paths"].as_object().into_iter().flatten();
        let mut paths: Vec<Path> = paths
            .map(|(template, item)| Path {
                segments: template.split('/').map(Segment::read).collect(),
                methods: methods(item),
            })
            .collect();
        // A literal is meant before a parameter that could stand for it.
        paths.sort_by_key(|path| path.parameters());
        Self { paths }
    }

    /// What a request for `path`, relative to where the interface is mounted, asks for.
    pub(crate) fn look_up(&self, method: &Method, path: &str) -> Found {
        let Some(found) = self.paths.iter().find(|known| known.matches(path)) else {
            return Found::Nothing;
        };
        let name = match *method {
            Method::HEAD => "GET",
            _ => method.as_str(),
        };
        match found.methods.get(name) {
            Some(operation) => Found::Operation(*operation),
            None => Found::OtherMethods(found.allow()),
        }
    }
}

impl Path {
    fn parameters(&self) -> usize {
        let is_parameter = |segment: &&Segment| matches!(segment, Segment::Parameter);
        self.segments.iter().filter(is_parameter).count()
    }

    fn matches(&self, path: &str) -> bool {
        let mut asked = path.split('/');
        let fits = |segment: &Segment| match (segment, asked.next()) {
            (Segment::Literal(literal), Some(asked)) => literal == asked,
            (Segment::Parameter, Some(asked)) => !asked.is_empty(),
            (_, None) => false,
        };
        self.segments.iter().all(fits) && asked.next().is_none()
    }

    fn allow(&self) -> String {
        let mut methods: Vec<&str> = self.methods.keys().map(String::as_str).collect();
        if methods.contains(&"GET") {
            methods.push("HEAD");
        }
        methods.join(", ")
    }
}

impl Segment {
    fn read(text: &str) -> Self {
        if text.starts_with('{') && text.ends_with('}') {
            Self::Parameter
        } else {
            Self::Literal(text.to_owned())
        }
    }
}

fn methods(item: &Value) -> BTreeMap<String, Operation> {
    let fields = item.as_object().into_iter().flatten();
    let read = |operation: &Value| Operation {
        access: access(operation),
        takes_query: takes_query(operation),
    };
    fields
        .map(|(name, operation)| (name.to_ascii_uppercase(), read(operation)))
        .filter(|(name, _)| Method::from_bytes(name.as_bytes()).is_ok_and(|m| is_standard(&m)))
        .collect()
}

/// A path item has other fields than methods, too.
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
