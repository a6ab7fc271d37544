#[cfg(feature = "file")]
mod image;

#[cfg(feature = "file")]
pub(super) use image::{Records, array, read_log, read_packed};

use waygate_core::limit::{
    Charged, Outcome, Quota, Rule,
    quota::{Nanos, SECOND},
};

use super::{
    cell::{Cell, Digest, Limit, Standing},
    expiry::Expiry,
    permits::Permits,
    resets::Resets,
    table::{Table, Victim},
};

/// A request to one counter.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ask<'a> {
    pub(super) digest: Digest,
    /// The seed of the counter key.
    pub(super) seed: u64,
    pub(super) rule: &'a Rule,
    pub(super) cost: u64,
}

impl Ask<'_> {
    /// The part of the seed that fits in a counter.
    fn counter_key(&self) -> u16 {
        self.seed as u16
    }

    /// The counter shared by all keys of the counter key that find no room.
    fn shared(&self) -> Digest {
        self.seed
    }
}

/// The limits of a [`Shard`].
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    pub(super) entries: usize,
    pub(super) bytes: usize,
}

/// A part of all counters, under one lock.
#[derive(Debug)]
pub(super) struct Shard {
    table: Table,
    pub(super) permits: Permits,
    resets: Resets,
    pub(super) bounds: Bounds,
    /// The longest time to live of any counter so far.
    longest: Nanos,
    /// The number of calls; one that spans shards counts in the first.
    pub(super) calls: u64,
    /// The number of counters that were removed for new ones.
    pub(super) evictions: u64,
    /// The number of changes that were not calls.
    changes: u64,
}

/// A place for a new counter.
enum Room {
    Free,
    /// The bucket of a counter to evict. The new one inherits its usage, as in the Space-Saving algorithm (Metwally,
    /// Agrawal and El Abbadi, 2005): a flood of keys resets no counter.
    InPlaceOf(usize),
    /// No counter can be evicted.
    None,
}

/// The most memory of a counter, with the free buckets of its table and without its log.
const CELL_BYTES: usize = 100;

/// The number of buckets swept for a new counter, and by a visit.
const STEPS: usize = 4;
const VISIT: usize = 256;

/// The number of calls between two visits.
const CALLS_PER_VISIT: u64 = 64;

