//! The routes that a handler governs, and errors about them.

use std::collections::BTreeSet;

use waygate_core::{
    grammar::{Method, RouteSpec},
    model::RouteKey,
};

use super::{super::survey::Served, BindError, help::name, operations::Operation};
use crate::{
    engine::{Source, nearest},
    registry::HandlerDeclaration,
};

/// The routes that a handler governs.
pub(super) fn places(
    declaration: &HandlerDeclaration,
    operations: &[Operation],
) -> Vec<(RouteSpec, Source)> {
    let handler = declaration.handler;
    if !declaration.routes.is_empty() {
        let source = |route: &RouteSpec| (route.clone(), Source::Attribute { handler });
        return declaration.routes.iter().map(source).collect();
    }
    let own = operations
        .iter()
        .filter(|operation| operation.is_of(declaration));
    // Several routers may serve the route.
    let routes: BTreeSet<&RouteSpec> = own.map(|operation| &operation.route).collect();
    let source = |route: &RouteSpec| (route.clone(), Source::Operation { handler });
    routes.into_iter().map(source).collect()
}

/// The error for a handler without a route.
pub(super) fn unbound(declaration: &HandlerDeclaration, operations: &[Operation]) -> BindError {
    let name = name(declaration.handler);
    let alike = operations
        .iter()
        .filter(|operation| operation.id.as_deref() == Some(name));
    BindError::Unbound {
        handler: declaration.handler,
        location: declaration.location.clone(),
        alike: alike.map(|operation| operation.route.clone()).collect(),
    }
}

/// A handler that claims to govern a route.
pub(super) struct Claim<'a> {
    pub(super) declaration: &'a HandlerDeclaration,
    pub(super) source: Source,
}

impl Claim<'_> {
    /// Returns an error if another router serves the route with another handler. Attributes without `route` belong to
    /// the handler that the document names, so they must not govern the other one.
    pub(super) fn served_by_another(
        &self,
        route: &RouteSpec,
        operations: &[Operation],
        serving: &[usize],
    ) -> Option<BindError> {
        let is_own = |part: usize| {
            operations.iter().any(|operation| {
                operation.part == part
                    && operation.route == *route
                    && operation.is_of(self.declaration)
            })
        };
        let by_document = matches!(self.source, Source::Operation { .. });
        let strange = by_document && serving.iter().any(|part| !is_own(*part));
        strange.then(|| BindError::ServedByAnother {
            handler: self.declaration.handler,
            location: self.declaration.location.clone(),
            route: route.clone(),
        })
    }

    /// The error for a route that no router serves with its method. `found` has the endpoints under its path, and
    /// `served` returns all routes.
    pub(super) fn missing(
        &self,
        route: &RouteSpec,
        found: &[(usize, Served)],
        served: impl Fn() -> Vec<RouteKey>,
    ) -> BindError {
        let HandlerDeclaration {
            handler, location, ..
        } = self.declaration;
        let (handler, location, route) = (*handler, location.clone(), route.clone());
        if found.is_empty() {
            let nearest = nearest(&RouteKey::from(&route), served().iter()).and_then(spec);
            return BindError::NoSuchPath {
                handler,
                location,
                route,
                nearest,
            };
        }
        let methods = found.iter().flat_map(|(_, served)| &served.methods);
        let methods: BTreeSet<Method> = methods.copied().collect();
        BindError::NoSuchMethod {
            handler,
            location,
            route,
            methods: methods.into_iter().collect(),
        }
    }
}

fn spec(key: &RouteKey) -> Option<RouteSpec> {
    Some(RouteSpec::new(key.method(), key.path().parse().ok()?))
}

pub(super) fn claimed_twice(route: &RouteSpec, claims: &[Claim<'_>]) -> Option<BindError> {
    let [first, second, ..] = claims else {
        return None;
    };
    Some(BindError::ClaimedTwice {
        first: first.declaration.handler,
        first_location: first.declaration.location.clone(),
        second: second.declaration.handler,
        location: second.declaration.location.clone(),
        route: route.clone(),
    })
}
