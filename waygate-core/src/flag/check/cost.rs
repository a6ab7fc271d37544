//! The decisions about segments that an evaluation may need.

use std::collections::{BTreeSet, HashMap};

use super::{definitions::Definitions, references::needed_segments};
use crate::flag::{
    evaluate::MOST_SEGMENTS,
    model::{Clause, Flag, Segment},
    problem::{ProblemCode, Problems},
};

/// Counts decisions: a segment that is reached on two ways counts twice.
pub(super) struct Cost<'a> {
    others: &'a dyn Definitions,
    flag: Option<&'a Flag>,
    segment: Option<&'a Segment>,
    /// An entry is there while it is counted, which ends circles. They are refused by another check.
    flags: HashMap<&'a str, u64>,
    segments: HashMap<&'a str, u64>,
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
        if let Some(known) = self.flags.get(key) {
            return *known;
        }
        self.flags.insert(key, 0);
        let written = self.flag.filter(|flag| flag.key.as_str() == key);
        let mut sum = 0_u64;
        if let Some(flag) = written.or_else(|| self.others.flag(key)) {
            sum = self.clauses(flag.rules.iter().flat_map(|rule| &rule.clauses));
            for needed in &flag.prerequisites {
                sum = sum.saturating_add(self.flag_of(needed.flag_key.as_str()));
            }
        }
        self.flags.insert(key, sum);
        sum
    }

    fn segment_of(&mut self, key: &'a str) -> u64 {
        if let Some(known) = self.segments.get(key) {
            return *known;
        }
        self.segments.insert(key, 1);
        let written = self.segment.filter(|segment| segment.key.as_str() == key);
        let mut sum = 1;
        if let Some(segment) = written.or_else(|| self.others.segment(key)) {
            sum += self.clauses(segment.rules.iter().flat_map(|rule| &rule.clauses));
        }
        self.segments.insert(key, sum);
        sum
    }

    fn clauses(&mut self, clauses: impl Iterator<Item = &'a Clause>) -> u64 {
        let needed = clauses.flat_map(needed_segments);
        needed.fold(0, |sum, (_, key)| {
            sum.saturating_add(self.segment_of(key)).min(u64::MAX / 2)
        })
    }

    /// Describes a flag that may need too many decisions.
    pub(super) fn excess(&mut self, flag: &'a str) -> Option<String> {
        let cost = self.flag_of(flag);
        (cost > u64::from(MOST_SEGMENTS)).then(|| {
            format!("an evaluation may take {cost} decisions about segments; at most {MOST_SEGMENTS} are allowed")
        })
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
