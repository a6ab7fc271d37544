use waygate_core::grammar::RouteSpec;

use super::BindError;
use crate::{engine::needs_of_caller, registry::HandlerDeclaration};

/// Adds the errors of a handler's limits on a route, each once.
pub(super) fn check(
    declaration: &HandlerDeclaration,
    route: &RouteSpec,
    has_principal: bool,
    errors: &mut Vec<BindError>,
) {
    let problems = shared_names(declaration)
        .chain(missing_parameters(declaration, route))
        .chain(missing_principal(declaration).filter(|_| !has_principal));
    for problem in problems {
        if !errors.contains(&problem) {
            errors.push(problem);
        }
    }
}

/// Limits of one kind with the same name.
fn shared_names(declaration: &HandlerDeclaration) -> impl Iterator<Item = BindError> {
    let names = declaration.limits.shared_names().into_iter();
    names.map(|(attribute, name)| BindError::SharedName {
        handler: declaration.handler,
        location: declaration.location.clone(),
        attribute,
        name: name.to_string(),
    })
}

/// Limits by caller without a principal type: their key would always be missing.
fn missing_principal(declaration: &HandlerDeclaration) -> impl Iterator<Item = BindError> {
    let rates = declaration.limits.rates.iter().map(|limit| {
        let policy = &limit.policy;
        let need = needs_of_caller(&policy.key, !policy.tiers.is_empty());
        ("rate_limit", &policy.name, need)
    });
    let concurrency = declaration.limits.concurrency.iter().map(|limit| {
        let policy = &limit.policy;
        (
            "concurrency_limit",
            &policy.name,
            needs_of_caller(&policy.key, false),
        )
    });
    let needy = rates.chain(concurrency);
    needy.filter_map(|(attribute, name, need)| {
        Some(BindError::NoPrincipal {
            handler: declaration.handler,
            location: declaration.location.clone(),
            attribute,
            name: name.to_string(),
            need: need?,
        })
    })
}

/// Keys from path parameters that the route does not have: they would always be missing.
fn missing_parameters(
    declaration: &HandlerDeclaration,
    route: &RouteSpec,
) -> impl Iterator<Item = BindError> {
    let known: Vec<&str> = route.path().parameters().collect();
    let help = match &*known {
        [] => "it has none: choose another key".to_owned(),
        known => format!("it has `{}`", known.join("`, `")),
    };
    let names = declaration.limits.parameters();
    let missing = names.filter(move |name| !known.contains(name));
    missing.map(move |parameter| BindError::NoSuchParameter {
        handler: declaration.handler,
        location: declaration.location.clone(),
        route: route.clone(),
        parameter: parameter.to_owned(),
        help: help.clone(),
    })
}
