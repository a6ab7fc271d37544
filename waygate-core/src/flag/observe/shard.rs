//! The share of a thread in counters that are split over threads.

use std::{
    cell::Cell,
    sync::{
        LazyLock,
        atomic::{AtomicUsize, Ordering},
    },
    thread::available_parallelism,
};

/// The most shards of a counter. They take memory, and threads beyond share them.
const MOST: usize = 16;

static COUNT: LazyLock<usize> = LazyLock::new(|| {
    let cores = available_parallelism().map_or(4, usize::from);
    cores.next_power_of_two().min(MOST)
});

/// The threads that have a shard.
static THREADS: AtomicUsize = AtomicUsize::new(0);

thread_local! {
    static MINE: Cell<Option<usize>> = const { Cell::new(None) };
}

/// Returns the number of shards of every counter.
pub(super) fn count() -> usize {
    *COUNT
}

/// Returns the shard of this thread.
#[inline]
pub(super) fn mine() -> usize {
    match MINE.get() {
        Some(shard) => shard,
        None => choose(),
    }
}

#[cold]
fn choose() -> usize {
    let shard = THREADS.fetch_add(1, Ordering::Relaxed) % *COUNT;
    MINE.set(Some(shard));
    shard
}
