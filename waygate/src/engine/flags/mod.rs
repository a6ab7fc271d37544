//! Feature flags: their records, commands and evaluation.

mod command;
mod definitions;
mod error;
mod handle;
mod operator;
mod record;
mod source;
#[cfg(feature = "ofrep")]
mod version;

pub use error::FlagError;
pub use handle::{Evaluation, FlagScope, Flags};
pub use record::{FlagRecord, SegmentRecord};
