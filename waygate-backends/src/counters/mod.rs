mod batch;
mod outcomes;
mod places;
mod shard;
mod slots;
mod store;
mod table;

pub use outcomes::Outcomes;
pub use store::{MemoryCounters, MemoryCountersBuilder};
