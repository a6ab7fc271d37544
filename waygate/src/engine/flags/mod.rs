//! Feature flags: their records, commands and evaluation.

mod command;
mod declared;
mod decoded;
mod definitions;
mod error;
mod finding;
mod gate;
mod handle;
mod operator;
#[cfg(feature = "testing")]
mod overrides;
mod prepared;
mod record;
mod source;
mod typed;
pub(super) mod usage;
#[cfg(feature = "ofrep")]
mod version;

pub use declared::{DeclaredFlag, LinkedFlag};
pub use error::FlagError;
pub use finding::{DeclaredVariation, FlagDeclaration, FlagFinding, FlagMismatch};
pub use handle::{Evaluation, FlagScope, Flags};
pub use record::{FlagRecord, SegmentRecord};
pub use typed::{FlagDetails, Structured, Typed, TypedFlag};

pub use source::FlagRequest;

pub(crate) use decoded::Decoded;
pub(crate) use gate::RouteGate;
#[cfg(feature = "testing")]
pub(crate) use overrides::Overrides;
pub(crate) use prepared::{PreparedFlags, with_context};
pub(crate) use source::{ContextSource, SharedContext};
