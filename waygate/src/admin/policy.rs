//! The operations and their required scopes, read from the OpenAPI document of the admin API, so that the document
//! cannot be wrong.

use std::{collections::BTreeMap, sync::Arc};

use http::Method;
use matchit::Router;
use serde_json::Value;
use waygate_core::{Printable, view::TokenScope};

use super::reach::Reach;
use crate::rest::meant;

/// The parameter of operations that can be planned.
pub(super) const DRY_RUN: &str = "#/components/parameters/DryRun";

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
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Operation {
    pub(super) access: Access,
    /// What users who are limited to services may do with it.
    pub(super) reach: Reach,
    /// `true` if it has query parameters.
    pub(super) takes_query: bool,
    /// The error of a request with a body. `None` if the operation reads one.
    pub(super) no_body: Option<Arc<str>>,
    /// `true` if it can be planned with `dry_run=true`.
    pub(super) has_dry_run: bool,
}

/// The result of a lookup.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Found {
    Operation(Operation),
    /// The path exists, with only these methods, as listed in `Allow`.
    OtherMethods(String),
    Nothing,
}

/// Every operation of the admin API.
#[derive(Debug, Default)]
pub(super) struct Policy {
    paths: Router<Methods>,
    templates: Vec<String>,
}

/// The operations of a path.
#[derive(Debug)]
struct Methods(BTreeMap<String, Operation>);

impl Policy {
    /// Reads `document`. An operation that it does not describe is not served. An operation with unreadable security
    /// needs the scope `admin`.
    pub(super) fn read(document: &Value) -> Self {
        let mut policy = Self::default();
        for (template, item) in document["paths"].as_object().into_iter().flatten() {
            if let Err(error) = policy.paths.insert(template, Methods::read(item, document)) {
                tracing::error!(template = %Printable(template), error = %Printable(error), "an operation of the admin API is not served");
            }
            policy.templates.push(template.clone());
        }
        policy
    }

    /// Looks up a request for `path`, relative to the mount of the admin API.
    pub(super) fn look_up(&self, method: &Method, path: &str) -> Found {
        let Ok(found) = self.paths.at(path) else {
            return Found::Nothing;
        };
        let name = match *method {
            Method::HEAD => "GET",
            _ => method.as_str(),
        };
        match found.value.0.get(name) {
            Some(operation) => Found::Operation(operation.clone()),
            None => Found::OtherMethods(found.value.allow()),
        }
    }

    /// Suggests the correct spelling of a misspelled segment in an unknown path.
    pub(super) fn meant(&self, path: &str) -> Option<&str> {
        let mut templates = self.templates.iter();
        templates.find_map(|template| misspelled(template, path))
    }
}

/// The only segment of a template that differs from the path, if they are similar.
fn misspelled<'a>(template: &'a str, path: &str) -> Option<&'a str> {
    let (mut template, mut path) = (template.split('/'), path.split('/'));
    let mut found = None;
    loop {
        match (template.next(), path.next()) {
            (None, None) => return found,
            (Some(known), Some(given)) if known == given || known.starts_with('{') => {}
            (Some(known), Some(given)) if found.is_none() => {
                found = Some(meant(given, &[known])?);
            }
            _ => return None,
        }
    }
}

