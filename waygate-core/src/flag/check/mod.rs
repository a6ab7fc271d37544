//! The rules for definitions that are written, beyond their form.

mod cost;
mod definitions;
mod excess;
mod flag;
mod graph;
mod index;
mod later;
mod layer;
mod needs;
mod references;
mod relations;
mod rollout;
mod rule;
mod segment;
mod stored;
mod text;
mod users;

pub use definitions::Definitions;
pub use references::{
    Checks, check_flag, check_flag_removal, check_segment, check_segment_removal,
};
pub use relations::Relations;
pub use stored::reference_faults;

pub(super) use excess::of_others;
pub(super) use flag::{flag, misfit};
pub(super) use index::Index;
pub(super) use needs::{flag_needs, needed_segments};
pub(super) use references::{flag_problems, segment_problems};
pub(super) use segment::segment;
pub(super) use text::distinct;
