use std::sync::{Arc, OnceLock};

use axum::extract::MatchedPath;
use http::Extensions;
use waygate_core::grammar::Method;

use super::{
    identity::{self, Memory},
    shared::Shared,
    watch::Watch,
};
use crate::engine::{Governing, MethodSet, Snapshot, Table};

/// State shared by the services of one endpoint. axum clones a service for each request, so the service holds a single
/// pointer to this.
#[derive(Debug)]
pub(super) struct Endpoint {
    pub(super) shared: Arc<Shared>,
    pub(super) memory: Memory,
    /// The result of `guard`; empty for an endpoint that it did not find.
    serves: OnceLock<Serves>,
    /// The watch state of its handler.
    pub(super) watch: Watch,
}

/// The methods and path of an endpoint, as `guard` found them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Serves {
    /// No handler: responds with 405 to methods without a handler.
    MethodNotAllowed,
    /// Requests without a matching route.
    Fallback,
    /// These methods of this path.
    Route {
        /// The template under which the route is controlled.
        path: Box<str>,
        methods: Methods,
    },
}

/// A set of methods.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Methods {
    pub(super) named: MethodSet,
    /// Methods without a separate endpoint, including extension methods.
    pub(super) others: bool,
}

impl Methods {
    fn contains(self, method: &http::Method) -> bool {
        match Method::from_name(method.as_str()) {
            Some(method) => self.named.contains(method),
            None => self.others,
        }
    }

    /// The methods by name; others have no name.
    fn names(self) -> impl Iterator<Item = &'static str> {
        let named = self.named.iter().map(Method::as_str);
        named.chain(self.others.then_some(""))
    }
}

impl Endpoint {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self {
            // An open route must not be refused because the head of the request was not kept.
            watch: match shared.waygate.inner.snapshot.load().bypass.lifecycle {
                true => Watch::keeping(),
                false => Watch::default(),
            },
            shared,
            memory: Memory::default(),
            serves: OnceLock::new(),
        }
    }

    /// Sets what the endpoint serves. Only the first call has an effect.
    pub(super) fn set_serves(&self, serves: Serves) {
        let _ = self.serves.set(serves);
    }

    /// Returns `true` if the endpoint is known to run no handler.
    #[inline]
    pub(super) fn runs_nothing(&self) -> bool {
        matches!(self.serves.get(), Some(Serves::MethodNotAllowed))
    }

    /// The slots that govern requests of each served method.
    fn slots_by_method(&self, table: &Table) -> impl Iterator<Item = Governing> {
        let route = match self.serves.get() {
            Some(Serves::Route { path, methods }) => Some((path, methods)),
            _ => None,
        };
        route.into_iter().flat_map(|(path, methods)| {
            let governing = |method| table.governing(method, path);
            methods.names().map(governing)
        })
    }

    /// The slots that govern requests of any served method.
    pub(super) fn slots(&self, table: &Table) -> Governing {
        let mut slots = Governing::new();
        for governing in self.slots_by_method(table) {
            add(&mut slots, governing);
        }
        slots
    }

    /// Returns `true` if the attributes of the known handler are bound to a route of each method in the current
    /// table.
    #[cold]
    pub(super) fn compare_methods(&self, table: &Table) {
        self.watch.compare(table.shape(), |stamp| {
            let bound = self.shared.waygate.inner.bindings.slots_of(stamp, table);
            let is_bound = |slots: Governing| slots.iter().any(|slot| bound.contains(slot));
            self.slots_by_method(table).all(is_bound)
        });
    }

    /// The slots that govern a request; none for fallbacks and uncontrolled routes.
    ///
    /// The route that axum matched governs the request. If the endpoint was found under another route (the router was
    /// nested or called by another one, or a layer changed the method), both govern it.
    #[cold]
    pub(super) fn governing(
        &self,
        method: &http::Method,
        extensions: &Extensions,
        snapshot: &Snapshot,
    ) -> Governing {
        let mut slots = Governing::new();
        let table = &*snapshot.table;
        let matched = extensions.get::<MatchedPath>().map(MatchedPath::as_str);
        if let Some(Serves::Route { path, methods }) = self.serves.get() {
            if methods.contains(method) {
                add(&mut slots, table.governing(method.as_str(), path));
            } else {
                for slots_of_method in self.slots_by_method(table) {
                    add(&mut slots, slots_of_method);
                }
            }
            if matched == Some(path) && methods.contains(method) {
                return slots;
            }
        }
        if let Some(matched) = matched {
            let of_path = |path: &str| table.governing(method.as_str(), path);
            let mut of_matched = identity::governing(matched, extensions, of_path);
            if self.runs_nothing() {
                // The router has no handler for the method. A handler of another router has its own endpoint.
                let is_whole = |slot| {
                    let route = table.route(slot);
                    route.is_some_and(|route| route.key.method().is_none())
                };
                of_matched.retain(|slot| is_whole(*slot));
            }
            add(&mut slots, of_matched);
        }
        slots
    }
}

fn add(slots: &mut Governing, more: impl IntoIterator<Item = usize>) {
    for slot in more {
        if !slots.contains(&slot) {
            slots.push(slot);
        }
    }
}
