//! Finds out which method and path each declaration governs. What cannot be found stops the start.

mod error;
mod limits;

use std::collections::{BTreeMap, HashMap, HashSet};

use serde_json::Value;
use waygate_core::{
    Printable,
    grammar::{Method, PathTemplate, RouteSpec},
    model::{RouteKey, RouteState},
};

use super::{
    Attached, DeclaredLimits,
    survey::{Served, Survey},
};
use crate::{
    __private::Stamp,
    engine::{Registered, Source, Table},
    registry::HandlerDeclaration,
};

pub use error::{BindError, BindErrors};

/// What binding has found out.
pub(super) struct Bound {
    pub(super) routes: Vec<Registered>,
    /// What is served under a path that a registered route governs as a whole.
    pub(super) covered: Vec<Registered>,
    /// The routes that the attributes of each handler are bound to, by its stamp.
    pub(super) handlers: HashMap<Stamp, Vec<RouteKey>>,
}

/// An operation of the OpenAPI document.
#[derive(Debug)]
struct Operation {
    route: RouteSpec,
    id: Option<String>,
    /// The handler's stamp.
    handler: Option<String>,
}

const METHODS: [&str; 8] = [
    "get", "put", "post", "delete", "options", "head", "patch", "trace",
];

/// Binds every declaration of this program, beside the routes that are `known`. The stamps are taken out of `document`.
pub(super) async fn bind(
    handlers: &[HandlerDeclaration],
    survey: &mut Survey,
    document: Option<&mut Value>,
    allow_unmounted: &[String],
    has_principal: bool,
    known: &Table,
) -> Result<Bound, BindErrors> {
    let (mut operations, mut errors) = (Vec::new(), Vec::new());
    if let Some(document) = document {
        operations = take_operations(document, &mut errors);
    }
    let unmounted = Unmounted(allow_unmounted);
    unmounted.warn_of_unknown(handlers);
    let mut claims: BTreeMap<RouteSpec, Vec<Claim<'_>>> = BTreeMap::new();
    for declaration in handlers {
        let places = places(declaration, &operations);
        if places.is_empty() && !unmounted.allows(declaration) {
            errors.push(unbound(declaration, &operations));
        }
        for (route, source) in places {
            claims.entry(route).or_default().push(Claim {
                declaration,
                source,
            });
        }
    }
    for operation in operations {
        claims.entry(operation.route).or_default();
    }
    let mut bound = Bound {
        routes: Vec::new(),
        covered: Vec::new(),
        handlers: HashMap::new(),
    };
    // Paths of routes without a method, which come first.
    let mut every_method = HashSet::new();
    for (route, claims) in claims {
        let found = served_as(survey, &route).await;
        match (found.filter(|served| served.has(route.method())), &*claims) {
            // An operation of its own would take the method away from the route that governs all of them.
            (Some(served), []) if every_method.contains(&served.path) => {}
            (Some(served), []) if known.is_covered(&served.path) => {
                let key = RouteKey::new(route.method(), &served.path);
                bound.covered.push(served_route(key, Source::Document));
            }
            (Some(Served { path, .. }), claims) => {
                if route.method().is_none() {
                    every_method.insert(path.clone());
                }
                let route = RouteSpec::new(route.method(), path);
                errors.extend(claimed_twice(&route, claims));
                for claim in claims {
                    limits::check(claim.declaration, &route, has_principal, &mut errors);
                }
                bound.add(&route, claims.first());
            }
            // A document may describe more than this router serves; an annotated route must be served.
            (None, claims) => {
                let is_there = served_as(survey, &route).await.is_some();
                let missing = claims
                    .iter()
                    .filter(|claim| !unmounted.allows(claim.declaration));
                errors.extend(missing.map(|claim| claim.missing(&route, is_there)));
            }
        }
    }
    if errors.is_empty() {
        Ok(bound)
    } else {
        Err(BindErrors(errors))
    }
}

/// Handlers that may be left out.
struct Unmounted<'a>(&'a [String]);

impl Unmounted<'_> {
    /// Handlers may be there with some features only, so that this stops no start.
    fn warn_of_unknown(&self, handlers: &[HandlerDeclaration]) {
        let known = |path: &str| handlers.iter().any(|handler| handler.is_under(path));
        for path in self
            .0
            .iter()
            .filter(|path| !path.is_empty() && !known(path))
        {
            tracing::warn!(
                path = ?Printable(path),
                "`allow_unmounted` names no annotated handler and no module of one"
            );
        }
    }

    fn allows(&self, declaration: &HandlerDeclaration) -> bool {
        self.0.iter().any(|path| declaration.is_under(path))
    }
}

