//! `$evaluators` as segments.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde_json::{Map, Value};

use super::{
    alternatives::Alternatives,
    condition::Conditions,
    expression::Node,
    parse::{Parser, evaluator_pointer},
};
use crate::flag::{
    check::needed_segments,
    exchange::import::Refusal,
    key::SegmentKey,
    model::{Segment, SegmentRule},
};

/// The shared expressions of a document.
pub(super) struct Evaluators<'a> {
    pub(super) all: &'a Map<String, Value>,
    /// Those that are segments.
    pub(super) names: BTreeSet<String>,
    segments: BTreeMap<String, Segment>,
}

impl<'a> Evaluators<'a> {
    pub(super) fn new(all: &'a Map<String, Value>, now: Timestamp) -> Self {
        let none = BTreeSet::new();
        let now = now.as_second();
        let candidates = all.iter().filter_map(|(name, value)| {
            let key: SegmentKey = name.parse().ok()?;
            let mut parser = Parser::new("", all);
            let node = parser.parse(value, &evaluator_pointer(name)).ok()?;
            let plain = !parser.reads_flag_key && !node.reads_time();
            plain.then_some((name, key, node))
        });
        let conditions = Conditions {
            segments: &none,
            now,
        };
        // Constants need no segment.
        let is_segment = |node: &Node| {
            let condition = conditions.of(node);
            condition.is_ok_and(|condition| !condition.is_always() && !condition.is_never())
        };
        let candidates: Vec<_> = candidates.filter(|(_, _, node)| is_segment(node)).collect();
        let names = candidates
            .iter()
            .map(|(name, ..)| (*name).clone())
            .collect();
        let conditions = Conditions {
            segments: &names,
            now,
        };
        let segments = candidates.into_iter().filter_map(|(name, key, node)| {
            let condition = conditions.of(&node).ok()?;
            Some((name.clone(), segment(key, condition)))
        });
        Self {
            segments: segments.collect(),
            names,
            all,
        }
    }

    /// Returns the segments of these keys, and those that they need.
    pub(super) fn segments(
        mut self,
        mut used: BTreeSet<String>,
        refused: &mut Vec<Refusal>,
    ) -> Vec<Segment> {
        let mut segments = Vec::new();
        while let Some(name) = used.pop_first() {
            let Some(segment) = self.segments.remove(&name) else {
                continue;
            };
            let clauses = segment.rules.iter().flat_map(|rule| &rule.clauses);
            used.extend(
                clauses
                    .flat_map(needed_segments)
                    .map(|(_, key)| key.to_owned()),
            );
            let definition = serde_json::to_value(&segment).unwrap_or_default();
            match Segment::parse(&definition) {
                Ok(segment) => segments.push(segment),
                Err(problems) => refused.push(Refusal {
                    pointer: evaluator_pointer(&name),
                    key: name,
                    operator: None,
                    message: problems.to_string(),
                }),
            }
        }
        segments
    }
}

fn segment(key: SegmentKey, condition: Alternatives) -> Segment {
    let rules = condition.0.into_iter().enumerate();
    let rule = |(at, clauses)| SegmentRule {
        id: format!("rule-{}", at + 1),
        description: String::new(),
        clauses,
        weight: None,
        bucket_by: None,
    };
    Segment {
        name: key.to_string(),
        key,
        description: String::new(),
        included: Vec::new(),
        excluded: Vec::new(),
        rules: rules.map(rule).collect(),
        tags: Vec::new(),
        created_at: None,
        updated_at: None,
        context_kind: None,
    }
}
