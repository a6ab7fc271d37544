//! Feature flags: their records, commands and evaluation.

mod command;
mod definitions;
mod draft;
mod due;
mod error;
mod faults;
mod handle;
mod import;
mod observe;
mod operator;
mod preview;
mod record;
mod replacement;
mod revert;
mod schedule;
mod seed;
mod source;
#[cfg(feature = "ofrep")]
mod version;

pub use draft::FlagDraftRecord;
pub use error::FlagError;
pub use handle::{Evaluation, FlagScope, Flags};
pub use observe::{
    Conversion, Exposure, FlagEvaluation, FlagObservation, FlagUsage, MissingFlags, Observations,
    Observed, SeenMove, SeenPreview, VariationUsage,
};
pub(crate) use observe::{FlagFacts, start as start_sampler};
pub use preview::FlagPreview;
pub use record::{FlagRecord, SegmentRecord};
pub use revert::FlagVersion;
pub use schedule::ScheduledFlagChange;
pub(crate) use seed::{Seeds, Sowing};
