use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::Arc,
};

use axum::{
    Router,
    body::Body,
    extract::{MatchedPath, Request},
    response::Response,
};
use http::{HeaderValue, Method, StatusCode, header};
use tower::ServiceExt;
use waygate_core::grammar::{self, PathTemplate};

use super::{
    endpoint::{Endpoint, Methods, Serves},
    listing::{Listing, listing},
};
use crate::{
    engine::{MethodSet, Table},
    stamp::Stamp,
};

/// Marks a request of [`Survey`]: the endpoint responds with itself instead of serving the request. Extensions cannot
/// be sent by clients.
#[derive(Debug, Clone, Copy)]
pub(super) struct Probe;

/// The endpoint that a probe reached, in the response.
#[derive(Debug, Clone)]
struct Reached {
    endpoint: Arc<Endpoint>,
    matched: Option<Box<str>>,
}

/// The response of an endpoint to a probe.
pub(super) fn answer(endpoint: &Arc<Endpoint>, request: &Request) -> Response {
    let matched = request.extensions().get::<MatchedPath>();
    let mut response = Response::new(Body::empty());
    response.extensions_mut().insert(Reached {
        endpoint: endpoint.clone(),
        matched: matched.map(|path| path.as_str().into()),
    });
    response
}

/// The placeholder for path parameters; no literal segment is expected to have this name.
const PARAMETER: &str = "~waygate-probe~";

/// A method without a separate endpoint.
const EXTENSION_METHOD: &str = "WAYGATE-PROBE";

/// The suffix of a nested service's path in axum.
const NESTED: &str = "{*__private__axum_nest_tail_param}";

/// The suffix of a nested service's controlled path.
const NESTED_AS: &str = "{*rest}";

/// The routes of a guarded router, found by probing. Sets what its endpoints serve.
#[derive(Debug)]
pub(super) struct Survey {
    router: Router,
    /// The router without the layer around axum's 405, which identifies itself.
    marked: Router,
    listing: Listing,
    paths: BTreeMap<String, Option<Served>>,
    /// The endpoints found, by address.
    found: HashSet<usize>,
    fallbacks: usize,
    /// The maximum number of segments in a path.
    depth: usize,
}

/// The endpoints of a router at one path.
#[derive(Debug, Clone)]
pub(super) struct Served {
    /// The template under which it is controlled.
    pub(super) path: PathTemplate,
    /// The methods with a separate endpoint.
    pub(super) methods: Vec<grammar::Method>,
    /// `true` if a handler or a service handles all other methods.
    pub(super) others: bool,
    /// `true` if the path is meant for all methods, as with axum's `any`, and it is not a fallback.
    pub(super) is_any: bool,
    /// The methods with a separate endpoint, including `HEAD` if the endpoint of `GET` serves it.
    apart: MethodSet,
    endpoints: Vec<Arc<Endpoint>>,
}

impl Served {
    /// Returns `true` if a request of this method reaches a handler. Without a method: if any does.
    pub(super) fn has(&self, method: Option<grammar::Method>) -> bool {
        self.others || method.is_none_or(|method| self.own(method))
    }

    fn own(&self, method: grammar::Method) -> bool {
        let get = method == grammar::Method::Head && self.methods.contains(&grammar::Method::Get);
        get || self.methods.contains(&method)
    }
}

impl Survey {
    /// `guarded` is the router with Waygate's layer.
    pub(super) fn new(router: &Router, guarded: Router) -> Self {
        let listing = listing(router);
        let segments = |path: &String| path.matches('/').count();
        Self {
            marked: guarded
                .clone()
                .method_not_allowed_fallback(|| async { StatusCode::METHOD_NOT_ALLOWED }),
            router: guarded,
            paths: BTreeMap::new(),
            found: HashSet::new(),
            fallbacks: listing.fallbacks.len(),
            depth: listing.paths.iter().map(segments).max().unwrap_or(1),
            listing,
        }
    }

    /// Probes the router for all paths.
    pub(super) async fn explore(&mut self) {
        let Listing { paths, fallbacks } = std::mem::take(&mut self.listing);
        // Nested services first: their prefixes are listed as well.
        let (nested, plain): (Vec<_>, Vec<_>) =
            paths.into_iter().partition(|path| path.ends_with(NESTED));
        for path in nested.into_iter().chain(plain) {
            self.look(&path).await;
        }
        for path in fallbacks {
            self.look_at_fallback(&path).await;
        }
    }

    /// The endpoints under a path, if the router has it.
    pub(super) async fn path(&mut self, path: &PathTemplate) -> Option<&Served> {
        self.look(path.as_str()).await;
        self.paths.get(path.as_str())?.as_ref()
    }

