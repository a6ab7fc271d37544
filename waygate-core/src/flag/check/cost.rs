//! The steps of prerequisites and the decisions about segments that an evaluation may need.

use std::mem;

use super::{
    definitions::Definitions,
    graph::{MAX_DEPTH, MOST_STEPS},
    needs::flag_needs,
};
use crate::flag::{
    evaluate::MOST_SEGMENTS,
    map::Map,
    model::{Flag, Segment},
};

/// The cost of a cycle, and of a chain that is too long. No sum is larger.
const ENDLESS: u64 = u64::MAX / 2;
/// The longest chain that is followed, far beyond what is allowed.
const MOST_FRAMES: usize = 100;

/// The most that an evaluation of a flag may need.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Cost {
    /// The flags that are evaluated.
    pub(super) flags: u64,
    /// The decisions about segments.
    pub(super) segments: u64,
}

impl Cost {
    /// The cost of a flag that needs nothing, or does not exist.
    const LEAST: Self = Self {
        flags: 1,
        segments: 0,
    };

    /// Returns what is more than in `before`, and 0 elsewhere.
    pub(super) fn beyond(self, before: Self) -> Self {
        let if_more = |before: u64, after: u64| if before < after { after } else { 0 };
        Self {
            flags: if_more(before.flags, self.flags),
            segments: if_more(before.segments, self.segments),
        }
    }

    /// Describes each part that is not allowed, with its place in the flag.
    pub(super) fn excess(self) -> impl Iterator<Item = (&'static str, String)> {
        let flags = match self.flags {
            ENDLESS.. => Some(format!(
                "the prerequisites form a cycle or a chain of more than {MAX_DEPTH}"
            )),
            steps if steps > MOST_STEPS => Some(format!(
                "the prerequisites take {steps} steps; at most {MOST_STEPS} are allowed"
            )),
            _ => None,
        };
        let segments = match self.segments {
            ENDLESS.. => Some(format!(
                "the segments form a cycle or a chain of more than {MAX_DEPTH}"
            )),
            cost if cost > u64::from(MOST_SEGMENTS) => Some(format!(
                "an evaluation may take {cost} decisions about segments; at most {MOST_SEGMENTS} are allowed"
            )),
            _ => None,
        };
        let flags = flags.map(|message| ("/prerequisites", message));
        flags
            .into_iter()
            .chain(segments.map(|message| ("/rules", message)))
    }

    fn plus(self, other: Self) -> Self {
        Self {
            flags: sum(self.flags, other.flags),
            segments: sum(self.segments, other.segments),
        }
    }
}

fn sum(one: u64, other: u64) -> u64 {
    one.saturating_add(other).min(ENDLESS)
}

/// Counts costs: a definition that is reached on two ways counts twice.
pub(super) struct Costs<'a> {
    others: &'a dyn Definitions,
    /// Replaces the stored one.
    written: Option<&'a Segment>,
    /// The longest chain below each flag, and its cost. An entry is there while it is counted, which ends cycles.
    flags: Map<&'a str, (usize, Cost)>,
    /// The decisions of the rules of each flag.
    rules: Map<&'a str, u64>,
    segments: Map<&'a str, (usize, u64)>,
}

impl<'a> Costs<'a> {
    /// Counts with the definitions as they are.
    pub(super) fn of(others: &'a dyn Definitions) -> Self {
        Self {
            others,
            written: None,
            flags: Map::default(),
            rules: Map::default(),
            segments: Map::default(),
        }
    }

    /// Counts with a segment that is written.
    pub(super) fn with(segment: &'a Segment, others: &'a dyn Definitions) -> Self {
        Self {
            written: Some(segment),
            ..Self::of(others)
        }
    }

    /// Returns the cost of a flag.
    pub(super) fn flag(&mut self, key: &str) -> Cost {
        self.flag_below(key, 0).1
    }

