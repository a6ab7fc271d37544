use serde::Serialize;
use serde_json::Value;

use super::{operator::Operator, rollout::WeightedVariation};

/// A rule of a flag: it matches if all of its clauses do, and without clauses always.
///
/// ```
/// use serde_json::json;
/// use waygate_core::flag::Flag;
///
/// let flag = Flag::parse(&json!({
///     "key": "search", "name": "Search", "type": "boolean",
///     "variations": [{"name": "on", "value": true}, {"name": "off", "value": false}],
///     "off_variation": "off",
///     "rules": [{
///         "clauses": [{"attribute": "plan", "operator": "in", "values": ["pro", "enterprise"]}],
///         "rollout": [{"variation": "on", "weight": 25_000}, {"variation": "off", "weight": 75_000}],
///         "bucket_by": "organization",
///     }],
///     "fallthrough": "off",
/// }))?;
/// assert_eq!(flag.rules[0].clauses.len(), 1);
/// # Ok::<(), waygate_core::flag::Problems>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[non_exhaustive]
pub struct Rule {
    /// The identity, unique within the flag.
    pub id: String,
    /// The purpose.
    pub description: String,
    /// The conditions.
    pub clauses: Vec<Clause>,
    /// The result. Before `rollout`; without both, the fallthrough.
    pub variation: Option<String>,
    /// The result by the bucket of the context.
    pub rollout: Option<Vec<WeightedVariation>>,
    /// Records evaluations by this rule. The evaluation does not read it.
    pub track_events: bool,
    /// The attribute of the rollout, in place of that of the flag.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bucket_by: Option<String>,
    /// The kind of context of the rollout, in place of that of the flag.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub context_kind: Option<String>,
    /// The seed of the rollout, in place of that of the flag.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seed: Option<String>,
}

/// A condition on an attribute: any of the values satisfies it.
///
/// ```
/// use serde_json::json;
/// use waygate_core::flag::{Flag, Operator};
///
/// let flag = Flag::parse(&json!({
///     "key": "search", "name": "Search", "type": "boolean",
///     "variations": [{"name": "on", "value": true}, {"name": "off", "value": false}],
///     "off_variation": "off",
///     "rules": [{
///         "clauses": [{"attribute": "/address/city", "operator": "is", "values": ["bern"], "ignore_case": true}],
///         "variation": "on",
///     }],
///     "fallthrough": "off",
/// }))?;
/// let clause = &flag.rules[0].clauses[0];
/// assert_eq!(clause.operator, Operator::Is);
/// # Ok::<(), waygate_core::flag::Problems>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[non_exhaustive]
pub struct Clause {
    /// The name of the attribute, or a reference to a nested one such as `/address/city` (RFC 6901).
    pub attribute: String,
    /// The comparison.
    pub operator: Operator,
    /// The operands.
    pub values: Vec<Value>,
    /// Inverts the result.
    pub negate: bool,
    /// Compares strings without regard to case.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub ignore_case: bool,
    /// The kind of context with the attribute; `None` is the primary kind.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub context_kind: Option<String>,
}
