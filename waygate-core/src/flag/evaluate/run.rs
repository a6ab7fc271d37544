use super::{
    memo::{Membership, Memo},
    outcome::{Outcome, Undecided},
    set::FlagSet,
    step::{SplitPart, StepEvent, json},
    trace::Trace,
};
use crate::{
    flag::{
        compile::{
            Choice, CompiledClause, CompiledFlag, CompiledRule, CompiledSegment, Gate, KindTargets,
            Matcher, Split,
        },
        context::Context,
        key::SegmentKey,
        model::Clause,
        outcome::{Cause, ErrorCode},
    },
    port::Clock,
};

/// The longest chain of prerequisites or segments (wire contract, section 9).
const MAX_DEPTH: u8 = 10;

/// The most prerequisites of one evaluation. Flags that need more are refused when they are written.
const MOST_FLAGS: u32 = 1_000;
/// The most decisions about segments of one evaluation. Flags that may need more are refused when they are written.
pub(in crate::flag) const MOST_SEGMENTS: u32 = 10_000;

/// One evaluation.
pub(super) struct Run<'s, 'c, C: ?Sized, T> {
    set: &'s FlagSet,
    context: &'c C,
    clock: &'c dyn Clock,
    flags: u32,
    segments: u32,
    memo: Memo<'s>,
    trace: T,
}

/// The place of a clause, for explanations.
#[derive(Clone, Copy)]
struct At<'a> {
    flag: &'a CompiledFlag,
    depth: u8,
}

impl<'s, 'c, C: Context + ?Sized, T: Trace> Run<'s, 'c, C, T> {
    pub(super) fn new(set: &'s FlagSet, context: &'c C, clock: &'c dyn Clock, trace: T) -> Self {
        Self {
            set,
            context,
            clock,
            flags: 0,
            segments: 0,
            memo: Memo::new(),
            trace,
        }
    }

    pub(super) fn into_trace(self) -> T {
        self.trace
    }

