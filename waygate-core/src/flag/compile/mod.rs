//! From definitions to the form that is evaluated.

mod attribute;
mod clause;
mod flag;
mod matcher;
mod names;
mod one_of;
mod options;
mod segment;
mod split;

pub(super) use clause::CompiledClause;
pub(super) use flag::CompiledRule;
pub(super) use matcher::Matcher;
pub(super) use names::KindTargets;
pub(super) use split::{Choice, Gate, Split};

pub use flag::CompiledFlag;
pub use options::{Compatibility, CompileOptions};
pub use segment::CompiledSegment;
