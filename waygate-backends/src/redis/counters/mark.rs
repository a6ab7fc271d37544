//! Detection of lost counters: Redis was emptied, or replaced by another instance.

use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::{Mutex, MutexGuard};

/// The last value of the key that marks this data set: a random value that is stored next to the counters.
#[derive(Default)]
pub(super) struct Mark {
    value: Mutex<Option<Vec<u8>>>,
    /// The generation of the connection over which the mark was read last.
    generation: AtomicU64,
    losses: AtomicU64,
}

impl Mark {
    /// Returns the number of times that the mark has changed.
    pub(super) fn losses(&self) -> u64 {
        self.losses.load(Ordering::Acquire)
    }

    pub(super) fn is_known(&self, generation: u64) -> bool {
        self.generation.load(Ordering::Acquire) == generation
    }

    pub(super) fn confirm(&self, generation: u64) {
        self.generation.store(generation, Ordering::Release);
    }

    /// Locks the value while it is read from Redis.
    pub(super) async fn lock(&self) -> MutexGuard<'_, Option<Vec<u8>>> {
        self.value.lock().await
    }

    pub(super) fn count_loss(&self) {
        self.losses.fetch_add(1, Ordering::AcqRel);
    }
}
