mod cells;
#[cfg(feature = "file")]
mod image;
mod logs;

#[cfg(feature = "file")]
pub(super) use image::{Packed, Record, array};

use waygate_core::limit::{
    Outcome, Rule, Taken,
    quota::{Nanos, SECOND},
};

use super::{
    places::Places,
    slots::{Cell, LogSlot},
    table::{Digest, Expiry, Slot, Table, Victim},
};

/// What one take asks of one counter.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ask<'a> {
    pub(super) digest: Digest,
    /// The number of the series.
    pub(super) seed: u64,
    pub(super) rule: &'a Rule,
    pub(super) cost: u64,
}

impl Ask<'_> {
    /// As much of the series as a slot has room for.
    fn series(&self) -> u16 {
        self.seed as u16
    }

    /// Whose counter stands for everybody in the series who finds no room.
    fn shared(&self) -> Digest {
        self.seed
    }
}

/// How much a [`Shard`] may hold.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    pub(super) entries: usize,
    pub(super) bytes: usize,
}

/// A part of all counters, under one lock.
#[derive(Debug)]
pub(super) struct Shard {
    cells: Table<Cell>,
    logs: Table<LogSlot>,
    pub(super) places: Places,
    pub(super) bounds: Bounds,
    /// The longest time to live of any counter so far.
    longest: Nanos,
    /// How many calls came, of several shards to the first.
    pub(super) calls: u64,
    /// How many changes came that were no calls.
    changes: u64,
}

/// Where a newcomer is to go.
enum Room {
    Free,
    /// To the place of the slot in this bucket. It takes over what that one had consumed, as in the Space-Saving
    /// algorithm (Metwally, Agrawal and El Abbadi, 2005): a flood of keys gives nobody a fresh start.
    InPlaceOf(usize),
    /// Nowhere: nobody could be asked to go.
    None,
}

/// What a slot costs at worst, with the buckets that a table keeps free.
const CELL_BYTES: usize = 100;
const LOG_BYTES: usize = 220;

/// How many buckets a newcomer cleans up, and how many a visit does.
const STEPS: usize = 4;
const VISIT: usize = 256;

/// After how many calls some shard is visited.
const CALLS_PER_VISIT: u64 = 64;

