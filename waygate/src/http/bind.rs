//! Resolves the method and path that each declaration governs. An unresolved declaration is an error.

mod claim;
mod error;
mod help;
mod limits;
mod operations;
mod unmounted;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use waygate_core::{
    grammar::{Method, PathTemplate, RouteSpec},
    model::{RouteKey, RouteState},
};

use super::{
    DeclaredLimits,
    part::Part,
    survey::{Served, Survey},
};
use crate::{
    engine::{Attached, Registered, Source, Table},
    registry::HandlerDeclaration,
    stamp::Stamp,
};

use claim::{Claim, claimed_twice, places, unbound};
use operations::take_operations;

pub use error::{BindError, BindErrors};
pub(super) use unmounted::Unmounted;

/// The result of binding.
pub(super) struct Bound {
    pub(super) routes: Vec<Registered>,
    /// Routes under a path that a registered route governs as a whole.
    pub(super) covered: Vec<Registered>,
    /// The routes of each handler with attributes, by its stamp.
    pub(super) handlers: HashMap<Stamp, Vec<RouteKey>>,
    /// The tags of routes in the documents.
    pub(super) tags: Vec<(RouteKey, Vec<String>)>,
}

/// Binds every declaration of this program to the routes of the routers, in addition to the `known` routes. Removes
/// the stamps from the documents.
pub(super) async fn bind(
    handlers: &[HandlerDeclaration],
    parts: &mut [Part],
    unmounted: Unmounted<'_>,
    has_principal: bool,
    known: &Table,
) -> Result<Bound, BindErrors> {
    let (mut operations, mut errors) = (Vec::new(), Vec::new());
    for (index, part) in parts.iter_mut().enumerate() {
        if let Some(document) = &mut part.document {
            operations.extend(take_operations(index, document, &mut errors));
        }
    }
    unmounted.check(handlers, &mut errors);
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
    for operation in &operations {
        claims.entry(operation.route.clone()).or_default();
    }
    let tags = operations::tags(&operations);
    let mut bound = Bound {
        routes: Vec::new(),
        covered: Vec::new(),
        handlers: HashMap::new(),
        tags: Vec::new(),
    };
    // Paths of routes without a method, which sort first.
    let mut every_method = HashSet::new();
    for (route, mut claims) in claims {
        unmounted.keep_required(&mut claims);
        let tags = tags.get(&route);
        let found = served_as(parts, &route).await;
        let serves = |(_, served): &&(usize, Served)| served.has(route.method());
        let serving: Vec<usize> = found.iter().filter(serves).map(|(part, _)| *part).collect();
        if serving.is_empty() {
            // A document may describe more than this router serves, but an annotated route must be served.
            let missing = claims
                .iter()
                .filter(|claim| !unmounted.allows(claim.declaration));
            let served = || served_keys(parts);
            errors.extend(missing.map(|claim| claim.missing(&route, &found, served)));
        }
        let strangers = claims
            .iter()
            .filter_map(|claim| claim.served_by_another(&route, &operations, &serving));
        errors.extend(strangers);
        // Routers may spell the path differently.
        let paths: BTreeSet<&PathTemplate> = found
            .iter()
            .filter(serves)
            .map(|(_, served)| &served.path)
            .collect();
        for path in paths {
            match &*claims {
                // A separate operation would take its method away from the route that governs all methods.
                [] if every_method.contains(path) => {}
                [] if known.is_covered(path) => {
                    let key = RouteKey::new(route.method(), path);
                    bound.covered.push(served_route(key, Source::Document));
                }
                claims => {
                    if route.method().is_none() {
                        every_method.insert(path.clone());
                    }
                    let route = RouteSpec::new(route.method(), path.clone());
                    errors.extend(claimed_twice(&route, claims));
                    for claim in claims {
                        limits::check(claim.declaration, &route, has_principal, &mut errors);
                    }
                    bound.add(&route, claims.first());
                    if let Some(tags) = tags {
                        let tags = tags.iter().cloned().collect();
                        bound.tags.push((RouteKey::from(&route), tags));
                    }
                }
            }
        }
    }
    if errors.is_empty() {
        Ok(bound)
    } else {
        Err(BindErrors(errors))
    }
}

