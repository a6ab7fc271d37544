//! Counters of a few bytes.

use waygate_core::limit::{Counter, Outcome, Quota, Taken, quota::Nanos};

use super::{Ask, Room, Shard};
use crate::counters::{
    slots::{Cell, Standing},
    table::{Digest, Slot},
};

#[inline(always)]
fn take_known(cell: &mut Cell, cost: u64, quota: Quota, now: Nanos) -> Outcome {
    let (counter, outcome) = quota.take(cell.counter(now), cost, now);
    if cost > 0 {
        cell.set(counter, quota.spent_at(counter), outcome.allowed);
    }
    outcome
}

impl Shard {
    #[inline]
    pub(super) fn take_cell(&mut self, ask: Ask<'_>, quota: &Quota, now: Nanos) -> Outcome {
        let Some(cell) = self.cells.get_mut(ask.digest) else {
            return self.take_new_cell(ask, quota, now);
        };
        // Apart for each algorithm: where several meet, the outcome takes a way through memory that costs more than
        // all of the arithmetic.
        let outcome = match *quota {
            Quota::FixedWindow { capacity, period } => {
                let quota = Quota::FixedWindow { capacity, period };
                take_known(cell, ask.cost, quota, now)
            }
            Quota::TokenBucket { capacity, emission } => {
                let quota = Quota::TokenBucket { capacity, emission };
                take_known(cell, ask.cost, quota, now)
            }
            Quota::SlidingWindow { capacity, period } => {
                let quota = Quota::SlidingWindow { capacity, period };
                take_known(cell, ask.cost, quota, now)
            }
            calendar @ Quota::Calendar { .. } => take_known(cell, ask.cost, calendar, now),
        };
        let expiry = cell.expiry();
        self.note_expiry(expiry, now);
        outcome
    }

    #[cold]
    fn take_new_cell(&mut self, ask: Ask<'_>, quota: &Quota, now: Nanos) -> Outcome {
        let before = self.counter_of_log(ask.digest, now);
        let (mut counter, mut outcome) = quota.take(before, ask.cost, now);
        if ask.cost == 0 || !outcome.allowed && before.is_none() {
            // Nothing was consumed that would have to be remembered.
            return self.weigh_cell(ask, quota, now);
        }
        let mut standing = Standing::Passing;
        if !outcome.allowed {
            // What was consumed in a log counts by this rule from now on, as the refusal says.
            standing = Standing::Blocked;
        } else if before.is_none() {
            match self.room_for_cell(ask, now) {
                Room::Free => {}
                Room::InPlaceOf(bucket) => {
                    let inherited = self.cells.at(bucket).and_then(|cell| cell.counter(now));
                    (counter, outcome) = quota.take(inherited, ask.cost, now);
                    if !outcome.allowed {
                        return outcome;
                    }
                    self.cells.remove_at(bucket);
                }
                Room::None => return self.take_shared_cell(ask, quota, now),
            }
        }
        self.logs.remove(ask.digest);
        self.add_cell(ask.digest, standing, ask, quota, counter, now);
        outcome
    }

    fn take_shared_cell(&mut self, ask: Ask<'_>, quota: &Quota, now: Nanos) -> Outcome {
        let shared = self.cells.get(ask.shared());
        let counter = shared.and_then(|cell| cell.counter(now));
        let (counter, outcome) = quota.take(counter, ask.cost, now);
        self.cells.remove(ask.shared());
        self.add_cell(ask.shared(), Standing::Shared, ask, quota, counter, now);
        outcome
    }

    pub(super) fn weigh_cell(&self, ask: Ask<'_>, quota: &Quota, now: Nanos) -> Outcome {
        let counter = match self.cells.get(ask.digest) {
            Some(cell) => cell.counter(now),
            // Who has none would share one if there is no room, and have one of its own if there is.
            None => self.counter_of_log(ask.digest, now).or_else(|| {
                let shared = self.cells.get(ask.shared()).filter(|_| self.is_full());
                shared.and_then(|cell| cell.counter(now))
            }),
        };
        quota.take(counter, ask.cost, now).1
    }

    pub(super) fn adjust_cell(&mut self, ask: Ask<'_>, quota: &Quota, units: i64, now: Nanos) {
        if self.cells.get(ask.digest).is_none() {
            let before = self.counter_of_log(ask.digest, now);
            if before.is_none() && units >= 0 {
                return;
            }
            // Takes a counter of its own, if there is one to be had.
            let begin = Ask { cost: 0, ..ask };
            self.open_cell(begin, quota, before, now);
        }
        let digest = match self.cells.get(ask.digest) {
            Some(_) => ask.digest,
            None => ask.shared(),
        };
        self.change_cell(digest, quota, now, |counter| {
            let counter = counter.unwrap_or_else(|| quota.take(None, 0, now).0);
            Some(quota.adjust(counter, units, now))
        });
    }

    pub(super) fn give_back_cell(
        &mut self,
        ask: Ask<'_>,
        quota: &Quota,
        units: u64,
        taken: Taken,
        now: Nanos,
    ) {
        self.change_cell(ask.digest, quota, now, |counter| {
            Some(quota.give_back(counter?, units, taken, now))
        });
    }

    /// Changes a counter that is there.
    fn change_cell(
        &mut self,
        digest: Digest,
        quota: &Quota,
        now: Nanos,
        change: impl FnOnce(Option<Counter>) -> Option<Counter>,
    ) {
        let Some(cell) = self.cells.get_mut(digest) else {
            return;
        };
        let Some(counter) = change(cell.counter(now)) else {
            return;
        };
        let left = quota.take(Some(counter), 0, now).1.remaining;
        cell.set(counter, quota.spent_at(counter), left > 0);
        let expiry = cell.expiry();
        self.note_expiry(expiry, now);
    }

    /// Opens a counter without taking from it.
    fn open_cell(&mut self, ask: Ask<'_>, quota: &Quota, before: Option<Counter>, now: Nanos) {
        let (mut digest, mut standing, mut counter) = (ask.digest, Standing::Passing, before);
        if before.is_none() {
            match self.room_for_cell(ask, now) {
                Room::Free => {}
                Room::InPlaceOf(bucket) => {
                    let victim = self.cells.remove_at(bucket);
                    counter = victim.and_then(|cell| cell.counter(now));
                }
                Room::None => (digest, standing) = (ask.shared(), Standing::Shared),
            }
        }
        self.logs.remove(digest);
        if self.cells.get(digest).is_none() {
            let (counter, _) = quota.take(counter, 0, now);
            self.add_cell(digest, standing, ask, quota, counter, now);
        }
    }

    fn add_cell(
        &mut self,
        digest: Digest,
        standing: Standing,
        ask: Ask<'_>,
        quota: &Quota,
        counter: Counter,
        now: Nanos,
    ) {
        let mut cell = Cell::new(digest, ask.series(), standing);
        let passes = standing != Standing::Blocked;
        cell.set(counter, quota.spent_at(counter), passes);
        self.note_expiry(cell.expiry(), now);
        self.cells.insert(cell);
    }

    /// What a key consumed while it was counted in a log, before its rule was changed.
    fn counter_of_log(&self, digest: Digest, now: Nanos) -> Option<Counter> {
        let slot = self.logs.get(digest)?;
        (!slot.expiry().is_past(now)).then(|| Counter::Window {
            start: now,
            used: slot.log().used(),
        })
    }
}