    /// All paths that were found. A nested service is listed once.
    pub(super) fn served(&self) -> impl Iterator<Item = &Served> {
        let own = |(path, served): &(&String, &Served)| served.path.as_str() == path.as_str();
        let found = self.paths.iter();
        found
            .filter_map(|(path, served)| Some((path, served.as_ref()?)))
            .filter(own)
            .map(|(_, served)| served)
    }

    /// All paths in the router, including each path of a nested service.
    pub(super) fn taken(&self) -> impl Iterator<Item = (&str, &Served)> {
        let found = self.paths.iter();
        found.filter_map(|(path, served)| Some((path.as_str(), served.as_ref()?)))
    }

    /// The paths with one endpoint for all methods, without those with a separate endpoint.
    pub(super) fn others(&self) -> impl Iterator<Item = (PathTemplate, MethodSet)> {
        let served = self.served().filter(|served| served.others);
        served.map(|served| (served.path.clone(), served.apart))
    }

    /// Sets the handler of each endpoint if only one handler has attributes bound to its routes. `stamps` are those
    /// of each slot.
    pub(super) fn settle(&self, table: &Table, stamps: &HashMap<usize, Vec<Stamp>>) {
        let served = self.paths.values().flatten();
        for endpoint in served.flat_map(|served| &served.endpoints) {
            let slots = endpoint.slots(table);
            let mut known = slots.iter().filter_map(|slot| stamps.get(slot)).flatten();
            if let Some(first) = known.next()
                && known.all(|stamp| stamp == first)
            {
                endpoint.watch.expect(first);
                endpoint.compare_methods(table);
            }
        }
    }

    /// Warnings about routes that are not controlled as expected, for a router with a layer that `created` so many
    /// endpoints.
    ///
    /// `is_covered` returns `true` if one key covers every method of a path.
    pub(super) fn gaps(&self, created: usize, is_covered: impl Fn(&str) -> bool) -> Vec<String> {
        let mut gaps = Vec::new();
        let open = self
            .served()
            .filter(|served| served.others && !is_covered(served.path.as_str()));
        let open: Vec<String> = open.map(|served| format!("`{}`", served.path)).collect();
        if !open.is_empty() {
            gaps.push(format!(
                "other methods of {} have a handler too: the strictest gate of their path applies to them; `route = \
                 \"/path\"` names every method",
                open.join(", ")
            ));
        }
        let unknown = created.saturating_sub(self.found.len() + self.fallbacks + 1);
        if unknown > 0 {
            gaps.push(format!(
                "{unknown} endpoints of the router have no known path: their routes are not listed, and only global \
                 maintenance applies to them"
            ));
        }
        gaps
    }

    async fn look(&mut self, path: &str) {
        if self.paths.contains_key(path) {
            return;
        }
        if let Some(prefix) = path.strip_suffix(NESTED)
            && let Ok(template) = format!("{prefix}{NESTED_AS}").parse::<PathTemplate>()
        {
            // The service also serves its prefix, with and without a slash.
            let bare = prefix.strip_suffix('/').unwrap_or(prefix);
            let spelled = [path, prefix, bare];
            for spelled in spelled.into_iter().filter(|spelled| !spelled.is_empty()) {
                let served = self.ask(spelled, &template).await;
                self.paths.insert(spelled.to_owned(), served.clone());
                if spelled == path {
                    self.paths.insert(template.as_str().to_owned(), served);
                }
            }
            return;
        }
        let served = match path.parse() {
            Ok(template) => self.ask(path, &template).await,
            // A key cannot identify it.
            Err(_) => None,
        };
        self.paths.insert(path.to_owned(), served);
    }

    /// Probes a path of the router, to be controlled as `path`.
    async fn ask(&mut self, spelled: &str, path: &PathTemplate) -> Option<Served> {
        let uri = self.uri_of(spelled).await?;
        let extension = Method::from_bytes(EXTENSION_METHOD.as_bytes()).ok()?;
        let response = probe(&self.router, &extension, &uri).await?;
        let allowed = response.headers().get(header::ALLOW).cloned();
        let (_, fallback) = reached(&response)?;
        let handled = probe(&self.marked, &extension, &uri).await;
        let others = handled.is_some_and(|response| reached(&response).is_some());
        let mut own = Vec::new();
        for method in grammar::Method::ALL {
            // axum lists the methods of a path in its own response to any other method.
            let listed = allowed.as_ref().is_none_or(|allow| names(allow, method));
            if !listed {
                continue;
            }
            let asked = Method::from_bytes(method.as_str().as_bytes()).ok()?;
            let response = probe(&self.router, &asked, &uri).await?;
            let (_, endpoint) = reached(&response)?;
            if !Arc::ptr_eq(&endpoint, &fallback) {
                own.push((method, endpoint));
            }
        }
        self.set_endpoints(path, &own, &fallback, others);
        let mut endpoints: Vec<_> = own.iter().map(|(_, endpoint)| endpoint.clone()).collect();
        if others {
            endpoints.push(fallback.clone());
        }
        let mut methods: Vec<_> = own.iter().map(|(method, _)| *method).collect();
        let apart = methods.iter().copied().collect();
        let of = |method| own.iter().find(|(taken, _)| *taken == method);
        if let (Some((_, get)), Some((_, head))) =
            (of(grammar::Method::Get), of(grammar::Method::Head))
            && Arc::ptr_eq(get, head)
        {
            methods.retain(|method| *method != grammar::Method::Head);
        }
        Some(Served {
            path: path.clone(),
            methods,
            others,
            is_any: others && allowed.is_none(),
            apart,
            endpoints,
        })
    }

