use std::sync::atomic::{AtomicU64, Ordering};

use crate::engine::limits::{Noticed, Problem};

/// The statistics of one concurrency limit in this process.
#[derive(Debug, Default)]
pub(crate) struct ConcurrencyStats {
    in_use: AtomicU64,
    refused: AtomicU64,
    /// Requests without a key.
    pub(crate) skipped: Noticed,
    pub(super) problem: Problem,
}

impl ConcurrencyStats {
    pub(crate) fn enter(&self) {
        self.in_use.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn leave(&self) {
        self.in_use.fetch_sub(1, Ordering::Relaxed);
    }

    pub(crate) fn refuse(&self) {
        self.refused.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn in_use(&self) -> u64 {
        self.in_use.load(Ordering::Relaxed)
    }

    pub(crate) fn refused(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }
}
