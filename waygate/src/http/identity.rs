use std::sync::{Arc, OnceLock};

use arc_swap::ArcSwapOption;
use axum::extract::{MatchedPath, NestedPath};
use http::{Extensions, Method};

use crate::engine::Snapshot;

/// Which route one endpoint serves, remembered after its first request.
///
/// axum makes one service per endpoint, so the answer is nearly always the remembered one. A router that
/// was layered before it was nested twice shares a service between paths, so the memory is compared with
/// the request and never trusted.
#[derive(Debug, Default)]
pub(super) struct Identity {
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

impl Identity {
    /// The slot that governs a request; `None` for fallbacks and for routes that nobody controls.
    #[inline]
    pub(super) fn slot(
        &self,
        method: &Method,
        extensions: &Extensions,
        snapshot: &Snapshot,
    ) -> Option<usize> {
        let path = extensions.get::<MatchedPath>()?.as_str();
        let routes = snapshot.table.len();
        if let Some(seen) = self.first.get()
            && seen.fits(method, path, routes)
        {
            return Some(seen.slot);
        }
        self.look_up(method, path, extensions, snapshot)
    }

    /// A route that is not controlled may be registered later, so only a hit is remembered. `HEAD` is not: it mostly
    /// shares the endpoint of `GET`, which is to be fast.
    #[cold]
    fn look_up(
        &self,
        method: &Method,
        path: &str,
        extensions: &Extensions,
        snapshot: &Snapshot,
    ) -> Option<usize> {
        let routes = snapshot.table.len();
        let later = self.later.load();
        if let Some(seen) = later
            .as_ref()
            .filter(|seen| seen.fits(method, path, routes))
        {
            return Some(seen.slot);
        }
        let slot = find(method, path, extensions, snapshot)?;
        let seen = || Seen {
            method: method.clone(),
            path: path.into(),
            slot,
            routes,
        };
        if *method != Method::HEAD {
            match self.first.get() {
                None => drop(self.first.set(seen())),
                Some(first) if first.routes != routes => self.later.store(Some(Arc::new(seen()))),
                Some(_) => {}
            }
        }
        Some(slot)
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
