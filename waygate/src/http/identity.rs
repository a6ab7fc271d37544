use std::sync::{Arc, OnceLock};

use arc_swap::ArcSwapOption;
use axum::extract::{MatchedPath, NestedPath};
use http::{Extensions, Method};
use waygate_core::grammar;

use crate::engine::{Governing, Snapshot};

/// For how many methods an endpoint remembers its route: those of `get`, `post`, and of many an `any`.
const WAYS: usize = 4;

/// Which route governs the requests of one endpoint, remembered after the first of each method.
///
/// axum makes one service per endpoint, so the answer is nearly always the remembered one. A router that
/// was layered before it was nested twice shares a service between paths, so the memory is compared with
/// the request and never trusted.
#[derive(Debug, Default)]
pub(super) struct Memory {
    first: [OnceLock<Seen>; WAYS],
    /// What took their place after routes were registered at run time.
    later: ArcSwapOption<Seen>,
}

#[derive(Debug)]
struct Seen {
    method: Method,
    /// Holds the text, so that no other path has its address.
    path: MatchedPath,
    slot: usize,
    /// The shape of the table: in a later one, another route may be the better match.
    shape: u64,
}

impl Seen {
    #[inline]
    fn fits(&self, method: &Method, path: &str, shape: u64) -> bool {
        let known = self.path.as_str();
        // axum shares the text of a path among requests, unless it has to join the paths of nested routers.
        let is_same = std::ptr::eq(known, path) || known == path;
        self.shape == shape && self.method == *method && is_same
    }
}

impl Memory {
    /// The slot that governs a request like one before.
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
            Some(_) => self.recall_other(method, path, shape),
            None => None,
        }
    }

    #[cold]
    fn recall_other(&self, method: &Method, path: &str, shape: u64) -> Option<usize> {
        let mut others = self.first[1..].iter().map_while(OnceLock::get);
        if let Some(seen) = others.find(|seen| seen.fits(method, path, shape)) {
            return Some(seen.slot);
        }
        let later = self.later.load();
        let seen = later.as_ref()?;
        seen.fits(method, path, shape).then_some(seen.slot)
    }

    /// Remembers the one slot that governs requests like this one. `HEAD` is not remembered, which mostly shares the
    /// endpoint of `GET`, nor are methods of a client's invention.
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

/// The same where nothing is known of the router: axum appends the path of a router that another route calls to the path of
/// that route. Where the whole is not registered, every end of it that is may be the path that was meant.
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

/// The slots of a matched path. A guarded router that was itself nested knows its routes without the prefix.
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
