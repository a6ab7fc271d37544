//! Finds out which method and path each declaration governs. What cannot be found stops the start.

use std::{
    collections::{BTreeMap, HashMap},
    fmt,
};

use axum::Router;
use serde_json::Value;
use waygate_core::{
    grammar::{Invalid, Method, PathTemplate, RouteSpec},
    model::{RouteKey, RouteState},
};

use super::{Responses, probe};
use crate::{
    engine::{Registered, Source},
    registry::{self, HandlerDeclaration},
};

/// Everything that is wrong with the declarations of an application, each with a remedy.
#[derive(Debug)]
pub struct BindErrors(Vec<BindError>);

impl BindErrors {
    /// The single errors; at least one.
    pub fn errors(&self) -> &[BindError] {
        &self.0
    }
}

impl fmt::Display for BindErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, error) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{error}")?;
        }
        Ok(())
    }
}

impl std::error::Error for BindErrors {}

/// A declaration that governs nothing, or not what it says.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BindError {
    /// The handler has attributes, but no route of the router serves it.
    #[error("`{handler}` ({location}) is annotated, but no route serves it\n  help: {help}")]
    Unbound {
        /// The handler's path.
        handler: &'static str,
        /// `file:line` of its first attribute.
        location: String,
        /// What to do about it.
        help: String,
    },
    /// The path does not exist in the router.
    #[error(
        "`{handler}` ({location}) governs `{route}`, but the router has no such path\n  help: \
         give the full path, with the prefix of every `nest`"
    )]
    NoSuchPath {
        /// The handler's path.
        handler: &'static str,
        /// `file:line` of its first attribute.
        location: String,
        /// The route that it names.
        route: RouteSpec,
    },
    /// Two handlers claim one route.
    #[error(
        "`{first}` and `{second}` ({location}) both govern `{route}`\n  help: correct `route = \"..\"` of one of them"
    )]
    ClaimedTwice {
        /// The one handler.
        first: &'static str,
        /// The other handler.
        second: &'static str,
        /// `file:line` of the second handler's first attribute.
        location: String,
        /// The route that both name.
        route: RouteSpec,
    },
    /// A declaration, or a path of the document, does not follow its grammar.
    #[error(transparent)]
    Invalid(#[from] Invalid),
}

/// What binding has found out.
pub(super) struct Bound {
    pub(super) routes: Vec<Registered>,
    pub(super) responses: HashMap<RouteKey, Responses>,
}

/// An operation of the OpenAPI document.
#[derive(Debug)]
struct Operation {
    route: RouteSpec,
    id: Option<String>,
    handler: Option<String>,
}

const METHODS: [&str; 8] = [
    "get", "put", "post", "delete", "options", "head", "patch", "trace",
];

/// Binds every declaration of this program. `router` has our layer on it, so that it can be probed. The stamps are
/// taken out of `document`.
pub(super) async fn bind(
    router: &Router,
    document: Option<&mut Value>,
    allow_unmounted: &[String],
) -> Result<Bound, BindErrors> {
    let handlers = registry::declarations().map_err(|invalid| BindErrors(vec![invalid.into()]))?;
    let (mut operations, mut errors) = (Vec::new(), Vec::new());
    if let Some(document) = document {
        operations = take_operations(document, &mut errors);
    }
    let mut claims: BTreeMap<RouteSpec, Claim<'_>> = BTreeMap::new();
    for declaration in &handlers {
        let places = places(declaration, &operations);
        let allowed = allow_unmounted
            .iter()
            .any(|prefix| declaration.handler.starts_with(prefix));
        if places.is_empty() && !allowed {
            errors.push(unbound(declaration, &operations));
        }
        for (route, source) in places {
            let claim = Claim {
                declaration: Some(declaration),
                source,
            };
            let other = claims
                .insert(route.clone(), claim)
                .and_then(|claim| claim.declaration);
            if let Some(other) = other {
                errors.push(BindError::ClaimedTwice {
                    first: other.handler,
                    second: declaration.handler,
                    location: declaration.location.clone(),
                    route,
                });
            }
        }
    }
    for operation in operations {
        let claim = Claim {
            declaration: None,
            source: Source::Document,
        };
        claims.entry(operation.route).or_insert(claim);
    }
    let mut bound = Bound {
        routes: Vec::new(),
        responses: HashMap::new(),
    };
    for (route, claim) in claims {
        match claim.at(router, &route).await {
            Some(path) => claim.register(RouteSpec::new(route.method(), path), &mut bound),
            None => errors.extend(claim.missing(route, allow_unmounted)),
        }
    }
    if errors.is_empty() {
        Ok(bound)
    } else {
        Err(BindErrors(errors))
    }
}

