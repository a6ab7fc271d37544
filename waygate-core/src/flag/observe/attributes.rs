use std::collections::BTreeSet;

use crate::flag::{
    evaluate::FlagSet,
    model::{Clause, Flag, Segment},
};

/// An attribute that a definition reads.
///
/// ```
/// use serde_json::json;
/// use waygate_core::flag::{Flag, ReadAttribute, Segment};
///
/// let flag = Flag::parse(&json!({
///     "key": "search", "name": "Search", "type": "boolean",
///     "variations": [{"name": "on", "value": true}, {"name": "off", "value": false}], "off_variation": "off",
///     "rules": [{
///         "clauses": [{"attribute": "/address/city", "operator": "is", "values": ["Turin"]}], "variation": "on",
///     }],
///     "fallthrough": "off",
/// }))?;
/// let read: Vec<ReadAttribute> = ReadAttribute::of_flag(&flag).into_iter().collect();
/// assert_eq!((read[0].kind.as_deref(), read[0].name.as_str()), (None, "address"));
/// let beta = Segment::parse(&json!({"key": "beta", "name": "Beta", "included": ["user-1"]}))?;
/// assert!(ReadAttribute::of_segment(&beta).is_empty());
/// # Ok::<(), waygate_core::flag::Problems>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub struct ReadAttribute {
    /// The kind of context; `None` is the primary one.
    pub kind: Option<String>,
    /// The name; of a nested attribute, the first one.
    pub name: String,
}

impl ReadAttribute {
    /// Returns the attributes that a flag reads, without those that its segments read.
    pub fn of_flag(flag: &Flag) -> BTreeSet<Self> {
        let clauses = flag.rules.iter().flat_map(|rule| &rule.clauses);
        let rules = flag.rules.iter();
        let by = rules.map(|rule| (&rule.context_kind, &rule.bucket_by));
        let by = by.chain([(&flag.context_kind, &flag.bucket_by)]);
        of_clauses(clauses).chain(by.filter_map(bucketed)).collect()
    }

    /// Returns the attributes that a segment reads, without those of others that it contains.
    pub fn of_segment(segment: &Segment) -> BTreeSet<Self> {
        let clauses = segment.rules.iter().flat_map(|rule| &rule.clauses);
        let by = segment.rules.iter();
        let by = by.map(|rule| (&segment.context_kind, &rule.bucket_by));
        of_clauses(clauses).chain(by.filter_map(bucketed)).collect()
    }
}

impl FlagSet {
    /// Returns all attributes that its flags and segments read.
    pub fn attributes(&self) -> BTreeSet<ReadAttribute> {
        let flags = self.flags();
        let flags = flags.flat_map(|flag| ReadAttribute::of_flag(flag.definition()));
        let segments = self.segments();
        let segments = segments.flat_map(|it| ReadAttribute::of_segment(it.definition()));
        flags.chain(segments).collect()
    }
}

fn of_clauses<'a>(
    clauses: impl Iterator<Item = &'a Clause> + 'a,
) -> impl Iterator<Item = ReadAttribute> + 'a {
    clauses.map(|clause| named(clause.context_kind.clone(), &clause.attribute))
}

fn bucketed((kind, by): (&Option<String>, &Option<String>)) -> Option<ReadAttribute> {
    Some(named(kind.clone(), by.as_deref()?))
}

fn named(kind: Option<String>, attribute: &str) -> ReadAttribute {
    let first = attribute.strip_prefix('/').map(|rest| {
        let name = rest.split('/').next().unwrap_or_default();
        name.replace("~1", "/").replace("~0", "~")
    });
    ReadAttribute {
        kind,
        name: first.unwrap_or_else(|| attribute.to_owned()),
    }
}
