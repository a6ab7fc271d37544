use std::sync::{Arc, OnceLock};

use arc_swap::ArcSwapOption;
use axum::extract::{MatchedPath, NestedPath};
use http::{Extensions, Method};

use crate::engine::Snapshot;

/// Which route governs the requests of one endpoint, remembered after the first of them.
///
/// axum makes one service per endpoint, so the answer is nearly always the remembered one. A router that
/// was layered before it was nested twice shares a service between paths, so the memory is compared with
/// the request and never trusted.
#[derive(Debug, Default)]
pub(super) struct Memory {
    first: OnceLock<Seen>,
    /// What took its place after routes were registered at run time.
    later: ArcSwapOption<Seen>,
}

#[derive(Debug)]
struct Seen {
    method: Method,
    path: Box<str>,
    slot: usize,
    /// How many routes there were: a later one may be the better match.
    routes: usize,
}

impl Seen {
    #[inline]
    fn fits(&self, method: &Method, path: &str, routes: usize) -> bool {
        self.routes == routes && self.method == *method && *self.path == *path
    }
}

impl Memory {
    /// The slot that governs a request like the first one.
    #[inline]
    pub(super) fn recall(
        &self,
        method: &Method,
        extensions: &Extensions,
        snapshot: &Snapshot,
    ) -> Option<usize> {
        let path = extensions.get::<MatchedPath>()?.as_str();
        let routes = snapshot.table.len();
        match self.first.get() {
            Some(seen) if seen.fits(method, path, routes) => Some(seen.slot),
            Some(_) => self.recall_later(method, path, routes),
            None => None,
        }
    }

    #[cold]
    fn recall_later(&self, method: &Method, path: &str, routes: usize) -> Option<usize> {
        let later = self.later.load();
        let seen = later.as_ref()?;
        seen.fits(method, path, routes).then_some(seen.slot)
    }

    /// Remembers the one slot that governs requests like this one. `HEAD` is not remembered: it mostly shares the endpoint
    /// of `GET`, which is to be fast.
    #[cold]
    pub(super) fn remember(
        &self,
        method: &Method,
        extensions: &Extensions,
        snapshot: &Snapshot,
        slot: usize,
    ) {
        let Some(path) = extensions.get::<MatchedPath>() else {
            return;
        };
        if *method == Method::HEAD {
            return;
        }
        let routes = snapshot.table.len();
        let seen = || Seen {
            method: method.clone(),
            path: path.as_str().into(),
            slot,
            routes,
        };
        match self.first.get() {
            None => drop(self.first.set(seen())),
            Some(first) if first.routes != routes => self.later.store(Some(Arc::new(seen()))),
            Some(_) => {}
        }
    }
}

/// The slot of a matched path. A guarded router that was itself nested knows its routes without the prefix.
pub(super) fn find(
    method: &Method,
    path: &str,
    extensions: &Extensions,
    snapshot: &Snapshot,
) -> Option<usize> {
    let find = |path: &str| snapshot.table.find(method.as_str(), path);
    find(path).or_else(|| {
        let prefix = extensions.get::<NestedPath>()?.as_str();
        let own = path.strip_prefix(prefix)?;
        find(if own.is_empty() { "/" } else { own })
    })
}
