//! Feature flags: their records, commands and evaluation.

mod command;
mod definitions;
mod draft;
mod error;
mod handle;
mod import;
mod operator;
mod preview;
mod record;
mod replacement;
mod revert;
#[cfg(feature = "ofrep")]
mod version;

pub use draft::FlagDraftRecord;
pub use error::FlagError;
pub use handle::{Evaluation, FlagScope, Flags};
pub use preview::FlagPreview;
pub use record::{FlagRecord, SegmentRecord};
pub use revert::FlagVersion;
