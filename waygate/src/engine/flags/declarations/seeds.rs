use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use waygate_core::flag::{Flag, Segment};

/// Definitions to write at the start.
#[derive(Debug, Clone, Default)]
pub(crate) struct Seeds {
    pub(super) flags: Vec<Flag>,
    pub(super) segments: Vec<Segment>,
    pub(super) is_audited: bool,
}

/// The definitions that are not written yet, and those that cannot be.
#[derive(Debug, Default)]
pub(crate) struct Sowing(Mutex<State>);

#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) pending: Option<Arc<Seeds>>,
    pub(super) refused: Vec<String>,
}

impl Seeds {
    fn is_empty(&self) -> bool {
        self.flags.is_empty() && self.segments.is_empty()
    }
}

impl Sowing {
    pub(crate) fn new(seeds: Seeds) -> Self {
        let pending = (!seeds.is_empty()).then(|| Arc::new(seeds));
        Self(Mutex::new(State {
            pending,
            refused: Vec::new(),
        }))
    }

    /// Describes each definition that was not written.
    pub(crate) fn refused(&self) -> Vec<String> {
        self.lock().refused.clone()
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