    fn set_endpoints(
        &mut self,
        path: &PathTemplate,
        own: &[(grammar::Method, Arc<Endpoint>)],
        fallback: &Arc<Endpoint>,
        others: bool,
    ) {
        let named: MethodSet = own.iter().map(|(method, _)| *method).collect();
        let rest = Methods {
            named: named.complement(),
            others: true,
        };
        let route = |methods| Serves::Route {
            path: path.as_str().into(),
            methods,
        };
        for (_, endpoint) in own {
            let same = own.iter().filter(|(_, other)| Arc::ptr_eq(other, endpoint));
            endpoint.set_serves(route(Methods {
                named: same.map(|(method, _)| *method).collect(),
                others: false,
            }));
            self.found.insert(Arc::as_ptr(endpoint) as usize);
        }
        fallback.set_serves(match others {
            true => route(rest),
            false => Serves::MethodNotAllowed,
        });
        self.found.insert(Arc::as_ptr(fallback) as usize);
    }

    async fn look_at_fallback(&mut self, path: &str) {
        let Some(uri) = concrete(path, self.depth + 1) else {
            return;
        };
        if let Some(response) = probe(&self.router, &Method::GET, &uri).await
            && let Some((None, endpoint)) = reached(&response)
        {
            endpoint.set_serves(Serves::Fallback);
        }
    }

    /// A URL that matches this path and no other path of the router. A catch-all yields to more specific paths.
    async fn uri_of(&self, path: &str) -> Option<String> {
        let expected = (!path.ends_with(NESTED)).then_some(path);
        for length in 1..=self.depth + 1 {
            let uri = concrete(path, length)?;
            let response = probe(&self.router, &Method::GET, &uri).await?;
            if let Some((matched, _)) = reached(&response)
                && matched.as_deref() == expected
            {
                return Some(uri);
            }
            if !path.contains("{*") {
                break;
            }
        }
        None
    }
}

fn reached(response: &Response) -> Option<(Option<Box<str>>, Arc<Endpoint>)> {
    let reached = response.extensions().get::<Reached>()?;
    Some((reached.matched.clone(), reached.endpoint.clone()))
}

fn names(allow: &HeaderValue, method: grammar::Method) -> bool {
    let allow = allow.to_str().unwrap_or_default();
    allow.split(',').any(|name| name.trim() == method.as_str())
}

async fn probe(router: &Router, method: &Method, uri: &str) -> Option<Response> {
    let mut request = Request::new(Body::empty());
    *request.method_mut() = method.clone();
    *request.uri_mut() = uri.parse().ok()?;
    request.extensions_mut().insert(Probe);
    let response = match router.clone().oneshot(request).await {
        Ok(response) => response,
        Err(never) => match never {},
    };
    Some(response)
}

/// A path that matches the template: `/users/{id}` with a placeholder for `{id}`, `length` segments for a catch-all,
/// and `{{` for a literal brace.
fn concrete(template: &str, length: usize) -> Option<String> {
    let mut path = String::with_capacity(template.len());
    let mut rest = template;
    while let Some(at) = rest.find(['{', '}']) {
        path.push_str(&rest[..at]);
        let brace = &rest[at..];
        if let Some(after) = brace.strip_prefix("{{") {
            path.push('{');
            rest = after;
        } else if let Some(after) = brace.strip_prefix("}}") {
            path.push('}');
            rest = after;
        } else {
            let (parameter, after) = brace.split_once('}')?;
            let segments = if parameter.starts_with("{*") {
                length
            } else {
                1
            };
            path.push_str(&vec![PARAMETER; segments].join("/"));
            rest = after;
        }
    }
    path.push_str(rest);
    Some(path)
}
