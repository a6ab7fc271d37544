//! The use of one flag since the process started.

use std::collections::VecDeque;

use waygate_core::{
    Timestamp,
    flag::{Activity, CompiledFlag, Reason, ReasonCounts, Tally},
};

/// The minutes of which the rates are kept.
pub(super) const MINUTES: usize = 15;

/// The counts of a flag, which survive its changes, and the times of its use.
#[derive(Debug)]
pub(super) struct History {
    names: Box<[Box<str>]>,
    /// The reasons that results may have, by the position in the names.
    reasons: Box<[Vec<Reason>]>,
    tally: Tally,
    /// Counters of former definitions that requests may still use.
    former: Vec<(Box<[Box<str>]>, Tally)>,
    /// The counts of former definitions.
    base: Totals,
    /// The totals at the last look.
    last: Totals,
    minutes: VecDeque<Minute>,
    last_evaluated: Option<Timestamp>,
    /// The only variation of late, and since when.
    only: Option<(usize, Timestamp)>,
}

/// The counts of a flag.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Totals {
    /// By the position in the names.
    pub(super) variations: Vec<ReasonCounts>,
    /// Those of variations that the flag no longer has.
    pub(super) removed: u64,
    pub(super) errors: u64,
    pub(super) defaults: u64,
}

/// The evaluations within a minute.
#[derive(Debug)]
struct Minute {
    /// Since 1970.
    number: i64,
    variations: Box<[u32]>,
}

impl Totals {
    pub(super) fn evaluations(&self) -> u64 {
        let variations = self.variations.iter().map(ReasonCounts::total);
        variations.sum::<u64>() + self.removed + self.errors
    }

    /// Adds the counts of a tally with these names to those of other names.
    fn add(&mut self, names: &[Box<str>], tally: &Tally, current: &[Box<str>]) {
        let counts = tally.counts();
        self.errors += counts.errors;
        self.defaults += counts.defaults;
        for (name, count) in names.iter().zip(counts.variations) {
            let place = current.iter().position(|known| known == name);
            match place.and_then(|place| self.variations.get_mut(place)) {
                Some(sum) => *sum += count,
                None => self.removed += count.total(),
            }
        }
    }

    /// Moves the counts to new names.
    fn renamed(&self, old: &[Box<str>], new: &[Box<str>]) -> Self {
        let mut moved = Self {
            variations: vec![ReasonCounts::default(); new.len()],
            ..*self
        };
        for (name, count) in old.iter().zip(&self.variations) {
            let place = new.iter().position(|known| known == name);
            match place.and_then(|place| moved.variations.get_mut(place)) {
                Some(sum) => *sum += *count,
                None => moved.removed += count.total(),
            }
        }
        moved
    }
}

impl History {
    pub(super) fn new(flag: &CompiledFlag) -> Self {
        let names = names(flag);
        let zero = Totals {
            variations: vec![ReasonCounts::default(); names.len()],
            ..Totals::default()
        };
        Self {
            tally: Tally::new(names.len()),
            reasons: reasons(flag),
            names,
            former: Vec::new(),
            base: zero.clone(),
            last: zero,
            minutes: VecDeque::new(),
            last_evaluated: None,
            only: None,
        }
    }

    /// Returns the counters for a definition.
    pub(super) fn tally(&mut self, flag: &CompiledFlag) -> Tally {
        self.reasons = reasons(flag);
        let same = flag
            .variation_names()
            .eq(self.names.iter().map(|name| &**name));
        if !same {
            let new = names(flag);
            self.base = self.base.renamed(&self.names, &new);
            self.last = self.last.renamed(&self.names, &new);
            self.minutes.clear();
            self.only = None;
            let tally = std::mem::replace(&mut self.tally, Tally::new(new.len()));
            let names = std::mem::replace(&mut self.names, new);
            self.former.push((names, tally));
        }
        self.tally.clone()
    }

    /// Returns the totals up to now.
    pub(super) fn totals(&mut self) -> Totals {
        let (names, base) = (&self.names, &mut self.base);
        self.former.retain(|(former, tally)| {
            // Read after the last request has returned its snapshot.
            let is_used = tally.is_shared();
            if !is_used {
                base.add(former, tally, names);
            }
            is_used
        });
        let mut totals = self.base.clone();
        for (former, tally) in &self.former {
            totals.add(former, tally, &self.names);
        }
        totals.add(&self.names, &self.tally, &self.names);
        totals
    }

    /// Notes the evaluations since the last look as evaluations of now.
    pub(super) fn look(&mut self, now: Timestamp) {
        let totals = self.totals();
        let last = std::mem::replace(&mut self.last, totals);
        if self.last.evaluations() == last.evaluations() {
            return;
        }
        self.last_evaluated = Some(now);
        let before = |place: usize| last.variations.get(place).map_or(0, ReasonCounts::total);
        let counts = self.last.variations.iter().map(ReasonCounts::total);
        let counts = counts.enumerate();
        let new: Vec<u64> = counts
            .map(|(place, count)| count.saturating_sub(before(place)))
            .collect();
        let mut served = new.iter().enumerate().filter(|(_, count)| **count > 0);
        self.only = match (served.next(), served.next(), self.only) {
            (Some((one, _)), None, Some((only, since))) if one == only => Some((only, since)),
            (Some((one, _)), None, _) => Some((one, now)),
            (None, _, only) => only,
            (Some(_), Some(_), _) => None,
        };
        let number = minute(now);
        if self.minutes.back().is_none_or(|last| last.number < number) {
            self.minutes.push_back(Minute {
                number,
                variations: vec![0; self.names.len()].into(),
            });
        }
        while self
            .minutes
            .front()
            .is_some_and(|first| is_old(first, number))
        {
            self.minutes.pop_front();
        }
        if let Some(minute) = self.minutes.back_mut() {
            for (sum, count) in minute.variations.iter_mut().zip(new) {
                *sum = sum.saturating_add(u32::try_from(count).unwrap_or(u32::MAX));
            }
        }
    }

    /// Returns the evaluations of a variation in each of the last minutes, the current one last.
    pub(super) fn per_minute(&self, place: usize, now: Timestamp) -> Vec<u32> {
        let mut counts = vec![0; MINUTES];
        for minute in self
            .minutes
            .iter()
            .filter(|it| !is_old(it, self::minute(now)))
        {
            let age = usize::try_from(self::minute(now) - minute.number).unwrap_or_default();
            let count = minute.variations.get(place).copied().unwrap_or_default();
            if let Some(sum) = counts.iter_mut().rev().nth(age) {
                *sum = count;
            }
        }
        counts
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.names.iter().map(|name| &**name)
    }

    /// Returns the reasons that a result with a variation may have.
    pub(super) fn reasons(&self, place: usize) -> &[Reason] {
        self.reasons.get(place).map_or(&[], Vec::as_slice)
    }

    pub(super) fn activity(&self) -> Activity {
        Activity {
            last_evaluated: self.last_evaluated,
            same_variation_since: self.only.map(|(_, since)| since),
            observed_since: None,
        }
    }
}

fn names(flag: &CompiledFlag) -> Box<[Box<str>]> {
    flag.variation_names().map(Into::into).collect()
}

fn reasons(flag: &CompiledFlag) -> Box<[Vec<Reason>]> {
    let places = 0..flag.variation_names().count();
    places.map(|place| flag.reasons(place)).collect()
}

fn minute(now: Timestamp) -> i64 {
    now.as_second().div_euclid(60)
}

fn is_old(minute: &Minute, now: i64) -> bool {
    now - minute.number >= MINUTES as i64
}
