mod batch;
#[cfg(feature = "file")]
mod image;
mod outcomes;
mod places;
mod shard;
mod shards;
mod slots;
mod store;
mod table;

pub use outcomes::Outcomes;
pub use store::{MemoryCounters, MemoryCountersBuilder};

#[cfg(feature = "file")]
pub(crate) use image::MAX_BYTES;
