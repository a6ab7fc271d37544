//! The share of a thread in counters that are split over threads.

use std::{
    cell::{Cell, RefCell},
    sync::{
        LazyLock, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    thread::available_parallelism,
};

/// The part of a counter that a thread writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Shard {
    pub(super) index: usize,
    /// No other thread writes it.
    pub(super) is_own: bool,
}

/// The shards of every counter: those that single threads own, and those that the other threads share.
#[derive(Debug)]
struct Layout {
    owned: usize,
    shared: usize,
}

static LAYOUT: LazyLock<Layout> = LazyLock::new(|| {
    let cores = available_parallelism().map_or(4, usize::from);
    Layout {
        // One for the main thread, besides the workers.
        owned: (cores + 1).min(8),
        shared: if cores < 8 { 1 } else { 8 },
    }
});

/// The shards that threads have returned, and the number of those that were never given to one.
static FREE: Mutex<(Vec<usize>, usize)> = Mutex::new((Vec::new(), 0));

/// The threads that share.
static SHARING: AtomicUsize = AtomicUsize::new(0);

thread_local! {
    static MINE: Cell<Option<Shard>> = const { Cell::new(None) };
    static LEASE: RefCell<Option<Lease>> = const { RefCell::new(None) };
}

/// Returns the number of shards of every counter.
pub(super) fn count() -> usize {
    LAYOUT.owned + LAYOUT.shared
}

/// Returns the shard of this thread.
#[inline]
pub(super) fn mine() -> Shard {
    match MINE.get() {
        Some(shard) => shard,
        None => choose(),
    }
}

#[cold]
fn choose() -> Shard {
    let lease = Lease::take();
    let owned = lease.as_ref().map(|lease| lease.0);
    // Without destructors left to run, the shard could not be returned.
    let kept = LEASE.try_with(|mine| *mine.borrow_mut() = lease).is_ok();
    let shard = match owned.filter(|_| kept) {
        Some(index) => Shard {
            index,
            is_own: true,
        },
        None => shared(),
    };
    MINE.set(Some(shard));
    shard
}

fn shared() -> Shard {
    let nth = SHARING.fetch_add(1, Ordering::Relaxed) % LAYOUT.shared;
    Shard {
        index: LAYOUT.owned + nth,
        is_own: false,
    }
}

/// A shard that one thread owns until it ends. The lock orders its writes before those of the next owner.
#[derive(Debug)]
struct Lease(usize);

impl Lease {
    fn take() -> Option<Self> {
        let mut free = FREE.lock().unwrap_or_else(PoisonError::into_inner);
        let returned = free.0.pop();
        let index = returned.or_else(|| {
            let next = free.1;
            free.1 += usize::from(next < LAYOUT.owned);
            (next < LAYOUT.owned).then_some(next)
        });
        index.map(Self)
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        // Other destructors of the thread may still count.
        MINE.set(Some(shared()));
        let mut free = FREE.lock().unwrap_or_else(PoisonError::into_inner);
        free.0.push(self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn threads_own_different_shards_or_share() {
        let barrier = std::sync::Barrier::new(40);
        let shards: Vec<Shard> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..40)
                .map(|_| {
                    scope.spawn(|| {
                        let shard = mine();
                        barrier.wait();
                        assert_eq!(mine(), shard);
                        shard
                    })
                })
                .collect();
            threads.into_iter().map(|it| it.join().unwrap()).collect()
        });
        let mut own: Vec<usize> = shards
            .iter()
            .filter(|it| it.is_own)
            .map(|it| it.index)
            .collect();
        let owners = own.len();
        own.sort_unstable();
        own.dedup();
        assert_eq!(own.len(), owners, "{shards:?}");
        assert!(owners <= LAYOUT.owned);
        assert!(shards.iter().all(|it| it.index < count()));
        assert!(shards.iter().any(|it| !it.is_own));
    }
}
