//! Counts and reports of evaluations.

mod attributes;
mod observer;
mod shard;
mod tally;

pub use attributes::ReadAttribute;
pub use observer::Observer;
pub(crate) use observer::Watch;
pub use tally::{Tally, TallyCounts};
