//! Feature flags: their records, commands and evaluation.

mod commands;
mod declarations;
mod decoded;
mod definitions;
mod error;
mod faults;
mod handle;
mod observe;
mod read;
mod record;
mod request;
mod typed;
#[cfg(feature = "ofrep")]
mod version;

#[cfg(feature = "admin")]
pub(crate) use commands::{Definition as DefinitionKind, subject as definition_subject};
pub use commands::{
    FlagDraftRecord, FlagPreview, FlagVersion, ScheduledFlagChange, SegmentPreview,
};
pub(super) use declarations::usage;
pub use declarations::{
    DeclaredFlag, DeclaredVariation, FlagDeclaration, FlagFinding, FlagMismatch, LinkedFlag,
};
pub(crate) use declarations::{Seeds, Sowing};
pub(crate) use decoded::Decoded;
pub use error::FlagError;
pub use handle::{Evaluation, FlagScope, Flags};
pub use observe::{
    Conversion, Exposure, FlagEvaluation, FlagObservation, FlagUsage, MissingFlags, Observations,
    Observed, ReasonUsage, SeenMove, SeenPreview, VariationUsage,
};
pub(crate) use observe::{FlagFacts, start as start_sampler};
pub use record::{FlagRecord, SegmentRecord};
pub use request::FlagRequest;
#[cfg(feature = "testing")]
pub(crate) use request::Overrides;
pub(crate) use request::{
    ContextSource, PreparedFlags, RouteGate, SharedContext, is_fault, note_late_caller,
    with_context,
};
pub use typed::{FlagDetails, Structured, Typed, TypedFlag};
