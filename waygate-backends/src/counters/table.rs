use hashbrown::HashTable;
use waygate_core::limit::quota::Nanos;

use super::{
    cell::{Cell, Digest},
    expiry::Expiry,
};

/// A hash table that is swept a few buckets at a time, and that can be searched for the least used counter.
#[derive(Debug)]
pub(super) struct Table {
    cells: HashTable<Cell>,
    /// The next bucket to look at.
    hand: usize,
    /// The memory of the logs.
    heap_bytes: usize,
}

/// The counter to evict for a new one.
#[derive(Debug, Clone, Copy)]
pub(super) enum Victim {
    /// An expired counter, which was removed.
    Expired,
    /// The bucket of the least used counter of the same counter key.
    Own(usize),
    /// The bucket of the least used counter of another counter key.
    Foreign(usize),
}

/// The number of buckets searched for a victim.
const SEARCH: usize = 64;

impl Table {
    pub(super) fn new() -> Self {
        Self {
            cells: HashTable::new(),
            hand: 0,
            heap_bytes: 0,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.cells.len()
    }

    pub(super) fn heap_bytes(&self) -> usize {
        self.heap_bytes
    }

    pub(super) fn allocated_bytes(&self) -> usize {
        self.cells.allocation_size() + self.heap_bytes
    }

    #[inline]
    pub(super) fn get(&self, digest: Digest) -> Option<&Cell> {
        self.cells.find(digest, |cell| cell.digest() == digest)
    }

    #[inline]
    pub(super) fn get_mut(&mut self, digest: Digest) -> Option<&mut Cell> {
        self.cells.find_mut(digest, |cell| cell.digest() == digest)
    }

    #[cfg(feature = "file")]
    pub(super) fn iter(&self) -> impl Iterator<Item = &Cell> {
        self.cells.iter()
    }

    pub(super) fn at_mut(&mut self, bucket: usize) -> Option<&mut Cell> {
        self.cells.get_bucket_mut(bucket)
    }

    /// Accounts for a log that grew or shrank.
    pub(super) fn heap_changed(&mut self, before: usize, after: usize) {
        self.heap_bytes = (self.heap_bytes + after).saturating_sub(before);
    }

    pub(super) fn remove(&mut self, digest: Digest) -> Option<Cell> {
        let found = self
            .cells
            .find_entry(digest, |cell| cell.digest() == digest);
        let cell = found.ok()?.remove().0;
        self.heap_bytes -= cell.heap_bytes();
        Some(cell)
    }

    pub(super) fn remove_at(&mut self, bucket: usize) -> Option<Cell> {
        let cell = self.cells.get_bucket_entry(bucket).ok()?.remove().0;
        self.heap_bytes -= cell.heap_bytes();
        Some(cell)
    }

    /// Inserts a counter that is not in the table.
    pub(super) fn insert(&mut self, cell: Cell) {
        if self.cells.len() == self.cells.capacity() {
            self.rebuild();
        }
        self.heap_bytes += cell.heap_bytes();
        self.cells
            .insert_unique(cell.digest(), cell, |cell| cell.digest());
    }

    /// Removes expired counters from the next `steps` buckets, and shrinks a table that is mostly empty. No counter
    /// expires later than `latest`.
    pub(super) fn sweep(&mut self, steps: usize, now: Nanos, latest: Expiry) {
        for _ in 0..steps.min(self.cells.num_buckets()) {
            let bucket = self.next_bucket();
            let Some(cell) = self.cells.get_bucket_mut(bucket) else {
                continue;
            };
            if cell.expiry().is_past(now) {
                self.remove_at(bucket);
            } else if cell.expiry() > latest {
                cell.set_expiry(latest);
            }
        }
        if self.cells.num_buckets() > 64 && self.cells.len() * 16 < self.cells.num_buckets() {
            let wanted = self.cells.len() * 2;
            self.cells.shrink_to(wanted, |cell| cell.digest());
        }
    }

    /// Searches the next buckets for a counter to evict.
    pub(super) fn search(&mut self, counter_key: u16, now: Nanos) -> Option<Victim> {
        let mut own: Option<(u64, usize)> = None;
        let mut foreign: Option<(u64, usize)> = None;
        for _ in 0..SEARCH.min(self.cells.num_buckets()) {
            let bucket = self.next_bucket();
            let Some(cell) = self.cells.get_bucket(bucket) else {
                continue;
            };
            if cell.expiry().is_past(now) {
                self.remove_at(bucket);
                return Some(Victim::Expired);
            }
            if !cell.is_evictable() {
                continue;
            }
            let least = match cell.counter_key() == counter_key {
                true => &mut own,
                false => &mut foreign,
            };
            let consumed = cell.consumed(now);
            if least.is_none_or(|(found, _)| consumed < found) {
                *least = Some((consumed, bucket));
            }
        }
        let own = own.map(|(_, bucket)| Victim::Own(bucket));
        own.or(foreign.map(|(_, bucket)| Victim::Foreign(bucket)))
    }

    /// Makes room in the allocation. Removed counters leave tombstones; if those are many, the table is rebuilt in the
    /// same size, where `hashbrown` would double it.
    #[cold]
    fn rebuild(&mut self) {
        let full = self.cells.num_buckets() / 8 * 7;
        let wanted = match self.cells.len() < full / 4 * 3 {
            true => full,
            false => full + 1,
        };
        let fresh = HashTable::with_capacity(wanted.max(7));
        let old = std::mem::replace(&mut self.cells, fresh);
        for cell in old {
            self.cells
                .insert_unique(cell.digest(), cell, |cell| cell.digest());
        }
    }

    fn next_bucket(&mut self) -> usize {
        self.hand += 1;
        if self.hand >= self.cells.num_buckets() {
            self.hand = 0;
        }
        self.hand
    }
}
