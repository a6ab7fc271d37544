//! Feature flags: their records, commands and evaluation.

mod command;
mod definitions;
mod due;
mod error;
mod faults;
mod handle;
mod observe;
mod operator;
mod record;
mod schedule;
mod seed;

pub use error::FlagError;
pub use handle::{Evaluation, FlagScope, Flags};
pub use observe::{
    Conversion, Exposure, FlagEvaluation, FlagObservation, FlagUsage, MissingFlags, Observations,
    Observed, SeenMove, SeenPreview, VariationUsage,
};
pub(crate) use observe::{FlagFacts, start as start_sampler};
pub use record::{FlagRecord, SegmentRecord};
pub use schedule::ScheduledFlagChange;
pub(crate) use seed::{Seeds, Sowing};
