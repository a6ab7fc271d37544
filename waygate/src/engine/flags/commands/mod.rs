//! Commands on flags and segments: definitions, drafts, earlier versions and scheduled changes.

mod change;
mod definition;
mod draft;
mod due;
mod import;
mod operator;
mod preview;
mod replacement;
mod revert;
mod schedule;

pub(crate) use change::subject;
pub(super) use change::{not_found, put};
pub(crate) use definition::Definition;
pub use draft::FlagDraftRecord;
pub use preview::{FlagPreview, SegmentPreview};
pub use revert::FlagVersion;
pub use schedule::ScheduledFlagChange;
