use serde::Serialize;
use serde_json::Value;

use crate::flag::{context::AttributeValue, hash::HashAlgorithm, model::Operator};

/// A step of an evaluation.
///
/// ```
/// use std::sync::Arc;
///
/// use serde_json::{json, to_value};
/// use waygate_core::{
///     flag::{CompileOptions, CompiledFlag, EvaluationContext, Flag, FlagSet},
///     port::ManualClock,
/// };
///
/// # let search = json!({
/// #     "key": "search", "name": "Search", "type": "boolean",
/// #     "variations": [{"name": "on", "value": true}, {"name": "off", "value": false}],
/// #     "off_variation": "off", "fallthrough": "off", "targets": {"on": ["user-1"]},
/// # });
/// # let (flag, _) = CompiledFlag::compile(Arc::new(Flag::parse(&search)?), CompileOptions::default());
/// # let mut flags = FlagSet::new();
/// # flags.insert_flag(Arc::new(flag));
/// # let clock = ManualClock::at("2030-01-01T00:00:00Z".parse().unwrap());
/// let explanation = flags.explain("search", &EvaluationContext::new("user-1"), &clock).expect("a flag");
/// assert_eq!(
///     to_value(&explanation.steps)?,
///     json!([{"flag": "search", "depth": 0, "step": "targets", "variation": "on"}]),
/// );
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[non_exhaustive]
pub struct Step {
    /// The key of the flag.
    pub flag: String,
    /// The number of flags that it is a prerequisite of, in a chain.
    pub depth: u8,
    /// The condition and its outcome.
    #[serde(flatten)]
    pub event: StepEvent,
}

/// A condition of an evaluation and its outcome.
///
/// ```
/// use waygate_core::flag::StepEvent;
///
/// let segment = StepEvent::Segment { key: "beta".to_owned(), member: true };
/// assert_eq!(serde_json::to_value(segment)?["step"], "segment");
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(tag = "step", rename_all = "snake_case")]
#[non_exhaustive]
pub enum StepEvent {
    /// The kill switch.
    Disabled,
    /// A prerequisite.
    Prerequisite {
        /// The other flag.
        key: String,
        /// The variation that it must have.
        required: String,
        /// The variation that it has; `None` without such a flag, or without a result.
        found: Option<String>,
        /// `true` if both are the same.
        passed: bool,
    },
    /// Individual targets, if there are any.
    Targets {
        /// The variation of the context, if it is a target.
        variation: Option<String>,
    },
    /// The holdout or the layer.
    Gate {
        /// `holdout` or `layer`.
        gate: &'static str,
        /// The name of it.
        name: String,
        /// The bucket of the context, if it has one.
        bucket: Option<u32>,
        /// `true` if the evaluation goes on.
        passed: bool,
    },
    /// A clause of a rule, or of a rule of a segment.
    Clause {
        /// The segment; `None` for a rule of the flag.
        segment: Option<String>,
        /// The position of the rule.
        rule: usize,
        /// The position of the clause.
        clause: usize,
        /// The attribute.
        attribute: String,
        /// The comparison.
        operator: Operator,
        /// The operands.
        values: Vec<Value>,
        /// Inverts the comparison.
        negate: bool,
        /// The value of the attribute; `null` without one.
        actual: Value,
        /// The result of the clause.
        matched: bool,
    },
    /// A segment.
    Segment {
        /// The key.
        key: String,
        /// The membership of the context.
        member: bool,
    },
    /// A rule of the flag.
    Rule {
        /// Its position.
        index: usize,
        /// Its id.
        id: String,
        /// `true` if all of its clauses match.
        matched: bool,
    },
    /// A rollout.
    Split {
        /// The hash.
        hash: HashAlgorithm,
        /// The string with the bucket, such as the key of the context.
        value: Option<String>,
        /// Its bucket, from 0 to 99,999.
        bucket: Option<u32>,
        /// The parts in order.
        parts: Vec<SplitPart>,
    },
}

/// A part of a rollout in a step.
///
/// ```
/// # use std::sync::Arc;
/// # use serde_json::json;
/// # use waygate_core::flag::{CompileOptions, CompiledFlag, EvaluationContext, Flag, FlagSet};
/// # use waygate_core::port::ManualClock;
/// use waygate_core::flag::StepEvent;
///
/// # let flag = Flag::parse(&json!({
/// #     "key": "search", "name": "Search", "type": "boolean",
/// #     "variations": [{"name": "on", "value": true}, {"name": "off", "value": false}],
/// #     "off_variation": "off",
/// #     "fallthrough": [{"variation": "on", "weight": 20_000}, {"variation": "off", "weight": 80_000}],
/// # }))?;
/// # let mut flags = FlagSet::new();
/// # flags.insert_flag(Arc::new(CompiledFlag::compile(Arc::new(flag), CompileOptions::default()).0));
/// # let clock = ManualClock::at("2030-01-01T00:00:00Z".parse().unwrap());
/// let explained = flags.explain("search", &EvaluationContext::new("user-1"), &clock).unwrap();
/// let StepEvent::Split { parts, .. } = &explained.steps[0].event else { panic!() };
/// assert_eq!((parts[0].end, parts[0].variation.as_str()), (20_000, "on"));
/// assert_eq!((parts[1].end, parts[1].variation.as_str()), (100_000, "off"));
/// # Ok::<(), waygate_core::flag::Problems>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[non_exhaustive]
pub struct SplitPart {
    /// The bucket after the last one of the part.
    pub end: u32,
    /// The variation of the part.
    pub variation: String,
}

pub(super) fn json(value: Option<AttributeValue<'_>>) -> Value {
    value.map_or(Value::Null, Value::from)
}
