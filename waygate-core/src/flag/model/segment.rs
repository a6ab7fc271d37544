use jiff::Timestamp;
use serde::Serialize;

use super::rule::Clause;
use crate::{flag::key::SegmentKey, model::text::maybe_instant};

/// A named set of contexts. `excluded` comes before `included`, and both before the rules.
///
/// ```
/// use serde_json::json;
/// use waygate_core::flag::Segment;
///
/// let beta = Segment::parse(&json!({
///     "key": "beta", "name": "Beta testers", "included": ["user-1"], "excluded": ["user-2"],
///     "rules": [{"clauses": [{"attribute": "email", "operator": "ends_with", "values": ["@example.com"]}]}],
/// }))?;
/// assert_eq!(beta.rules.len(), 1);
///
/// let renamed = beta.patch(&json!({"name": "Beta"}))?;
/// assert_eq!(renamed.name, "Beta");
/// assert!(Segment::stored(&json!({"key": "beta"})).is_err(), "a segment has a name");
/// # Ok::<(), waygate_core::flag::Problems>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[non_exhaustive]
pub struct Segment {
    /// The key, which never changes.
    pub key: SegmentKey,
    /// The name for people.
    pub name: String,
    /// The purpose.
    pub description: String,
    /// Keys of members.
    pub included: Vec<String>,
    /// Keys of contexts that are no members.
    pub excluded: Vec<String>,
    /// Rules; a context is a member if any of them matches.
    pub rules: Vec<SegmentRule>,
    /// Labels for people.
    pub tags: Vec<String>,
    /// The time of creation.
    #[serde(with = "maybe_instant")]
    #[cfg_attr(feature = "schema", schema(value_type = Option<String>, format = DateTime))]
    pub created_at: Option<Timestamp>,
    /// The time of the last change.
    #[serde(with = "maybe_instant")]
    #[cfg_attr(feature = "schema", schema(value_type = Option<String>, format = DateTime))]
    pub updated_at: Option<Timestamp>,
    /// The kind of context with these keys; `None` is the primary kind.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub context_kind: Option<String>,
}

/// A rule of a segment: it matches if all of its clauses do, and without clauses always.
///
/// ```
/// use serde_json::json;
/// use waygate_core::flag::Segment;
///
/// let tenth = Segment::parse(&json!({
///     "key": "tenth", "name": "A tenth of all", "rules": [{"clauses": [], "weight": 10_000}],
/// }))?;
/// assert_eq!(tenth.rules[0].weight, Some(10_000));
/// # Ok::<(), waygate_core::flag::Problems>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[non_exhaustive]
pub struct SegmentRule {
    /// The identity, unique within the segment.
    pub id: String,
    /// The purpose.
    pub description: String,
    /// The conditions.
    pub clauses: Vec<Clause>,
    /// The buckets of contexts that match, of 100,000; `None` is all. The seed is the key of the segment.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub weight: Option<u32>,
    /// The attribute with the bucket; `None` is the key of the context.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bucket_by: Option<String>,
}
