//! The decisions about segments that an evaluation may need.

use std::collections::{BTreeSet, HashMap};

use super::{definitions::Definitions, graph::MAX_DEPTH, needs::needed_segments};
use crate::flag::{
    evaluate::MOST_SEGMENTS,
    model::{Clause, Flag, Segment},
    problem::{ProblemCode, Problems},
};

/// The decisions of a circle. Sums of other decisions are smaller.
const ENDLESS: u64 = u64::MAX / 2;
/// The longest chain that is followed, far beyond what is allowed.
const MOST_FRAMES: usize = 100;

/// Counts decisions: a segment that is reached on two ways counts twice.
pub(super) struct Cost<'a> {
    others: &'a dyn Definitions,
    flag: Option<&'a Flag>,
    segment: Option<&'a Segment>,
    /// An entry is there while it is counted, which ends circles.
    flags: HashMap<&'a str, u64>,
    segments: HashMap<&'a str, (usize, u64)>,
}

impl<'a> Cost<'a> {
    /// Counts with the definitions as they are.
    pub(super) fn of(others: &'a dyn Definitions) -> Self {
        Self {
            others,
            flag: None,
            segment: None,
            flags: HashMap::new(),
            segments: HashMap::new(),
        }
    }

    fn flag_of(&mut self, key: &'a str) -> u64 {
        self.flag_below(key, 0)
    }

    fn flag_below(&mut self, key: &'a str, depth: usize) -> u64 {
        if let Some(known) = self.flags.get(key) {
            return *known;
        }
        // An evaluation ends there.
        if depth > MAX_DEPTH {
            return 0;
        }
        self.flags.insert(key, 0);
        let written = self.flag.filter(|flag| flag.key.as_str() == key);
        let mut sum = 0_u64;
        if let Some(flag) = written.or_else(|| self.others.flag(key)) {
            let clauses = flag.rules.iter().flat_map(|rule| &rule.clauses);
            sum = self.clauses(clauses, 0).1;
            for needed in &flag.prerequisites {
                let below = self.flag_below(needed.flag_key.as_str(), depth + 1);
                sum = sum.saturating_add(below);
            }
        }
        self.flags.insert(key, sum);
        sum
    }

    /// Returns the longest chain below a segment, and its decisions: [`ENDLESS`] in a circle or beyond the depth.
    fn segment_of(&mut self, key: &'a str, depth: usize) -> (usize, u64) {
        if let Some(known) = self.segments.get(key) {
            return *known;
        }
        if depth > MOST_FRAMES {
            return (MAX_DEPTH + 1, ENDLESS);
        }
        self.segments.insert(key, (0, ENDLESS));
        let written = self.segment.filter(|segment| segment.key.as_str() == key);
        let mut found = (0, 1);
        if let Some(segment) = written.or_else(|| self.others.segment(key)) {
            let clauses = segment.rules.iter().flat_map(|rule| &rule.clauses);
            let (height, below) = self.clauses(clauses, depth + 1);
            found = match height > MAX_DEPTH {
                true => (height, ENDLESS),
                false => (height, below.saturating_add(1)),
            };
        }
        self.segments.insert(key, found);
        found
    }

    /// Returns the longest chain of segments, and all decisions.
    fn clauses(&mut self, clauses: impl Iterator<Item = &'a Clause>, depth: usize) -> (usize, u64) {
        let needed = clauses.flat_map(needed_segments);
        needed.fold((0, 0_u64), |(height, sum), (_, key)| {
            let (below, cost) = self.segment_of(key, depth);
            (height.max(below + 1), sum.saturating_add(cost))
        })
    }

    /// Describes a flag that may need too many decisions.
    pub(super) fn excess(&mut self, flag: &'a str) -> Option<String> {
        match self.flag_of(flag) {
            ENDLESS.. => Some(format!(
                "the segments form a circle or a chain of more than {MAX_DEPTH}"
            )),
            cost if cost > u64::from(MOST_SEGMENTS) => Some(format!(
                "an evaluation may take {cost} decisions about segments; at most {MOST_SEGMENTS} are allowed"
            )),
            _ => None,
        }
    }

    /// Reports the flags that need too many decisions after a change, and more than before.
    fn excesses(
        &mut self,
        flags: impl Iterator<Item = &'a str>,
        own: Option<&str>,
        problems: &mut Problems,
    ) {
        let mut before = Cost::of(self.others);
        for key in flags {
            let Some(excess) = self.excess(key) else {
                continue;
            };
            if own == Some(key) {
                problems.push("/rules", ProblemCode::TooDeep, excess);
            } else if before.flag_of(key) < self.flag_of(key) {
                let message = format!("the flag `{key}` would be too wide: {excess}");
                problems.push("/rules", ProblemCode::TooDeep, message);
            }
        }
    }
}

/// Checks a flag that is written, and those that need it.
pub(super) fn of_flag<'a>(flag: &'a Flag, others: &'a dyn Definitions, problems: &mut Problems) {
    let mut cost = Cost {
        flag: Some(flag),
        ..Cost::of(others)
    };
    let own = flag.key.as_str();
    // Flags without segments below them change nothing for others.
    if cost.flag_of(own) == 0 {
        return;
    }
    let mut affected = BTreeSet::from([own]);
    let mut open = vec![own];
    while let Some(key) = open.pop() {
        for other in others.flags() {
            let mut needs = other.prerequisites.iter();
            if needs.any(|needed| needed.flag_key.as_str() == key)
                && affected.insert(other.key.as_str())
            {
                open.push(other.key.as_str());
            }
        }
    }
    cost.excesses(affected.into_iter(), Some(own), problems);
}

/// Checks the flags that use a segment that is written.
pub(super) fn of_segment<'a>(
    segment: &'a Segment,
    others: &'a dyn Definitions,
    problems: &mut Problems,
) {
    let mut cost = Cost {
        segment: Some(segment),
        ..Cost::of(others)
    };
    let flags = others.flags().map(|flag| flag.key.as_str());
    cost.excesses(flags, None, problems);
}
