mod batch;
mod cell;
mod expiry;
#[cfg(feature = "file")]
mod image;
mod outcomes;
mod permits;
mod resets;
mod shard;
mod shards;
mod store;
mod table;

pub use outcomes::Outcomes;
pub use store::{MemoryCounters, MemoryCountersBuilder};

#[cfg(feature = "file")]
pub(crate) use image::MAX_BYTES;