impl Methods {
    fn read(item: &Value, document: &Value) -> Self {
        let fields = item.as_object().into_iter().flatten();
        let read = |name: String, operation: &Value| Operation {
            access: access(operation),
            reach: Reach::of(operation),
            takes_query: queries(operation, document).any(|name| name != "dry_run"),
            no_body: no_body(&name, item, operation, document),
            has_dry_run: has_dry_run(operation),
        };
        let methods = fields
            .map(|(name, operation)| (name.to_ascii_uppercase(), operation))
            .map(|(name, operation)| (name.clone(), read(name, operation)))
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

/// The names of the query parameters.
fn queries<'a>(operation: &'a Value, document: &'a Value) -> impl Iterator<Item = &'a str> {
    let parameters = operation["parameters"].as_array().into_iter().flatten();
    let parameters = parameters.map(|parameter| resolved(parameter, document));
    let queries = parameters.filter(|parameter| parameter["in"] == "query");
    queries.filter_map(|parameter| parameter["name"].as_str())
}

/// A parameter that may be a reference to one that operations share.
fn resolved<'a>(parameter: &'a Value, document: &'a Value) -> &'a Value {
    let reference = parameter["$ref"].as_str();
    let pointer = reference.and_then(|reference| reference.strip_prefix('#'));
    let shared = pointer.and_then(|pointer| document.pointer(pointer));
    shared.unwrap_or(parameter)
}

fn has_dry_run(operation: &Value) -> bool {
    let parameters = operation["parameters"].as_array().into_iter().flatten();
    let mut references = parameters.map(|parameter| &parameter["$ref"]);
    references.any(|reference| reference == DRY_RUN)
}

/// The error of a request with a body, if the operation reads none, since the body was meant to have an effect.
fn no_body(method: &str, item: &Value, operation: &Value, document: &Value) -> Option<Arc<str>> {
    if !operation["requestBody"].is_null() {
        return None;
    }
    let mut text = format!("{method} reads no body here");
    for (at, name) in queries(operation, document).enumerate() {
        let before = if at == 0 { ", but " } else { ", " };
        text.push_str(&format!("{before}`?{name}=`"));
    }
    text.push('.');
    let post = &item["post"];
    if let (false, Some(summary)) = (post["requestBody"].is_null(), post["summary"].as_str()) {
        let mut sentence = summary.split(". ").next().unwrap_or(summary).chars();
        let first = sentence.next().unwrap_or_default().to_ascii_lowercase();
        let rest = sentence.as_str().trim_end_matches('.');
        text.push_str(&format!(" `POST` reads one: it {first}{rest}."));
    }
    Some(text.into())
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
        match policy().look_up(&method, path) {
            Found::Operation(found) => Found::Operation(Operation {
                no_body: None,
                ..found
            }),
            other => other,
        }
    }

    fn operation(access: Access) -> Found {
        Found::Operation(Operation {
            access,
            reach: Reach::All,
            takes_query: false,
            no_body: None,
            has_dry_run: false,
        })
    }

    #[test]
    fn one_misspelled_segment_is_recognized() {
        let policy = policy();
        assert_eq!(policy.meant("/a/own"), None);
        assert_eq!(
            misspelled("/api/{pk}/disable", "/api/GET:%2Fx/disabel"),
            Some("disable")
        );
        for path in [
            "/api/x/enable",
            "/ipa/x/disabel",
            "/api/disable",
            "/api/x/disable/y",
        ] {
            assert_eq!(misspelled("/api/{pk}/disable", path), None, "{path}");
        }
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
                reach: Reach::All,
                takes_query: true,
                no_body: None,
                has_dry_run: false,
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
    fn shared_parameters_are_parameters() {
        let limit = json!({ "name": "limit", "in": "query" });
        let shared = json!({ "$ref": "#/components/parameters/Limit" });
        let list = json!({ "security": [{ "token": ["read"] }], "parameters": [shared] });
        let policy = Policy::read(&json!({
            "paths": { "/a": { "get": list } },
            "components": { "parameters": { "Limit": limit } },
        }));
        let Found::Operation(found) = policy.look_up(&Method::GET, "/a") else {
            panic!("no operation");
        };
        assert!(found.takes_query);
        let error = found.no_body.unwrap();
        assert!(error.contains("`?limit=`"), "{error}");
    }

    #[test]
    fn unreadable_security_requires_the_highest_scope() {
        for method in [Method::GET, Method::PUT, Method::PATCH] {
            assert_eq!(
                at(method, "/a/own"),
                operation(Access::Scope(TokenScope::Admin))
            );
        }
    }
}
