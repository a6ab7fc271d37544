//! The last known values of the shared store, for outages.

use std::{
    collections::hash_map::RandomState,
    hash::BuildHasher,
    sync::{Mutex, MutexGuard},
};

use waygate_core::{
    limit::{
        Outcome, Quota, Rule,
        quota::{Nanos, SECOND},
    },
    port::{Charge, CounterKey},
};

use super::problem::lock;

/// The maximum number of counters: 32,768, in 1.8 MB. Beyond that, the one with the most units left is replaced.
const SETS: usize = 4_096;
const WAYS: usize = 8;

/// Replies to overlapping calls arrive in any order. Of two replies within this time, the one with fewer units left is
/// the later one.
const OVERLAP: Nanos = SECOND / 10;

/// The last known value of one counter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Standing {
    /// The consumption of all processes together.
    pub(super) used: u64,
    /// The consumption, up to the limit at the time.
    pub(super) limit: u64,
    /// The time of the reply.
    pub(super) at: Nanos,
    /// The expiry of the value; for a fixed window, its end.
    pub(super) over: Nanos,
    /// The number of losses of the store at that time.
    pub(super) losses: u64,
    /// `true` if the local counter already continues from there.
    pub(super) is_local: bool,
}

/// How a reply relates to the known value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Said {
    /// The reply is the new known value, or came late.
    Noted,
    /// The consumption is lower than known, although nothing is returned before the window ends: a client refunded
    /// units, or the store lost them. The known value is kept.
    Less,
}

/// The last replies for many counters, used while the store is unavailable.
pub(super) struct Standings {
    /// With a random key: clients cannot target each other's entries.
    hasher: RandomState,
    sets: Box<[Mutex<Set>]>,
}

/// Each with the digest of its counter.
type Set = [Option<(u64, Standing)>; WAYS];

impl Standings {
    pub(super) fn new() -> Self {
        Self {
            hasher: RandomState::new(),
            sets: (0..SETS).map(|_| Mutex::default()).collect(),
        }
    }

    /// Records a reply to a charge at `now`, after `losses` losses of the store. A reply that is `sure` is recorded
    /// even if it is lower.
    pub(super) fn note(
        &self,
        charge: &Charge<'_>,
        outcome: &Outcome,
        now: Nanos,
        losses: u64,
        sure: bool,
    ) -> Said {
        let digest = self.digest(charge.counter_key, charge.key);
        let said = Standing {
            used: outcome.limit.saturating_sub(outcome.remaining),
            limit: outcome.limit,
            at: now,
            over: now.saturating_add(lasts(charge.rule, outcome, now)),
            losses,
            is_local: false,
        };
        let mut set = self.set(digest);
        if let Some((_, known)) = set.iter_mut().flatten().find(|(of, _)| *of == digest) {
            let is_less = said.used < known.used && now < known.over;
            let overlaps = now.saturating_sub(known.at) < OVERLAP;
            if is_less && !overlaps && !sure && !charge.lease && gives_nothing_back(charge.rule) {
                return Said::Less;
            }
            if !is_less || !overlaps {
                *known = said;
            }
            return Said::Noted;
        }
        let room = |entry: &Option<(u64, Standing)>| match entry {
            Some((_, known)) if now < known.over => known.fullness(),
            Some(_) | None => 0,
        };
        if let Some(place) = set.iter_mut().min_by_key(|entry| room(entry)) {
            *place = Some((digest, said));
        }
        Said::Noted
    }

    /// The last known value of a counter before the store's most recent losses, if it still counts.
    pub(super) fn lost(&self, charge: &Charge<'_>, losses: u64, now: Nanos) -> Option<Standing> {
        let digest = self.digest(charge.counter_key, charge.key);
        let set = self.set(digest);
        let (_, known) = set.iter().flatten().find(|(of, _)| *of == digest)?;
        (known.losses < losses && now < known.over).then_some(*known)
    }

    /// Records that the store has the lost units again.
    pub(super) fn restored(&self, charge: &Charge<'_>, losses: u64) {
        let digest = self.digest(charge.counter_key, charge.key);
        let mut set = self.set(digest);
        if let Some((_, known)) = set.iter_mut().flatten().find(|(of, _)| *of == digest) {
            known.losses = losses.max(known.losses);
        }
    }

    /// Records a charge, or (below zero) a refund, independently of replies.
    pub(super) fn charge(&self, counter_key: &CounterKey, key: &[u8], units: i64) {
        let digest = self.digest(counter_key, key);
        let mut set = self.set(digest);
        if let Some((_, known)) = set.iter_mut().flatten().find(|(of, _)| *of == digest) {
            known.used = known.used.saturating_add_signed(units);
            known.is_local = false;
        }
    }

