//! The decisions about segments that an evaluation may need.

use std::{collections::HashMap, mem};

use super::{definitions::Definitions, graph::MAX_DEPTH, needs::flag_needs};
use crate::flag::{
    evaluate::MOST_SEGMENTS,
    model::{Flag, Segment},
};

/// The decisions of a cycle. Sums of other decisions are smaller.
const ENDLESS: u64 = u64::MAX / 2;
/// The longest chain that is followed, far beyond what is allowed.
const MOST_FRAMES: usize = 100;

/// Counts decisions: a segment that is reached on two ways counts twice.
pub(super) struct Costs<'a> {
    others: &'a dyn Definitions,
    /// Replaces the stored one.
    written: Option<&'a Segment>,
    /// An entry is there while it is counted, which ends cycles.
    flags: HashMap<&'a str, u64>,
    /// The decisions of the rules of each flag.
    rules: HashMap<&'a str, u64>,
    segments: HashMap<&'a str, (usize, u64)>,
}

impl<'a> Costs<'a> {
    /// Counts with the definitions as they are.
    pub(super) fn of(others: &'a dyn Definitions) -> Self {
        Self {
            others,
            written: None,
            flags: HashMap::new(),
            rules: HashMap::new(),
            segments: HashMap::new(),
        }
    }

    /// Counts with a segment that is written.
    pub(super) fn with(segment: &'a Segment, others: &'a dyn Definitions) -> Self {
        Self {
            written: Some(segment),
            ..Self::of(others)
        }
    }

    /// Returns the decisions of a flag.
    pub(super) fn flag(&mut self, key: &str) -> u64 {
        self.flag_below(key, 0)
    }

    /// Returns the decisions of a flag that is written and that no flag below it needs.
    pub(super) fn written_flag(&mut self, flag: &Flag) -> u64 {
        let below = flag_needs(flag).fold(0_u64, |sum, key| {
            sum.saturating_add(self.flag_below(key, 1))
        });
        below.saturating_add(self.sum(flag.needed_segments(), 0).1)
    }

    /// Returns the decisions of flags if one of those that they need has others.
    pub(super) fn flags_above<'k>(
        &mut self,
        keys: impl Iterator<Item = &'k str>,
        needed: &'a str,
        cost: u64,
    ) -> Vec<u64> {
        let known = mem::replace(&mut self.flags, HashMap::from([(needed, cost)]));
        let costs = keys.map(|key| self.flag(key)).collect();
        self.flags = known;
        costs
    }

    fn flag_below(&mut self, key: &str, depth: usize) -> u64 {
        if let Some(known) = self.flags.get(key) {
            return *known;
        }
        let flag = match depth {
            ..=MAX_DEPTH => self.others.flag(key),
            // An evaluation ends there.
            _ => None,
        };
        let Some(flag) = flag else {
            return 0;
        };
        let key = flag.key.as_str();
        self.flags.insert(key, 0);
        let mut sum = self.rules_of(flag);
        for needed in flag_needs(flag) {
            sum = sum.saturating_add(self.flag_below(needed, depth + 1));
        }
        self.flags.insert(key, sum);
        sum
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
            false => (height, below.saturating_add(1)),
        };
        self.segments.insert(key, found);
        found
    }

    /// Returns the longest chain of segments, and all decisions.
    fn sum<'k>(&mut self, keys: impl Iterator<Item = &'k str>, depth: usize) -> (usize, u64) {
        keys.fold((0, 0_u64), |(height, sum), key| {
            let (below, cost) = self.segment_below(key, depth);
            (height.max(below + 1), sum.saturating_add(cost))
        })
    }
}

/// Describes a flag that may need too many decisions.
pub(super) fn excess(cost: u64) -> Option<String> {
    match cost {
        ENDLESS.. => Some(format!(
            "the segments form a cycle or a chain of more than {MAX_DEPTH}"
        )),
        cost if cost > u64::from(MOST_SEGMENTS) => Some(format!(
            "an evaluation may take {cost} decisions about segments; at most {MOST_SEGMENTS} are allowed"
        )),
        _ => None,
    }
}
