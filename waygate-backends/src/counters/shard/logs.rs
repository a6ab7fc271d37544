//! Counters that are logs of requests.

use waygate_core::limit::{
    MovingLog, Outcome, Rule, Taken,
    quota::{Nanos, SECOND},
};

use super::{Ask, Room, Shard};
use crate::counters::{
    slots::{LogSlot, Standing},
    table::{Digest, Slot},
};

/// Capacity and period of a moving window.
fn window_of(rule: &Rule) -> (u64, Nanos) {
    match rule {
        Rule::Moving { capacity, period } => (*capacity, *period),
        other => (other.capacity(), other.window_seconds(0) * SECOND),
    }
}

impl Shard {
    pub(super) fn take_log(&mut self, ask: Ask<'_>, now: Nanos) -> Outcome {
        let (capacity, period) = window_of(ask.rule);
        let known = self.change_log(ask.digest, period, now, |log| {
            let outcome = log.take(capacity, period, ask.cost, now);
            (outcome, (ask.cost > 0).then_some(outcome.allowed))
        });
        known.unwrap_or_else(|| self.take_new_log(ask, now))
    }

    fn take_new_log(&mut self, ask: Ask<'_>, now: Nanos) -> Outcome {
        let (capacity, period) = window_of(ask.rule);
        let before = self.log_of_cell(ask.digest, now);
        let is_new = before.is_none();
        let mut log = before.unwrap_or_default();
        let mut outcome = log.take(capacity, period, ask.cost, now);
        if ask.cost == 0 || !outcome.allowed && is_new {
            // Nothing was consumed that would have to be remembered.
            return self.weigh_log(ask, now);
        }
        let mut standing = Standing::Passing;
        if !outcome.allowed {
            // What was consumed in a cell counts by this rule from now on, as the refusal says.
            standing = Standing::Blocked;
        } else if is_new {
            match self.room_for_log(ask, now) {
                Room::Free => {}
                Room::InPlaceOf(bucket) => {
                    let victim = self.logs.at(bucket);
                    log = victim.map(|slot| slot.log().clone()).unwrap_or_default();
                    outcome = log.take(capacity, period, ask.cost, now);
                    if !outcome.allowed {
                        return outcome;
                    }
                    self.logs.remove_at(bucket);
                }
                Room::None => return self.take_shared_log(ask, now),
            }
        }
        self.cells.remove(ask.digest);
        self.add_log(ask.digest, standing, ask, log, now);
        outcome
    }

    fn take_shared_log(&mut self, ask: Ask<'_>, now: Nanos) -> Outcome {
        let (capacity, period) = window_of(ask.rule);
        if self.logs.get(ask.shared()).is_none() {
            let log = MovingLog::default();
            self.add_log(ask.shared(), Standing::Shared, ask, log, now);
        }
        let outcome = self.change_log(ask.shared(), period, now, |log| {
            let outcome = log.take(capacity, period, ask.cost, now);
            (outcome, Some(outcome.allowed))
        });
        // It was put there above.
        outcome.unwrap_or_else(|| MovingLog::default().take(0, period, ask.cost, now))
    }

    pub(super) fn weigh_log(&mut self, ask: Ask<'_>, now: Nanos) -> Outcome {
        let (capacity, period) = window_of(ask.rule);
        let weigh = |log: &mut MovingLog| {
            let outcome = log.take(capacity, period, ask.cost, now);
            if outcome.allowed {
                log.adjust(i64::try_from(ask.cost).unwrap_or(i64::MAX), now);
            }
            (outcome, None)
        };
        if let Some(outcome) = self.change_log(ask.digest, period, now, weigh) {
            return outcome;
        }
        if let Some(mut log) = self.log_of_cell(ask.digest, now) {
            return weigh(&mut log).0;
        }
        // Who has none would share one if there is no room, and have one of its own if there is.
        let shared = match self.is_full() {
            true => self.change_log(ask.shared(), period, now, weigh),
            false => None,
        };
        shared.unwrap_or_else(|| weigh(&mut MovingLog::default()).0)
    }

