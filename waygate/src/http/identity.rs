use std::sync::{Arc, OnceLock};

use axum::extract::MatchedPath;
use http::{Extensions, Method};

use crate::engine::Snapshot;

/// Which route one endpoint serves, remembered after its first request.
///
/// axum makes one service per endpoint, so the answer is nearly always the remembered one. A router that
/// was layered before it was nested twice shares a service between paths, so the memory is compared with
/// the request and never trusted.
#[derive(Debug, Clone, Default)]
pub(super) struct Identity(Arc<OnceLock<Seen>>);

#[derive(Debug)]
struct Seen {
    method: Method,
    path: Box<str>,
    slot: usize,
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
        if let Some(seen) = self.0.get()
            && seen.method == *method
            && *seen.path == *path
        {
            return Some(seen.slot);
        }
        self.look_up(method, path, snapshot)
    }

    /// A route that is not controlled may be registered later, so only a hit is remembered.
    #[cold]
    fn look_up(&self, method: &Method, path: &str, snapshot: &Snapshot) -> Option<usize> {
        let slot = snapshot.table.find(method.as_str(), path)?;
        let _ = self.0.set(Seen {
            method: method.clone(),
            path: path.into(),
            slot,
        });
        Some(slot)
    }
}