impl Shard {
    pub(super) fn new(bounds: Bounds) -> Self {
        Self {
            cells: Table::new(),
            logs: Table::new(),
            places: Places::new(),
            bounds,
            longest: 0,
            calls: 0,
            changes: 0,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.cells.len() + self.logs.len()
    }

    pub(super) fn allocated_bytes(&self) -> usize {
        self.cells.allocated_bytes() + self.logs.allocated_bytes() + self.places.allocated_bytes()
    }

    /// Takes, or says when one could.
    #[inline]
    pub(super) fn take(&mut self, ask: Ask<'_>, now: Nanos) -> Outcome {
        match ask.rule {
            Rule::Quota(quota) => self.take_cell(ask, quota, now),
            Rule::Moving { .. } => self.take_log(ask, now),
            Rule::Calendar(_) => self.take_calendar(ask, now),
        }
    }

    #[inline(never)]
    fn take_calendar(&mut self, ask: Ask<'_>, now: Nanos) -> Outcome {
        match ask.rule.quota(now) {
            Some(quota) => self.take_cell(ask, &quota, now),
            None => self.take_log(ask, now),
        }
    }

    /// What [`take`](Self::take) would say, as far as can be told without taking.
    pub(super) fn weigh(&mut self, ask: Ask<'_>, now: Nanos) -> Outcome {
        match ask.rule.quota(now) {
            Some(quota) => self.weigh_cell(ask, &quota, now),
            None => self.weigh_log(ask, now),
        }
    }

    /// Notes a refusal that was only weighed: whoever is refused is blocked, and a counter of a time to come (the clock
    /// went back) is one of now.
    pub(super) fn note_refusal(&mut self, ask: Ask<'_>, now: Nanos) {
        if self.cells.get(ask.digest).is_some() || self.logs.get(ask.digest).is_some() {
            self.take(ask, now);
        }
    }

    /// Gives units back, or (below zero) charges them. Whoever has no counter has nothing to be given back.
    pub(super) fn adjust(&mut self, ask: Ask<'_>, units: i64, now: Nanos) {
        self.changes = self.changes.wrapping_add(1);
        match ask.rule.quota(now) {
            Some(quota) => self.adjust_cell(ask, &quota, units, now),
            None => self.adjust_log(ask, units, now),
        }
    }

    /// Gives units back that were taken before. Whoever has no counter by this rule has nothing to be given back.
    pub(super) fn give_back(&mut self, ask: Ask<'_>, units: u64, taken: Taken, now: Nanos) {
        self.changes = self.changes.wrapping_add(1);
        match ask.rule.quota(now) {
            Some(quota) => self.give_back_cell(ask, &quota, units, taken, now),
            None => self.give_back_log(ask, units, taken, now),
        }
    }

    pub(super) fn forget(&mut self, digest: Digest) {
        self.changes = self.changes.wrapping_add(1);
        self.cells.remove(digest);
        self.logs.remove(digest);
    }

    /// Notes a call. Says once in a while that some shard is to be visited.
    #[inline]
    pub(super) fn note_call(&mut self) -> bool {
        self.calls = self.calls.wrapping_add(1);
        self.calls.is_multiple_of(CALLS_PER_VISIT)
    }

    /// Removes some of what is spent.
    pub(super) fn visit(&mut self, now: Nanos) {
        self.sweep(VISIT, now);
    }

    fn sweep(&mut self, steps: usize, now: Nanos) {
        // If the clock went back, older counters are kept for one window at most. Threads may be a moment apart.
        let latest = now.saturating_add(self.longest);
        let latest = Expiry::at(latest.saturating_add(2 * SECOND));
        self.cells.sweep(steps, now, latest);
        self.logs.sweep(steps, now, latest);
    }

    #[inline]
    fn note_expiry(&mut self, expiry: Expiry, now: Nanos) {
        self.longest = self.longest.max(expiry.nanos().saturating_sub(now));
    }

    fn is_full(&self) -> bool {
        self.len() >= self.bounds.entries || self.estimated_bytes() >= self.bounds.bytes
    }

    fn estimated_bytes(&self) -> usize {
        self.cells.len() * CELL_BYTES + self.logs.len() * LOG_BYTES + self.logs.heap_bytes()
    }

    fn room_for_cell(&mut self, ask: Ask<'_>, now: Nanos) -> Room {
        self.sweep(STEPS, now);
        match self.is_full() {
            true => replace(&mut self.cells, &mut self.logs, ask.series(), now),
            false => Room::Free,
        }
    }

    fn room_for_log(&mut self, ask: Ask<'_>, now: Nanos) -> Room {
        self.sweep(STEPS, now);
        match self.is_full() {
            true => replace(&mut self.logs, &mut self.cells, ask.series(), now),
            false => Room::Free,
        }
    }
}

/// Whoever gives way is of the newcomer's series if possible: who floods one series takes nothing from others.
fn replace<S: Slot, T: Slot>(
    own: &mut Table<S>,
    other: &mut Table<T>,
    series: u16,
    now: Nanos,
) -> Room {
    match own.search(series, now) {
        Some(Victim::Spent) => return Room::Free,
        Some(Victim::Own(bucket)) => return Room::InPlaceOf(bucket),
        Some(Victim::Foreign(bucket)) => {
            own.remove_at(bucket);
            return Room::Free;
        }
        None => {}
    }
    match other.search(series, now) {
        Some(Victim::Spent) => Room::Free,
        Some(Victim::Own(bucket) | Victim::Foreign(bucket)) => {
            other.remove_at(bucket);
            Room::Free
        }
        None => Room::None,
    }
}
