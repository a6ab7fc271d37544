//! Definitions as they are stored and shown: the form of the wire contract, section 2.5, and members of Waygate.

mod flag;
mod operator;
mod progressive;
mod rollout;
mod rule;
mod schedule;
mod segment;
mod targets;

pub use flag::{Flag, FlagStatus, FlagType, Prerequisite, Variation};
pub use operator::Operator;
pub use progressive::{Hold, Progressive, Stage};
pub use rollout::{Holdout, LayerRange, Serve, WeightedVariation};
pub use rule::{Clause, Rule};
pub use schedule::{ChangeAction, ScheduledChange};
pub use segment::{Segment, SegmentRule};
pub use targets::{ContextTargets, Targets};
