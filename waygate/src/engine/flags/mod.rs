//! Feature flags: their records, commands and evaluation.

mod builder;
mod command;
mod declared;
mod decoded;
mod definitions;
mod draft;
mod due;
mod error;
mod faults;
mod finding;
mod flag_source;
mod gate;
mod handle;
mod import;
mod observe;
mod operator;
#[cfg(feature = "testing")]
mod overrides;
mod prepared;
mod preview;
mod record;
mod replacement;
mod revert;
mod schedule;
mod seeds;
mod source;
mod sow;
mod typed;
pub(super) mod usage;
#[cfg(feature = "ofrep")]
mod version;

pub use declared::{DeclaredFlag, LinkedFlag};
pub use draft::FlagDraftRecord;
pub use error::FlagError;
pub use finding::{DeclaredVariation, FlagDeclaration, FlagFinding, FlagMismatch};
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
pub(crate) use seeds::{Seeds, Sowing};
pub use source::FlagRequest;
pub use typed::{FlagDetails, Structured, Typed, TypedFlag};

pub(crate) use decoded::Decoded;
pub(crate) use gate::RouteGate;
#[cfg(feature = "testing")]
pub(crate) use overrides::Overrides;
pub(crate) use prepared::{PreparedFlags, with_context};
pub(crate) use source::{ContextSource, SharedContext};
