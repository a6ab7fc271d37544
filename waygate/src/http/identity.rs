use std::sync::{Arc, OnceLock};

use arc_swap::ArcSwapOption;
use axum::extract::{MatchedPath, NestedPath};
use http::{Extensions, Method};
use waygate_core::grammar;

use crate::engine::{Governing, Snapshot};

/// The number of methods for which an endpoint remembers its route: enough for `get`, `post`, and most uses of `any`.
const WAYS: usize = 4;

/// The governing route of an endpoint's requests, cached after the first request of each method.
///
/// axum creates one service per endpoint, so the cached route nearly always matches. A layered router that is nested
/// twice shares a service between paths, so each request is compared with the cache.
#[derive(Debug, Default)]
pub(super) struct Memory {
    first: [OnceLock<Seen>; WAYS],
    /// The routes that replaced these after registrations at run time.
    later: ArcSwapOption<Seen>,
}

#[derive(Debug)]
struct Seen {
    method: Method,
    /// Keeps the text alive, so that no other path gets its address.
    path: MatchedPath,
    slot: usize,
    /// The shape of the table when the slot was cached: a later table may have a better match.
    shape: u64,
}

impl Seen {
    #[inline]
    fn fits(&self, method: &Method, path: &str, shape: u64) -> bool {
        let known = self.path.as_str();
        // axum shares the text of a path among requests, unless it joins the paths of nested routers.
        let is_same = std::ptr::eq(known, path) || known == path;
        self.shape == shape && self.method == *method && is_same
    }
}

impl Memory {
    /// The cached slot for a request.
    #[inline]
    pub(super) fn recall(
        &self,
        method: &Method,
        extensions: &Extensions,
        snapshot: &Snapshot,
    ) -> Option<usize> {
        let path = extensions.get::<MatchedPath>()?.as_str();
        let shape = snapshot.table.shape();
        match self.first[0].get() {
            Some(seen) if seen.fits(method, path, shape) => Some(seen.slot),
            Some(_) => self.recall_added(method, path, shape),
            None => None,
        }
    }

    #[cold]
    fn recall_added(&self, method: &Method, path: &str, shape: u64) -> Option<usize> {
        let mut others = self.first[1..].iter().map_while(OnceLock::get);
        if let Some(seen) = others.find(|seen| seen.fits(method, path, shape)) {
            return Some(seen.slot);
        }
        let later = self.later.load();
        let seen = later.as_ref()?;
        seen.fits(method, path, shape).then_some(seen.slot)
    }

    /// Caches the one slot that governs requests like this one. `HEAD` is not cached, since it mostly shares the
    /// endpoint of `GET`; neither are extension methods.
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
        match grammar::Method::from_name(method.as_str()) {
            None | Some(grammar::Method::Head) => return,
            Some(_) => {}
        }
        let shape = snapshot.table.shape();
        let seen = Seen {
            method: method.clone(),
            path: path.clone(),
            slot,
            shape,
        };
        let is_current = |seen: &Seen| seen.shape == shape;
        if self.first[0].get().is_none_or(is_current) {
            let mut free = self.first.iter().filter(|way| way.get().is_none());
            let _ = free.next().map(|way| way.set(seen));
        } else if !self.later.load().as_deref().is_some_and(is_current) {
            self.later.store(Some(Arc::new(seen)));
        }
    }
}

/// The slots of a matched path in an unknown router: axum appends the path of a called router to that of the calling
/// route. If the whole path is not registered, any registered suffix of it may be the route that was matched.
pub(super) fn governing_below(
    path: &str,
    extensions: &Extensions,
    of_path: impl Fn(&str) -> Governing,
) -> Governing {
    let mut slots = governing(path, extensions, &of_path);
    if !slots.is_empty() {
        return slots;
    }
    let ends = path.match_indices('/').skip(1);
    for slot in ends.flat_map(|(at, _)| of_path(&path[at..])) {
        if !slots.contains(&slot) {
            slots.push(slot);
        }
    }
    slots
}

/// The slots of a matched path. A nested guarded router knows its routes without the prefix.
pub(super) fn governing(
    path: &str,
    extensions: &Extensions,
    of_path: impl Fn(&str) -> Governing,
) -> Governing {
    let slots = of_path(path);
    let prefix = extensions.get::<NestedPath>().map(NestedPath::as_str);
    match prefix.and_then(|prefix| path.strip_prefix(prefix)) {
        Some("") if slots.is_empty() => of_path("/"),
        Some(own) if slots.is_empty() => of_path(own),
        _ => slots,
    }
}