    /// Takes the last known value of a counter, once: the local counter continues from there.
    pub(super) fn hand_over(&self, counter_key: &CounterKey, key: &[u8]) -> Option<Standing> {
        let digest = self.digest(counter_key, key);
        let mut set = self.set(digest);
        let (_, known) = set.iter_mut().flatten().find(|(of, _)| *of == digest)?;
        let standing = (!known.is_local).then_some(*known);
        known.is_local = true;
        standing
    }

    /// Removes the known value of a counter.
    pub(super) fn remove(&self, counter_key: &CounterKey, key: &[u8]) -> Option<Standing> {
        let digest = self.digest(counter_key, key);
        let mut set = self.set(digest);
        let is_it = |entry: &&mut Option<(u64, Standing)>| {
            entry.as_ref().is_some_and(|(of, _)| *of == digest)
        };
        let entry = set.iter_mut().find(is_it)?;
        entry.take().map(|(_, standing)| standing)
    }

    fn digest(&self, counter_key: &CounterKey, key: &[u8]) -> u64 {
        self.hasher.hash_one((counter_key.seed(), key))
    }

    fn set(&self, digest: u64) -> MutexGuard<'_, Set> {
        lock(&self.sets[digest as usize % SETS])
    }
}

impl Standing {
    /// The consumed part of the limit, of 255; at least one.
    fn fullness(&self) -> u64 {
        (self.used.saturating_mul(254) / self.limit.max(1)).min(254) + 1
    }
}

impl std::fmt::Debug for Standings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Standings").finish_non_exhaustive()
    }
}

/// Returns `true` if all units count until the window ends.
fn gives_nothing_back(rule: &Rule) -> bool {
    matches!(
        rule,
        Rule::Quota(Quota::FixedWindow { .. } | Quota::Calendar { .. }) | Rule::Calendar(_)
    )
}

/// The time for which an outcome is valid.
fn lasts(rule: &Rule, outcome: &Outcome, now: Nanos) -> Nanos {
    match rule {
        Rule::Quota(Quota::FixedWindow { .. }) | Rule::Calendar(_) => outcome.reset_after,
        Rule::Moving { .. } | Rule::Quota(_) => rule.longest_wait(now),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULE: Rule = Rule::Quota(Quota::FixedWindow {
        capacity: 10,
        period: 60 * SECOND,
    });

    fn counter_key() -> CounterKey {
        CounterKey::new("GET:/", "default", 0, 0)
    }

    fn note(standings: &Standings, key: u32, remaining: u64, now: Nanos) {
        let counter_key = counter_key();
        let key = key.to_be_bytes();
        let charge = Charge::new(&counter_key, &key, &RULE);
        let outcome = Outcome::allowed(10, remaining, 50 * SECOND);
        standings.note(&charge, &outcome, now, 0, true);
    }

    fn used(standings: &Standings, key: u32) -> Option<u64> {
        let standing = standings.remove(&counter_key(), &key.to_be_bytes());
        standing.map(|standing| standing.used)
    }

    #[test]
    fn the_last_answer_holds_and_is_given_once() {
        let standings = Standings::new();
        note(&standings, 1, 4, SECOND);
        note(&standings, 1, 6, 2 * SECOND);
        standings.charge(&counter_key(), &1u32.to_be_bytes(), 2);
        standings.charge(&counter_key(), &2u32.to_be_bytes(), 2);
        assert_eq!(used(&standings, 1), Some(6));
        assert_eq!(used(&standings, 1), None);
        assert_eq!(used(&standings, 2), None);
    }

    #[test]
    fn of_answers_that_overlap_the_one_that_leaves_less_is_the_last() {
        let standings = Standings::new();
        note(&standings, 1, 4, SECOND);
        note(&standings, 1, 5, SECOND + OVERLAP / 2);
        assert_eq!(used(&standings, 1), Some(6));
        note(&standings, 1, 4, SECOND);
        // Another window.
        note(&standings, 1, 9, 60 * SECOND);
        assert_eq!(used(&standings, 1), Some(1));
    }

    #[test]
    fn a_flood_of_keys_does_not_evict_used_up_ones() {
        let standings = Standings::new();
        note(&standings, 0, 0, SECOND);
        for key in 1..10 * (SETS * WAYS) as u32 {
            note(&standings, key, 9, SECOND);
        }
        assert_eq!(used(&standings, 0), Some(10));
        let known = standings
            .sets
            .iter()
            .map(|set| lock(set).iter().flatten().count());
        assert!(known.sum::<usize>() <= SETS * WAYS);
    }
}