    pub(super) fn adjust_log(&mut self, ask: Ask<'_>, units: i64, now: Nanos) {
        let (capacity, period) = window_of(ask.rule);
        if self.logs.get(ask.digest).is_none() {
            let before = self.log_of_cell(ask.digest, now);
            if before.is_none() && units >= 0 {
                return;
            }
            self.open_log(ask, before, now);
        }
        let digest = match self.logs.get(ask.digest) {
            Some(_) => ask.digest,
            None => ask.shared(),
        };
        self.change_log(digest, period, now, |log| {
            log.adjust(units, now);
            let left = log.take(capacity, period, 0, now).remaining;
            ((), Some(left > 0))
        });
    }

    pub(super) fn give_back_log(&mut self, ask: Ask<'_>, units: u64, taken: Taken, now: Nanos) {
        let (capacity, period) = window_of(ask.rule);
        self.change_log(ask.digest, period, now, |log| {
            log.give_back(units, taken.at);
            let left = log.take(capacity, period, 0, now).remaining;
            ((), Some(left > 0))
        });
    }

    /// Opens a log without taking from it.
    fn open_log(&mut self, ask: Ask<'_>, before: Option<MovingLog>, now: Nanos) {
        let (mut digest, mut standing) = (ask.digest, Standing::Passing);
        let log = match before {
            Some(log) => log,
            None => match self.room_for_log(ask, now) {
                Room::Free => MovingLog::default(),
                Room::InPlaceOf(bucket) => {
                    let victim = self.logs.remove_at(bucket);
                    victim.map(LogSlot::into_log).unwrap_or_default()
                }
                Room::None => {
                    (digest, standing) = (ask.shared(), Standing::Shared);
                    MovingLog::default()
                }
            },
        };
        self.cells.remove(digest);
        if self.logs.get(digest).is_none() {
            self.add_log(digest, standing, ask, log, now);
        }
    }

    fn add_log(
        &mut self,
        digest: Digest,
        standing: Standing,
        ask: Ask<'_>,
        log: MovingLog,
        now: Nanos,
    ) {
        let (_, period) = window_of(ask.rule);
        let mut slot = LogSlot::new(digest, ask.series(), standing, log);
        slot.note(period, standing != Standing::Blocked);
        self.note_expiry(slot.expiry(), now);
        self.logs.insert(slot);
    }

    /// Changes a log that is there, and keeps account of its memory. `change` also tells whether its owner may pass
    /// now, if that is known.
    fn change_log<T>(
        &mut self,
        digest: Digest,
        period: Nanos,
        now: Nanos,
        change: impl FnOnce(&mut MovingLog) -> (T, Option<bool>),
    ) -> Option<T> {
        let is_tight = self.estimated_bytes() >= self.bounds.bytes;
        let slot = self.logs.get_mut(digest)?;
        let before = slot.heap_bytes();
        let (result, passes) = change(slot.log_mut());
        if is_tight && slot.heap_bytes() > before {
            // Stays in its memory at the price of counting some requests for longer.
            slot.log_mut().coarsen();
        }
        if let Some(passes) = passes {
            slot.note(period, passes);
        }
        let (after, expiry) = (slot.heap_bytes(), slot.expiry());
        self.logs.heap_changed(before, after);
        self.note_expiry(expiry, now);
        Some(result)
    }

    /// What a key consumed while it was counted in a cell, before its rule was changed.
    fn log_of_cell(&self, digest: Digest, now: Nanos) -> Option<MovingLog> {
        let consumed = self.cells.get(digest)?.counter(now)?.consumed(now);
        let mut log = MovingLog::default();
        let units = i64::try_from(consumed).unwrap_or(i64::MAX);
        if units > 0 {
            log.adjust(-units, now);
        }
        Some(log)
    }
}