impl Shard {
    pub(super) fn new(bounds: Bounds) -> Self {
        Self {
            table: Table::new(),
            permits: Permits::new(),
            resets: Resets::default(),
            bounds,
            longest: 0,
            calls: 0,
            evictions: 0,
            changes: 0,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.table.len()
    }

    pub(super) fn allocated_bytes(&self) -> usize {
        self.table.allocated_bytes() + self.permits.allocated_bytes()
    }

    /// Charges, or returns when it could be charged.
    #[inline]
    pub(super) fn charge(&mut self, ask: Ask<'_>, now: Nanos) -> Outcome {
        let Rule::Quota(quota) = ask.rule else {
            return self.charge_any(ask, now);
        };
        let Some(cell) = self.table.get_mut(ask.digest) else {
            return self.charge_new(ask, now);
        };
        let Some(packed) = cell.packed_mut() else {
            return self.charge_any(ask, now);
        };
        // One branch for each algorithm, since the outcome would go through memory where they join.
        let outcome = match *quota {
            Quota::FixedWindow { capacity, period } => {
                let quota = Quota::FixedWindow { capacity, period };
                packed.charge(quota, ask.cost, now)
            }
            Quota::TokenBucket { capacity, emission } => {
                let quota = Quota::TokenBucket { capacity, emission };
                packed.charge(quota, ask.cost, now)
            }
            Quota::SlidingWindow { capacity, period } => {
                let quota = Quota::SlidingWindow { capacity, period };
                packed.charge(quota, ask.cost, now)
            }
            calendar @ Quota::Calendar { .. } => packed.charge(calendar, ask.cost, now),
        };
        let expiry = packed.expiry;
        self.note_expiry(expiry, now);
        outcome
    }

    /// Charges any counter by any rule.
    #[inline(never)]
    fn charge_any(&mut self, ask: Ask<'_>, now: Nanos) -> Outcome {
        if ask.cost == 0 {
            return self.weigh(ask, now);
        }
        let limit = Limit::of(ask.rule, now);
        let charge = |cell: &mut Cell| cell.charge(limit, ask.cost, now);
        match self.change(ask.digest, now, charge) {
            Some(outcome) => outcome,
            None => self.charge_new(ask, now),
        }
    }

    #[cold]
    fn charge_new(&mut self, ask: Ask<'_>, now: Nanos) -> Outcome {
        if ask.cost == 0 {
            return self.weigh(ask, now);
        }
        let limit = Limit::of(ask.rule, now);
        let mut cell = Cell::new(ask.digest, ask.counter_key(), Standing::Allowed);
        let mut outcome = cell.charge(limit, ask.cost, now);
        if !outcome.allowed {
            // Nothing was consumed, so there is nothing to store.
            return self.weigh(ask, now);
        }
        match self.room(ask, now) {
            Room::Free => {}
            Room::InPlaceOf(bucket) => {
                if let Some(victim) = self.table.at_mut(bucket) {
                    let inherited = victim.weigh(limit, ask.cost, now);
                    if !inherited.allowed {
                        return inherited;
                    }
                }
                if let Some(victim) = self.table.remove_at(bucket) {
                    cell = victim.renamed(ask.digest);
                    outcome = cell.charge(limit, ask.cost, now);
                }
            }
            Room::None => return self.charge_shared(ask, limit, now),
        }
        self.add(cell, now);
        outcome
    }

    fn charge_shared(&mut self, ask: Ask<'_>, limit: Limit, now: Nanos) -> Outcome {
        let charge = |cell: &mut Cell| cell.charge(limit, ask.cost, now);
        if let Some(outcome) = self.change(ask.shared(), now, charge) {
            return outcome;
        }
        let mut cell = Cell::new(ask.shared(), ask.counter_key(), Standing::Shared);
        let outcome = charge(&mut cell);
        self.add(cell, now);
        outcome
    }

    /// Returns the outcome of [`charge`](Self::charge), and charges nothing, as far as it is known without room for a new counter.
    pub(super) fn weigh(&mut self, ask: Ask<'_>, now: Nanos) -> Outcome {
        let limit = Limit::of(ask.rule, now);
        match self.table.get_mut(ask.digest) {
            Some(cell) => cell.weigh(limit, ask.cost, now),
            None => self.weigh_new(ask, limit, now),
        }
    }

    #[cold]
    fn weigh_new(&mut self, ask: Ask<'_>, limit: Limit, now: Nanos) -> Outcome {
        let mut new = Cell::new(ask.digest, ask.counter_key(), Standing::Allowed);
        // Without room, a new key uses the shared counter.
        let shared = match self.is_full() {
            true => self.table.get_mut(ask.shared()),
            false => None,
        };
        shared.unwrap_or(&mut new).weigh(limit, ask.cost, now)
    }

    /// Records a refusal that was only weighed: the key counts as refused, and a counter from the future (the clock
    /// went back) moves to the present.
    pub(super) fn note_refusal(&mut self, ask: Ask<'_>, now: Nanos) {
        if self.table.get(ask.digest).is_some() {
            self.charge(ask, now);
        }
    }

    /// Refunds units, or charges them if `units` is negative. A key without a counter has nothing to refund.
    pub(super) fn adjust(&mut self, ask: Ask<'_>, units: i64, now: Nanos) {
        self.changes = self.changes.wrapping_add(1);
        let limit = Limit::of(ask.rule, now);
        let adjust = |cell: &mut Cell| cell.adjust(limit, units, now);
        if self.change(ask.digest, now, adjust).is_none() && units < 0 {
            let digest = self.open(ask, now);
            self.change(digest, now, adjust);
        }
    }

    /// Refunds units that were taken before. Returns `false` if the counter was reset or has another rule since then.
    pub(super) fn refund(
        &mut self,
        ask: Ask<'_>,
        units: u64,
        charged: Charged,
        now: Nanos,
    ) -> bool {
        if self.resets.is_since(ask.digest, charged) {
            return false;
        }
        self.changes = self.changes.wrapping_add(1);
        let limit = Limit::of(ask.rule, now);
        let refund = |cell: &mut Cell| cell.refund(limit, units, charged, now);
        self.change(ask.digest, now, refund).unwrap_or(true)
    }

    /// Removes a counter, and drops later refunds of earlier charges.
    pub(super) fn reset(&mut self, ask: Ask<'_>, now: Nanos) {
        self.forget(ask.digest);
        self.resets.add(ask.digest, now, ask.rule.longest_wait(now));
    }

    pub(super) fn forget(&mut self, digest: Digest) {
        self.changes = self.changes.wrapping_add(1);
        self.table.remove(digest);
    }

    /// Adds a counter without taking from it, if there is room. Returns the counter that the key uses.
    fn open(&mut self, ask: Ask<'_>, now: Nanos) -> Digest {
        let new = |digest, standing| Cell::new(digest, ask.counter_key(), standing);
        let cell = match self.room(ask, now) {
            Room::Free => new(ask.digest, Standing::Allowed),
            Room::InPlaceOf(bucket) => match self.table.remove_at(bucket) {
                Some(victim) => victim.renamed(ask.digest),
                None => new(ask.digest, Standing::Allowed),
            },
            Room::None if self.table.get(ask.shared()).is_some() => return ask.shared(),
            Room::None => new(ask.shared(), Standing::Shared),
        };
        let digest = cell.digest();
        self.add(cell, now);
        digest
    }

    fn add(&mut self, cell: Cell, now: Nanos) {
        self.note_expiry(cell.expiry(), now);
        self.table.insert(cell);
    }

    /// Changes a counter, and accounts for its memory.
    fn change<T>(
        &mut self,
        digest: Digest,
        now: Nanos,
        change: impl FnOnce(&mut Cell) -> T,
    ) -> Option<T> {
        let is_tight = self.estimated_bytes() >= self.bounds.bytes;
        let cell = self.table.get_mut(digest)?;
        let before = cell.heap_bytes();
        let result = change(cell);
        if is_tight && cell.heap_bytes() > before {
            // Bounded memory, at the price of counting some requests for longer.
            cell.coarsen();
        }
        let (after, expiry) = (cell.heap_bytes(), cell.expiry());
        self.table.heap_changed(before, after);
        self.note_expiry(expiry, now);
        Some(result)
    }

    /// Counts a call. Returns whether a shard is due for a visit.
    #[inline]
    pub(super) fn note_call(&mut self) -> bool {
        self.calls = self.calls.wrapping_add(1);
        self.calls.is_multiple_of(CALLS_PER_VISIT)
    }

    /// Removes some of the expired counters.
    pub(super) fn visit(&mut self, now: Nanos) {
        self.sweep(VISIT, now);
    }

    fn sweep(&mut self, steps: usize, now: Nanos) {
        // If the clock went back, older counters are kept for one window at most. Threads may be a moment apart.
        let latest = now.saturating_add(self.longest);
        let latest = Expiry::at(latest.saturating_add(2 * SECOND));
        self.table.sweep(steps, now, latest);
    }

    #[inline]
    fn note_expiry(&mut self, expiry: Expiry, now: Nanos) {
        self.longest = self.longest.max(expiry.nanos().saturating_sub(now));
    }

    fn is_full(&self) -> bool {
        self.len() >= self.bounds.entries || self.estimated_bytes() >= self.bounds.bytes
    }

    fn estimated_bytes(&self) -> usize {
        self.table.len() * CELL_BYTES + self.table.heap_bytes()
    }

    /// Finds room for a new counter. A victim is of the same counter key if possible: a flood in one counter key evicts no counters
    /// of the others.
    fn room(&mut self, ask: Ask<'_>, now: Nanos) -> Room {
        self.sweep(STEPS, now);
        if !self.is_full() {
            return Room::Free;
        }
        let victim = self.table.search(ask.counter_key(), now);
        if let Some(Victim::Own(_) | Victim::Foreign(_)) = victim {
            self.evictions = self.evictions.wrapping_add(1);
        }
        match victim {
            Some(Victim::Expired) => Room::Free,
            Some(Victim::Own(bucket)) => Room::InPlaceOf(bucket),
            Some(Victim::Foreign(bucket)) => {
                self.table.remove_at(bucket);
                Room::Free
            }
            None => Room::None,
        }
    }
}
