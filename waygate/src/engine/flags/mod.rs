//! Feature flags: their records, commands and evaluation.

mod command;
mod definitions;
mod error;
mod handle;
mod operator;
mod record;

pub use error::FlagError;
pub use handle::{Evaluation, FlagScope, Flags};
pub use record::{FlagRecord, SegmentRecord};