/// Somebody who says that a route is theirs to govern.
struct Claim<'a> {
    declaration: Option<&'a HandlerDeclaration>,
    source: Source,
}

impl Claim<'_> {
    /// The template under which the router serves the route. utoipa writes the root of a nested router with a slash
    /// at the end where axum has none.
    async fn at(&self, router: &Router, route: &RouteSpec) -> Option<PathTemplate> {
        let path = route.path();
        let spellings = [Some(path.clone()), without_slash(path)];
        for spelling in spellings.into_iter().flatten() {
            if probe::matched_path(router, &spelling).await.as_deref() == Some(spelling.as_str()) {
                return Some(spelling);
            }
        }
        None
    }

    fn register(&self, route: RouteSpec, bound: &mut Bound) {
        let key = RouteKey::from(&route);
        let declared = match self.declaration {
            Some(declaration) => {
                bound
                    .responses
                    .insert(key.clone(), declaration.responses.clone());
                declaration.state.clone()
            }
            None => RouteState::default(),
        };
        bound.routes.push(Registered {
            key,
            declared,
            source: self.source.clone(),
        });
    }

    /// A document may describe more than this router serves; an annotated route must be served.
    fn missing(&self, route: RouteSpec, allow_unmounted: &[String]) -> Option<BindError> {
        let HandlerDeclaration {
            handler, location, ..
        } = self.declaration?;
        let allowed = allow_unmounted
            .iter()
            .any(|prefix| handler.starts_with(prefix));
        (!allowed).then(|| BindError::NoSuchPath {
            handler,
            location: location.clone(),
            route,
        })
    }
}

fn without_slash(path: &PathTemplate) -> Option<PathTemplate> {
    path.as_str()
        .strip_suffix('/')
        .filter(|path| !path.is_empty())?
        .parse()
        .ok()
}

fn places(declaration: &HandlerDeclaration, operations: &[Operation]) -> Vec<(RouteSpec, Source)> {
    let handler = declaration.handler;
    if !declaration.routes.is_empty() {
        let source = |route: &RouteSpec| (route.clone(), Source::Attribute { handler });
        return declaration.routes.iter().map(source).collect();
    }
    let own = operations
        .iter()
        .filter(|o| o.handler.as_deref() == Some(handler));
    own.map(|operation| (operation.route.clone(), Source::Operation { handler }))
        .collect()
}

fn unbound(declaration: &HandlerDeclaration, operations: &[Operation]) -> BindError {
    let name = declaration
        .handler
        .rsplit("::")
        .next()
        .unwrap_or(declaration.handler);
    let alike: Vec<String> = operations
        .iter()
        .filter(|operation| operation.id.as_deref() == Some(name))
        .map(|operation| format!("`{}`", operation.route))
        .collect();
    let mut help = format!(
        "mount it with `routes!({name})` in the router given to `guard`, name its route with \
         `route = \"GET /full/path\"`, or, if it is left out on purpose, call \
         `.allow_unmounted(\"{}\")` on the builder",
        declaration.handler
    );
    if !alike.is_empty() {
        help.push_str(&format!(
            "; operations of that name, perhaps of other handlers: {}",
            alike.join(", ")
        ));
    }
    BindError::Unbound {
        handler: declaration.handler,
        location: declaration.location.clone(),
        help,
    }
}

/// Reads the operations, and takes the stamps out, so that clients never see them.
fn take_operations(document: &mut Value, errors: &mut Vec<BindError>) -> Vec<Operation> {
    let mut operations = Vec::new();
    let Some(paths) = document.get_mut("paths").and_then(Value::as_object_mut) else {
        return operations;
    };
    for (path, item) in paths {
        for verb in METHODS {
            let Some(Value::Object(operation)) = item.get_mut(verb) else {
                continue;
            };
            let text = |value: Value| value.as_str().map(str::to_owned);
            #[cfg(feature = "openapi")]
            let handler = operation.remove(crate::__private::STAMP).and_then(text);
            #[cfg(not(feature = "openapi"))]
            let handler = None;
            let id = operation.get("operationId").cloned().and_then(text);
            match (path.parse(), Method::from_name(&verb.to_ascii_uppercase())) {
                (Ok(path), Some(method)) => {
                    operations.push(Operation {
                        route: RouteSpec::new(method, path),
                        id,
                        handler,
                    });
                }
                (Err(invalid), _) => errors.push(invalid.into()),
                (Ok(_), None) => {}
            }
        }
    }
    operations
}
