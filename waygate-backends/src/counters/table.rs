use hashbrown::HashTable;
use waygate_core::limit::quota::{Nanos, SECOND};

/// 64 bits that stand for a series and a key, random to whoever does not know the store's secret. Of a million keys, any
/// two share a counter with a probability of 3·10⁻⁸.
pub(super) type Digest = u64;

/// The time at which a counter expires: whole seconds since the Unix epoch, rounded up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Expiry(u32);

impl Expiry {
    pub(super) const PAST: Self = Self(0);

    #[inline]
    pub(super) fn at(time: Nanos) -> Self {
        let seconds = time.saturating_add(SECOND - 1) / SECOND;
        Self(u32::try_from(seconds).unwrap_or(u32::MAX))
    }

    #[inline]
    pub(super) fn is_past(self, now: Nanos) -> bool {
        self.nanos() <= now
    }

    #[inline]
    pub(super) fn nanos(self) -> Nanos {
        u64::from(self.0) * SECOND
    }

    #[cfg(feature = "file")]
    pub(super) fn to_le_bytes(self) -> [u8; 4] {
        self.0.to_le_bytes()
    }

    #[cfg(feature = "file")]
    pub(super) fn from_le_bytes(bytes: [u8; 4]) -> Self {
        Self(u32::from_le_bytes(bytes))
    }
}

/// What a [`Table`] holds.
pub(super) trait Slot {
    fn digest(&self) -> Digest;
    fn expiry(&self) -> Expiry;
    fn set_expiry(&mut self, expiry: Expiry);
    /// Which series it belongs to, as far as 16 bits tell.
    fn series(&self) -> u16;
    /// Whether it may have to give way to another.
    fn may_go(&self) -> bool;
    /// How many units were consumed.
    fn consumed(&self, now: Nanos) -> u64;
    /// What it takes beside itself.
    fn heap_bytes(&self) -> usize {
        0
    }
}

/// A hash table that can be cleaned up a little at a time, and asked who has the least to lose.
#[derive(Debug)]
pub(super) struct Table<S> {
    slots: HashTable<S>,
    /// Which bucket is looked at next.
    hand: usize,
    heap_bytes: usize,
}

/// Who is to give way to a newcomer.
#[derive(Debug, Clone, Copy)]
pub(super) enum Victim {
    /// Somebody who had gone already, and was removed.
    Spent,
    /// The least used of the newcomer's series, by its bucket.
    Own(usize),
    /// The least used of another series, by its bucket.
    Foreign(usize),
}

/// How many buckets are searched for a victim.
const SEARCH: usize = 64;

impl<S: Slot> Table<S> {
    pub(super) fn new() -> Self {
        Self {
            slots: HashTable::new(),
            hand: 0,
            heap_bytes: 0,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.slots.len()
    }

    pub(super) fn heap_bytes(&self) -> usize {
        self.heap_bytes
    }

    pub(super) fn allocated_bytes(&self) -> usize {
        self.slots.allocation_size() + self.heap_bytes
    }

    #[inline]
    pub(super) fn get(&self, digest: Digest) -> Option<&S> {
        self.slots.find(digest, |slot| slot.digest() == digest)
    }

    #[inline]
    pub(super) fn get_mut(&mut self, digest: Digest) -> Option<&mut S> {
        self.slots.find_mut(digest, |slot| slot.digest() == digest)
    }

    #[cfg(feature = "file")]
    pub(super) fn iter(&self) -> impl Iterator<Item = &S> {
        self.slots.iter()
    }

    pub(super) fn at(&self, bucket: usize) -> Option<&S> {
        self.slots.get_bucket(bucket)
    }

    /// Notes that a slot's own memory grew or shrank.
    pub(super) fn heap_changed(&mut self, before: usize, after: usize) {
        self.heap_bytes = (self.heap_bytes + after).saturating_sub(before);
    }

    pub(super) fn remove(&mut self, digest: Digest) -> Option<S> {
        let found = self
            .slots
            .find_entry(digest, |slot| slot.digest() == digest);
        let slot = found.ok()?.remove().0;
        self.heap_bytes -= slot.heap_bytes();
        Some(slot)
    }

    pub(super) fn remove_at(&mut self, bucket: usize) -> Option<S> {
        let slot = self.slots.get_bucket_entry(bucket).ok()?.remove().0;
        self.heap_bytes -= slot.heap_bytes();
        Some(slot)
    }

    /// Adds a slot that is not there yet.
    pub(super) fn insert(&mut self, slot: S) {
        if self.slots.len() == self.slots.capacity() {
            self.rebuild();
        }
        self.heap_bytes += slot.heap_bytes();
        self.slots
            .insert_unique(slot.digest(), slot, |slot| slot.digest());
    }

    /// Removes the expired slots of the next `steps` buckets, and shrinks a table that is mostly empty. No slot expires
    /// later than `latest`.
    pub(super) fn sweep(&mut self, steps: usize, now: Nanos, latest: Expiry) {
        for _ in 0..steps.min(self.slots.num_buckets()) {
            let bucket = self.next_bucket();
            let Some(slot) = self.slots.get_bucket_mut(bucket) else {
                continue;
            };
            if slot.expiry().is_past(now) {
                self.remove_at(bucket);
            } else if slot.expiry() > latest {
                slot.set_expiry(latest);
            }
        }
        if self.slots.num_buckets() > 64 && self.slots.len() * 16 < self.slots.num_buckets() {
            let wanted = self.slots.len() * 2;
            self.slots.shrink_to(wanted, |slot| slot.digest());
        }
    }

    /// Looks through a stretch of buckets for who is to give way. What is spent goes at once.
    pub(super) fn search(&mut self, series: u16, now: Nanos) -> Option<Victim> {
        let mut own: Option<(u64, usize)> = None;
        let mut foreign: Option<(u64, usize)> = None;
        for _ in 0..SEARCH.min(self.slots.num_buckets()) {
            let bucket = self.next_bucket();
            let Some(slot) = self.slots.get_bucket(bucket) else {
                continue;
            };
            if slot.expiry().is_past(now) {
                self.remove_at(bucket);
                return Some(Victim::Spent);
            }
            if !slot.may_go() {
                continue;
            }
            let least = match slot.series() == series {
                true => &mut own,
                false => &mut foreign,
            };
            let consumed = slot.consumed(now);
            if least.is_none_or(|(found, _)| consumed < found) {
                *least = Some((consumed, bucket));
            }
        }
        let own = own.map(|(_, bucket)| Victim::Own(bucket));
        own.or(foreign.map(|(_, bucket)| Victim::Foreign(bucket)))
    }

    /// Makes room in the allocation. Removed slots leave marks that take up room as well; where those are many, the
    /// table is written anew in the same size, where `hashbrown` would double it.
    #[cold]
    fn rebuild(&mut self) {
        let full = self.slots.num_buckets() / 8 * 7;
        let wanted = match self.slots.len() < full / 4 * 3 {
            true => full,
            false => full + 1,
        };
        let fresh = HashTable::with_capacity(wanted.max(7));
        let old = std::mem::replace(&mut self.slots, fresh);
        for slot in old {
            self.slots
                .insert_unique(slot.digest(), slot, |slot| slot.digest());
        }
    }

    fn next_bucket(&mut self) -> usize {
        self.hand += 1;
        if self.hand >= self.slots.num_buckets() {
            self.hand = 0;
        }
        self.hand
    }
}