    pub(super) fn flag(&mut self, flag: &'s CompiledFlag, depth: u8) -> Outcome<'s> {
        let at = At { flag, depth };
        self.flags += 1;
        if depth > MAX_DEPTH || self.flags > MOST_FLAGS {
            return Outcome::error(Some(flag.off), ErrorCode::General);
        }
        let definition = &**flag.definition();
        if !definition.enabled {
            self.see(at, || StepEvent::Disabled);
            return Outcome::fixed(flag.off, Cause::Disabled);
        }
        if flag.is_static
            && let Choice::Fixed(variation) = flag.fallthrough
        {
            return Outcome::fixed(variation, Cause::Static);
        }
        for prerequisite in &definition.prerequisites {
            let key = prerequisite.flag_key.as_str();
            let found = self.set.flag(key).and_then(|other| {
                let outcome = self.flag(other, depth + 1);
                // Only Python Waygate takes the variation of a flag beyond the depth for a result.
                let is_error = matches!(outcome.cause, Cause::Error(_)) && !other.is_python();
                other.variation(outcome.variation.filter(|_| !is_error)?)
            });
            let passed = found.is_some_and(|found| *found.name == *prerequisite.variation);
            self.see(at, || StepEvent::Prerequisite {
                key: key.to_owned(),
                required: prerequisite.variation.clone(),
                found: found.map(|found| found.name.to_string()),
                passed,
            });
            if !passed {
                return Outcome::fixed(flag.off, Cause::Prerequisite { key });
            }
        }
        if let Some(variation) = self.target(at) {
            return Outcome::fixed(variation, Cause::Target);
        }
        match self.gates(at) {
            Ok(None) => {}
            Ok(Some((cause, bucket))) => {
                return Outcome {
                    bucket: Some(bucket),
                    ..Outcome::fixed(flag.off, cause)
                };
            }
            Err(code) => return Outcome::error(None, code),
        }
        for (index, rule) in flag.rules.iter().enumerate() {
            match self.rule(at, index, rule) {
                Ok(false) => {}
                Ok(true) => {
                    let id = definition.rules.get(index).map_or("", |rule| &*rule.id);
                    return self.choose(at, rule.choice.as_ref(), Cause::Rule { index, id });
                }
                Err(undecided) => return Outcome::undecided(undecided),
            }
        }
        self.choose(at, None, Cause::Fallthrough)
    }

    fn target(&mut self, at: At<'s>) -> Option<u16> {
        let flag = at.flag;
        if flag.targets.is_empty() && flag.context_targets.is_empty() {
            return None;
        }
        let context = self.context;
        let of_kind = |of_kind: &KindTargets| {
            let key = context.key(Some(&of_kind.kind))?;
            of_kind.keys.get(key).copied()
        };
        let key = context.key(None);
        let target = key.and_then(|key| flag.targets.get(key).copied());
        let target = target.or_else(|| flag.context_targets.iter().find_map(of_kind));
        self.see(at, || StepEvent::Targets {
            variation: target
                .and_then(|target| flag.variation(target))
                .map(|target| target.name.to_string()),
        });
        target
    }

    /// Returns what keeps the context out, with its bucket.
    fn gates(&mut self, at: At<'s>) -> Result<Option<(Cause<'s>, u32)>, ErrorCode> {
        let definition = at.flag.definition();
        if let (Some(gate), Some(holdout)) = (&at.flag.holdout, &definition.holdout) {
            let (bucket, inside) = self.gate(at, gate, "holdout", &holdout.name)?;
            if inside {
                return Ok(Some((Cause::Holdout, bucket)));
            }
        }
        if let (Some(gate), Some(layer)) = (&at.flag.layer, &definition.layer) {
            let (bucket, inside) = self.gate(at, gate, "layer", &layer.layer)?;
            if !inside {
                return Ok(Some((Cause::Layer, bucket)));
            }
        }
        Ok(None)
    }

    fn gate(
        &mut self,
        at: At<'s>,
        gate: &Gate,
        of: &'static str,
        name: &str,
    ) -> Result<(u32, bool), ErrorCode> {
        let bucket = gate.by.bucket(&gate.bucketer, self.context, |_| {});
        let inside = bucket.is_ok_and(|bucket| gate.has(bucket));
        self.see(at, || StepEvent::Gate {
            gate: of,
            name: name.to_owned(),
            bucket: bucket.ok(),
            passed: bucket.is_ok() && inside == (of == "layer"),
        });
        bucket.map(|bucket| (bucket, inside))
    }

    fn rule(&mut self, at: At<'s>, index: usize, rule: &'s CompiledRule) -> Membership {
        let definition = at.flag.definition().rules.get(index);
        let clauses = definition.map_or(&[][..], |rule| &*rule.clauses);
        let matched = self.clauses(at, &rule.clauses, None, index, clauses, 0);
        self.see(at, || StepEvent::Rule {
            index,
            id: definition.map(|rule| rule.id.clone()).unwrap_or_default(),
            matched: matched == Ok(true),
        });
        matched
    }

    /// Returns whether all clauses of a rule match: none decides if one does not, whatever the others are.
    /// `definitions` are for explanations.
    fn clauses(
        &mut self,
        at: At<'s>,
        clauses: &'s [CompiledClause],
        segment: Option<&'s CompiledSegment>,
        rule: usize,
        definitions: &'s [Clause],
        depth: u8,
    ) -> Membership {
        let mut all = Ok(true);
        for (index, clause) in clauses.iter().enumerate() {
            let value = match clause.matcher {
                Matcher::Segments(_) => None,
                _ => clause.read(self.context),
            };
            let matched = match &clause.matcher {
                Matcher::Segments(_) if clause.never_matches() => Ok(false),
                Matcher::Segments(keys) => self
                    .any_segment(at, clause, keys, depth)
                    .map(|member| clause.holds_for_member(member)),
                _ => Ok(clause.holds(value)),
            };
            all = match (all, matched) {
                (Ok(false), _) | (_, Ok(false)) => Ok(false),
                (all, Ok(true)) => all,
                (all, Err(undecided)) => all.and(Err(undecided)),
            };
            if let Some(definition) = definitions.get(index) {
                self.see(at, || StepEvent::Clause {
                    segment: segment.map(|segment| segment.definition().key.to_string()),
                    rule,
                    clause: index,
                    attribute: definition.attribute.clone(),
                    operator: definition.operator,
                    values: definition.values.clone(),
                    negate: definition.negate,
                    actual: json(value),
                    matched: matched == Ok(true),
                });
            }
            if all == Ok(false) && !T::ALL {
                break;
            }
        }
        all
    }

    /// Returns whether the context is a member of any of the segments.
    fn any_segment(
        &mut self,
        at: At<'s>,
        clause: &CompiledClause,
        keys: &[SegmentKey],
        depth: u8,
    ) -> Membership {
        let mut any = Ok(false);
        for key in keys {
            let member = match self.set.segment(key.as_str()) {
                Some(segment) => self.segment(at, segment, depth),
                None if clause.is_python() => Ok(false),
                None => Err(Undecided::Missing),
            };
            match member {
                Ok(true) => return Ok(true),
                Ok(false) => {}
                Err(Undecided::Cycle) if clause.is_python() => {}
                Err(undecided) => any = any.and(Err(undecided)),
            }
        }
        any
    }

    /// Returns whether the context is a member of a segment.
    fn segment(&mut self, at: At<'s>, segment: &'s CompiledSegment, depth: u8) -> Membership {
        if let Some(membership) = self.memo.get(segment) {
            return membership;
        }
        self.segments += 1;
        if depth > MAX_DEPTH || self.segments > MOST_SEGMENTS {
            return Err(Undecided::Limit);
        }
        if segment.is_unreadable() {
            return Err(Undecided::Missing);
        }
        let place = self.memo.start(segment);
        let key = self.context.key(segment.kind.as_deref());
        let listed = key.and_then(|key| segment.keys.get(key)).copied();
        let membership = match listed {
            Some(member) => Ok(member),
            None => self.any_rule(at, segment, depth),
        };
        self.memo.finish(place, membership);
        self.see(at, || StepEvent::Segment {
            key: segment.definition().key.to_string(),
            member: membership == Ok(true),
        });
        membership
    }

    /// Returns whether the context matches any rule of a segment.
    fn any_rule(&mut self, at: At<'s>, segment: &'s CompiledSegment, depth: u8) -> Membership {
        let definition = &**segment.definition();
        let mut any = Ok(false);
        for (index, rule) in segment.rules.iter().enumerate() {
            let in_share = |share: &Gate| {
                let bucket = share.by.bucket(&share.bucketer, self.context, |_| {});
                bucket.is_ok_and(|bucket| share.has(bucket))
            };
            if !rule.share.as_ref().is_none_or(in_share) {
                continue;
            }
            let clauses = definition.rules.get(index);
            let clauses = clauses.map_or(&[][..], |rule| &*rule.clauses);
            match self.clauses(at, &rule.clauses, Some(segment), index, clauses, depth + 1) {
                Ok(true) => return Ok(true),
                Ok(false) => {}
                Err(undecided) => any = any.and(Err(undecided)),
            }
        }
        any
    }

    /// Returns the outcome of a rule, or of the fallthrough if it has none.
    fn choose(&mut self, at: At<'s>, choice: Option<&'s Choice>, cause: Cause<'s>) -> Outcome<'s> {
        let flag = at.flag;
        if let (None, Some(split), Some(progressive)) =
            (choice, &flag.progressive, &flag.definition().progressive)
        {
            let end = progressive.weight(self.clock.now());
            return self.split(at, split, cause, Some(end));
        }
        match choice.unwrap_or(&flag.fallthrough) {
            Choice::Fixed(variation) => Outcome::fixed(*variation, cause),
            Choice::Split(split) => self.split(at, split, cause, None),
        }
    }

    /// Returns the part of the bucket. The first one ends at `end`, if it is given.
    fn split(
        &mut self,
        at: At<'s>,
        split: &'s Split,
        cause: Cause<'s>,
        end: Option<u32>,
    ) -> Outcome<'s> {
        let mut seen = None;
        let bucket = split.by.bucket(&split.bucketer, self.context, |value| {
            if T::ALL {
                seen = Some(value.to_owned());
            }
        });
        self.see(at, || {
            let name = |index| at.flag.variation(index).map(|named| named.name.to_string());
            let parts = split
                .parts
                .iter()
                .enumerate()
                .map(|(index, (until, variation))| {
                    let end = end.filter(|_| index == 0).unwrap_or(*until);
                    let variation = name(*variation).unwrap_or_default();
                    SplitPart { end, variation }
                });
            StepEvent::Split {
                hash: split.bucketer.algorithm(),
                value: seen,
                bucket: bucket.ok(),
                parts: parts.collect(),
            }
        });
        let bucket = match bucket {
            Ok(bucket) => bucket,
            Err(code) => return Outcome::error(None, code),
        };
        let variation = match (end, &*split.parts) {
            (Some(end), [(_, first), ..]) if bucket < end => Some(*first),
            _ => split.variation(bucket),
        };
        match variation {
            Some(variation) => Outcome {
                bucket: Some(bucket),
                ..Outcome::fixed(variation, cause)
            },
            None => Outcome::error(None, ErrorCode::ParseError),
        }
    }

    fn see(&mut self, at: At<'_>, event: impl FnOnce() -> StepEvent) {
        if T::ALL {
            let key = at.flag.definition().key.as_str();
            self.trace.see(key, at.depth, event);
        }
    }
}