    /// Returns the cost of a flag of the definitions.
    pub(super) fn known_flag(&mut self, flag: &Flag) -> Cost {
        // Most flags, which need no entry.
        match flag.prerequisites.is_empty() && flag.needed_segments().next().is_none() {
            true => Cost::LEAST,
            false => self.flag(flag.key.as_str()),
        }
    }

    /// Returns the cost of a flag that is written and that no flag below it needs.
    pub(super) fn written_flag(&mut self, flag: &Flag) -> Cost {
        let own = Cost {
            flags: 1,
            segments: self.sum(flag.needed_segments(), 0).1,
        };
        flag_needs(flag).fold(own, |cost, key| cost.plus(self.flag_below(key, 1).1))
    }

    /// Returns the costs of flags if one of those that they need has another cost.
    pub(super) fn flags_above<'k>(
        &mut self,
        keys: impl Iterator<Item = &'k str>,
        needed: &'a str,
        cost: Cost,
    ) -> Vec<Cost> {
        let height = self.flag_below(needed, 0).0;
        let replaced = Map::from_iter([(needed, (height, cost))]);
        let known = mem::replace(&mut self.flags, replaced);
        let costs = keys.map(|key| self.flag(key)).collect();
        self.flags = known;
        costs
    }

    fn flag_below(&mut self, key: &str, depth: usize) -> (usize, Cost) {
        if let Some(known) = self.flags.get(key) {
            return *known;
        }
        let endless = |segments: u64| Cost {
            flags: ENDLESS,
            segments,
        };
        if depth > MOST_FRAMES {
            return (MAX_DEPTH + 1, endless(0));
        }
        let Some(flag) = self.others.flag(key) else {
            return (0, Cost::LEAST);
        };
        let key = flag.key.as_str();
        self.flags.insert(key, (0, endless(0)));
        let own = Cost {
            flags: 1,
            segments: self.rules_of(flag),
        };
        let (height, cost) = flag_needs(flag).fold((0, own), |(height, cost), needed| {
            let (below, its_cost) = self.flag_below(needed, depth + 1);
            (height.max(below + 1), cost.plus(its_cost))
        });
        let found = match height > MAX_DEPTH {
            true => (height, endless(cost.segments)),
            false => (height, cost),
        };
        self.flags.insert(key, found);
        found
    }

    fn rules_of(&mut self, flag: &'a Flag) -> u64 {
        let key = flag.key.as_str();
        if let Some(known) = self.rules.get(key) {
            return *known;
        }
        let sum = self.sum(flag.needed_segments(), 0).1;
        self.rules.insert(key, sum);
        sum
    }

    /// Returns the longest chain below a segment, and its decisions: [`ENDLESS`] in a cycle or beyond the depth.
    pub(super) fn segment(&mut self, key: &str) -> (usize, u64) {
        self.segment_below(key, 0)
    }

    fn segment_below(&mut self, key: &str, depth: usize) -> (usize, u64) {
        if let Some(known) = self.segments.get(key) {
            return *known;
        }
        if depth > MOST_FRAMES {
            return (MAX_DEPTH + 1, ENDLESS);
        }
        let written = self.written.filter(|segment| segment.key.as_str() == key);
        let Some(segment) = written.or_else(|| self.others.segment(key)) else {
            return (0, 1);
        };
        let key = segment.key.as_str();
        self.segments.insert(key, (0, ENDLESS));
        let (height, below) = self.sum(segment.needed_segments(), depth + 1);
        let found = match height > MAX_DEPTH {
            true => (height, ENDLESS),
            false => (height, sum(below, 1)),
        };
        self.segments.insert(key, found);
        found
    }

    /// Returns the longest chain of segments, and all decisions.
    fn sum<'k>(&mut self, keys: impl Iterator<Item = &'k str>, depth: usize) -> (usize, u64) {
        keys.fold((0, 0), |(height, known), key| {
            let (below, cost) = self.segment_below(key, depth);
            (height.max(below + 1), sum(known, cost))
        })
    }
}
