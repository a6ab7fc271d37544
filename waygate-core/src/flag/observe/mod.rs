//! Counts and reports of evaluations.

mod attributes;
mod observer;
mod reason_counts;
mod shard;
mod tally;

pub use attributes::ReadAttribute;
pub use observer::Observer;
pub(crate) use observer::Watch;
pub use reason_counts::ReasonCounts;
pub use tally::{Tally, TallyCounts};
