//! The evaluation of compiled flags.

mod entry;
mod explain;
mod memo;
mod outcome;
mod resolution;
mod run;
mod set;
mod step;
mod trace;

pub use explain::Explanation;
pub use resolution::Resolution;
pub(super) use run::MOST_SEGMENTS;
pub use set::FlagSet;
pub use step::{SplitPart, Step, StepEvent};
