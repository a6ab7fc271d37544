//! Feature flags: definitions, their compiled form, and a pure evaluator.
//!
//! A definition ([`Flag`], [`Segment`]) is read from JSON with all of its problems ([`Flag::parse`]), and checked against
//! the others ([`check_flag`]). A [`FlagSet`] has the compiled form, and evaluates a flag for a [`Context`]. The terms are
//! those of OpenFeature, except that a variant is a variation, as in the wire contract.
//!
//! ```
//! use std::sync::Arc;
//!
//! use serde_json::json;
//! use waygate_core::flag::{CompileOptions, CompiledFlag, EvaluationContext, Flag, FlagSet, Reason};
//! use waygate_core::port::ManualClock;
//!
//! let flag = Flag::parse(&json!({
//!     "key": "new-checkout", "name": "New checkout", "type": "boolean",
//!     "variations": [{"name": "on", "value": true}, {"name": "off", "value": false}],
//!     "off_variation": "off",
//!     "rules": [{
//!         "clauses": [{"attribute": "plan", "operator": "in", "values": ["pro", "enterprise"]}],
//!         "variation": "on",
//!     }],
//!     "fallthrough": [{"variation": "on", "weight": 20_000}, {"variation": "off", "weight": 80_000}],
//! }))?;
//! let (flag, _) = CompiledFlag::compile(Arc::new(flag), CompileOptions::default());
//! let mut flags = FlagSet::new();
//! flags.insert_flag(Arc::new(flag));
//!
//! let clock = ManualClock::at("2030-01-01T00:00:00Z".parse().unwrap());
//! let context = EvaluationContext::new("user-1").with("plan", "pro");
//! let resolution = flags.evaluate("new-checkout", &context, &clock).unwrap();
//! assert_eq!(resolution.as_bool(), Ok(true));
//! assert_eq!(resolution.reason(), Reason::TargetingMatch);
//! # Ok::<(), waygate_core::flag::Problems>(())
//! ```

mod check;
mod compile;
mod context;
mod evaluate;
pub mod exchange;
mod flag_source;
mod hash;
mod key;
mod lifecycle;
mod map;
mod model;
mod observe;
mod operand;
mod outcome;
mod parse;
mod patch;
mod place;
mod problem;
mod read;
mod scheduled;
#[cfg(feature = "schema")]
mod schema;
mod value;
mod words;

pub use check::{
    Checks, Definitions, Relations, check_flag, check_flag_removal, check_segment,
    check_segment_removal, reference_faults,
};
pub use compile::{Compatibility, CompileOptions, CompiledFlag, CompiledSegment};
pub use context::{
    AttributeName, AttributeValue, Context, ContextAttribute, ContextKey, EvaluationContext,
    InvalidContext, MergedContext,
};
pub use evaluate::{Explanation, FlagSet, Resolution, SplitPart, Step, StepEvent};
pub use flag_source::FlagSource;
pub use hash::{HashAlgorithm, bucket};
pub use key::{FlagKey, SegmentKey};
pub use lifecycle::{Activity, Lifecycle, LifecycleRules, lifecycle};
pub use model::{
    ChangeAction, Clause, ContextTargets, Flag, FlagStatus, FlagType, Hold, Holdout, LayerRange,
    Operator, Prerequisite, Progressive, Rule, ScheduledChange, Segment, SegmentRule, Serve, Stage,
    Targets, Variation, WeightedVariation,
};
pub use observe::{Observer, ReadAttribute, ReasonCounts, Tally, TallyCounts};
pub use outcome::{Cause, ContractReason, ErrorCode, Reason};
pub use problem::{Problem, ProblemCode, Problems};
pub use value::FlagValue;