/// A handler that says that a route is its to govern.
struct Claim<'a> {
    declaration: &'a HandlerDeclaration,
    source: Source,
}

impl Claim<'_> {
    fn missing(&self, route: &RouteSpec, path_is_there: bool) -> BindError {
        let HandlerDeclaration {
            handler, location, ..
        } = self.declaration;
        let (handler, location, route) = (*handler, location.clone(), route.clone());
        if path_is_there {
            BindError::NoSuchMethod {
                handler,
                location,
                route,
            }
        } else {
            BindError::NoSuchPath {
                handler,
                location,
                route,
            }
        }
    }
}

fn claimed_twice(route: &RouteSpec, claims: &[Claim<'_>]) -> Option<BindError> {
    let [first, second, ..] = claims else {
        return None;
    };
    Some(BindError::ClaimedTwice {
        first: first.declaration.handler,
        second: second.declaration.handler,
        location: second.declaration.location.clone(),
        route: route.clone(),
    })
}

impl Bound {
    /// Adds what the router serves, and neither attributes nor the document name.
    ///
    /// What was `known` before by a call of `register` is found all the same, so that it stays when that is taken back.
    pub(super) fn add_undocumented(&mut self, survey: &Survey, known: &Table) {
        let bound: HashSet<RouteKey> = self.routes.iter().map(|route| route.key.clone()).collect();
        let is_bound = |method: Option<Method>, path: &PathTemplate| {
            bound.contains(&RouteKey::new(method, path))
        };
        for served in survey.served() {
            let path = &served.path;
            if is_bound(None, path) {
                continue;
            }
            let is_known = |method: Option<Method>| {
                is_bound(method, path) || known.exact(&RouteKey::new(method, path)).is_some()
            };
            // `HEAD` follows `GET`.
            let is_followed = |method: Method| {
                method == Method::Head
                    && is_known(Some(Method::Get))
                    && !is_known(Some(Method::Head))
            };
            let is_one = served.others && (served.is_any || served.methods.is_empty());
            let has_own = Method::ALL.into_iter().any(|method| is_known(Some(method)));
            if is_one && has_own {
                let key = RouteKey::new(None, path);
                self.covered.push(served_route(key, Source::Router));
            }
            let is_any = is_one && !has_own;
            let methods: Vec<_> = match is_any {
                // One handler for all methods is one route.
                true => vec![None],
                false => {
                    let own = served.methods.iter().copied();
                    own.filter(|method| !is_followed(*method))
                        .map(Some)
                        .collect()
                }
            };
            let is_covered = known.is_covered(path);
            for method in methods
                .into_iter()
                .filter(|method| !is_bound(*method, path))
            {
                let route = served_route(RouteKey::new(method, path), Source::Router);
                // One of its own would take the method away from the route that governs all of them.
                match is_covered && method.is_some() && known.exact(&route.key).is_none() {
                    true => self.covered.push(route),
                    false => self.routes.push(route),
                }
            }
        }
    }

    fn add(&mut self, route: &RouteSpec, claim: Option<&Claim<'_>>) {
        let key = RouteKey::from(route);
        let (declared, limits, attached, source) = match claim {
            Some(Claim {
                declaration,
                source,
            }) => {
                let keys = self.handlers.entry(declaration.stamp).or_default();
                keys.push(key.clone());
                (
                    declaration.state.clone(),
                    declaration.limits.clone(),
                    Attached::from(*declaration),
                    source.clone(),
                )
            }
            None => (
                RouteState::default(),
                DeclaredLimits::default(),
                Attached::default(),
                Source::Document,
            ),
        };
        self.routes.push(Registered {
            key,
            declared,
            limits: limits.rate_policies(),
            concurrency: limits.concurrency_policies(),
            attached,
            source,
        });
    }
}

/// A route of which nothing is known but that it is served.
fn served_route(key: RouteKey, source: Source) -> Registered {
    Registered {
        key,
        declared: RouteState::default(),
        limits: Vec::new(),
        concurrency: Vec::new(),
        attached: Attached::default(),
        source,
    }
}

/// What the router serves under a route's path. utoipa writes the root of a nested router with a slash at the end where axum
/// has none.
async fn served_as(survey: &mut Survey, route: &RouteSpec) -> Option<Served> {
    let path = route.path();
    for spelling in [Some(path.clone()), without_slash(path)]
        .into_iter()
        .flatten()
    {
        if let Some(served) = survey.path(&spelling).await {
            return Some(served.clone());
        }
    }
    None
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
        .filter(|o| o.handler.as_deref() == Some(*declaration.stamp));
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
