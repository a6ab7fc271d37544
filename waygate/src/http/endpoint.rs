use std::sync::{
    Arc, OnceLock,
    atomic::{AtomicBool, Ordering},
};

use axum::extract::MatchedPath;
use http::Extensions;
use smallvec::SmallVec;
use waygate_core::{grammar::Method, model::RouteKey};

use super::{
    identity::{self, Memory},
    layer::Shared,
};
use crate::engine::{Snapshot, Table};

/// What the services of one endpoint share. axum clones one for each request, so it is one pointer.
#[derive(Debug)]
pub(super) struct Endpoint {
    pub(super) shared: Arc<Shared>,
    pub(super) memory: Memory,
    /// What `guard` found out; empty for an endpoint that it did not find.
    serves: OnceLock<Serves>,
    /// Whether its handler may have attributes that are bound to another route.
    watched: AtomicBool,
}

/// What an endpoint serves, as `guard` saw it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Serves {
    /// No handler: it answers 405 for the methods that a path does not have.
    MethodNotAllowed,
    /// Requests that no route matches.
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
    bits: u16,
    /// Methods that have no endpoint of their own, extension methods included.
    pub(super) others: bool,
}

impl Methods {
    pub(super) fn insert(&mut self, method: Method) {
        self.bits |= 1 << method as u16;
    }

    fn contains(self, method: &http::Method) -> bool {
        match Method::from_name(method.as_str()) {
            Some(method) => self.has(method),
            None => self.others,
        }
    }

    fn has(self, method: Method) -> bool {
        self.bits & (1 << method as u16) != 0
    }

    fn iter(self) -> impl Iterator<Item = Method> {
        Method::ALL
            .into_iter()
            .filter(move |method| self.has(*method))
    }
}

/// The routes that govern one request: mostly one.
pub(super) type Governing = SmallVec<[usize; 2]>;

impl Endpoint {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self {
            shared,
            memory: Memory::default(),
            serves: OnceLock::new(),
            watched: AtomicBool::new(false),
        }
    }

    pub(super) fn watch(&self) {
        self.watched.store(true, Ordering::Relaxed);
    }

    /// It is known by now which attributes the handler has.
    pub(super) fn settle(&self) {
        self.watched.store(false, Ordering::Relaxed);
    }

    #[inline]
    pub(super) fn is_watched(&self) -> bool {
        self.watched.load(Ordering::Relaxed)
    }

    /// Says what the endpoint serves. The first word holds.
    pub(super) fn learn(&self, serves: Serves) {
        let _ = self.serves.set(serves);
    }

    /// Whether the endpoint is known to run no handler.
    #[inline]
    pub(super) fn runs_nothing(&self) -> bool {
        matches!(self.serves.get(), Some(Serves::MethodNotAllowed))
    }

    /// Whether attributes are bound to one of the routes that it serves.
    pub(super) fn has_known_handler(&self, table: &Table) -> bool {
        let Some(Serves::Route { path, methods }) = self.serves.get() else {
            return false;
        };
        let every = methods.others.then(|| table.find("", path)).flatten();
        let own = methods
            .iter()
            .filter_map(|method| table.find(method.as_str(), path));
        let handler = |slot| table.route(slot)?.source.handler();
        own.chain(every).any(|slot| handler(slot).is_some())
    }

    /// The route under which a handler is to be controlled that serves a request of this method.
    pub(super) fn key_for(&self, method: &http::Method) -> Option<RouteKey> {
        let Some(Serves::Route { path, methods }) = self.serves.get() else {
            return None;
        };
        let path = path.parse().ok()?;
        if methods.others {
            return Some(RouteKey::new(None, &path));
        }
        let asked = Method::from_name(method.as_str()).filter(|method| methods.has(*method));
        let method = match asked.or_else(|| methods.iter().next())? {
            Method::Head if methods.has(Method::Get) => Method::Get,
            method => method,
        };
        Some(RouteKey::new(Some(method), &path))
    }

    /// The slots that govern a request; none for fallbacks and for routes that nobody controls.
    ///
    /// The route that axum has matched decides. Where it is not the one that the endpoint was seen to serve (the router was
    /// nested or called by another one, or a layer has changed the method), both do.
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
        let serves = self.serves.get();
        if let Some(Serves::Route { path, methods }) = serves {
            if methods.contains(method) {
                add(&mut slots, covering(table, method.as_str(), path, *methods));
            } else {
                for method in methods.iter() {
                    add(&mut slots, covering(table, method.as_str(), path, *methods));
                }
            }
            if matched == Some(path) && methods.contains(method) {
                return slots;
            }
        }
        if let Some(matched) = matched {
            add(
                &mut slots,
                identity::find(method, matched, extensions, snapshot),
            );
        }
        slots
    }
}

/// The slots that cover one method of a path. A method that no key names is covered by all keys of the path, where its
/// endpoint serves whatever has no endpoint of its own.
fn covering(table: &Table, method: &str, path: &str, methods: Methods) -> Governing {
    match table.find(method, path) {
        Some(slot) => SmallVec::from_slice(&[slot]),
        None if methods.others => table.of_path(path).collect(),
        None => Governing::new(),
    }
}

fn add(slots: &mut Governing, more: impl IntoIterator<Item = usize>) {
    for slot in more {
        if !slots.contains(&slot) {
            slots.push(slot);
        }
    }
}