impl Bound {
    /// Adds the routes that neither attributes nor a document name.
    ///
    /// Routes that `register` added before are included, so that they stay after `unregister`.
    pub(super) fn add_undocumented<'a>(
        &mut self,
        surveys: impl Iterator<Item = &'a Survey> + Clone,
        known: &Table,
    ) {
        let is_one =
            |served: &&Served| served.others && (served.is_any || served.methods.is_empty());
        // A handler for all methods comes last: it does not govern the methods that another router serves separately.
        let all = || surveys.clone().flat_map(Survey::served);
        let by_method = all().filter(|served| !is_one(served));
        let whole = all().filter(is_one);
        let mut bound: HashSet<RouteKey> =
            self.routes.iter().map(|route| route.key.clone()).collect();
        for served in by_method.chain(whole) {
            let path = &served.path;
            let is_bound = |method: Option<Method>| bound.contains(&RouteKey::new(method, path));
            if is_bound(None) {
                continue;
            }
            let is_known = |method: Option<Method>| {
                is_bound(method) || known.exact(&RouteKey::new(method, path)).is_some()
            };
            // `HEAD` follows `GET`.
            let is_followed = |method: Method| {
                method == Method::Head
                    && is_known(Some(Method::Get))
                    && !is_known(Some(Method::Head))
            };
            let is_one = is_one(&served);
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
            let new: Vec<_> = (methods.into_iter())
                .filter(|method| !is_bound(*method))
                .collect();
            for method in new {
                let route = served_route(RouteKey::new(method, path), Source::Router);
                // A separate route would take its method away from the route that governs all methods.
                match is_covered && method.is_some() && known.exact(&route.key).is_none() {
                    true => self.covered.push(route),
                    false => {
                        bound.insert(route.key.clone());
                        self.routes.push(route);
                    }
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
            #[cfg(feature = "flags")]
            gates: claim.map_or_else(Vec::new, |claim| {
                let gates = claim.declaration.gates.iter();
                gates.map(crate::engine::RouteGate::of_route).collect()
            }),
            #[cfg(feature = "flags")]
            canary: claim.and_then(|claim| claim.declaration.canary()),
            source,
        });
    }
}

/// A route without any declaration.
fn served_route(key: RouteKey, source: Source) -> Registered {
    Registered {
        key,
        declared: RouteState::default(),
        limits: Vec::new(),
        concurrency: Vec::new(),
        attached: Attached::default(),
        #[cfg(feature = "flags")]
        gates: Vec::new(),
        #[cfg(feature = "flags")]
        canary: None,
        source,
    }
}

/// The endpoints of each router at a route's path. utoipa writes the root of a nested router with a trailing slash, and
/// axum does not.
async fn served_as(parts: &mut [Part], route: &RouteSpec) -> Vec<(usize, Served)> {
    let path = route.path();
    let spellings = [Some(path.clone()), without_slash(path)];
    let mut found = Vec::new();
    for (index, part) in parts.iter_mut().enumerate() {
        for spelling in spellings.iter().flatten() {
            if let Some(served) = part.survey.path(spelling).await {
                found.push((index, served.clone()));
                break;
            }
        }
    }
    found
}

/// All routes of the routers.
fn served_keys(parts: &[Part]) -> Vec<RouteKey> {
    let served = parts.iter().flat_map(|part| part.survey.served());
    let keys = served.flat_map(|served| {
        let own = served.methods.iter().copied().map(Some);
        let any = served.others.then_some(None);
        own.chain(any)
            .map(|method| RouteKey::new(method, &served.path))
    });
    keys.collect()
}

fn without_slash(path: &PathTemplate) -> Option<PathTemplate> {
    path.as_str()
        .strip_suffix('/')
        .filter(|path| !path.is_empty())?
        .parse()
        .ok()
}
