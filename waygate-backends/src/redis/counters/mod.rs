mod background;
mod batches;
mod blocks;
mod call;
mod charges;
mod groups;
mod leases;
mod line;
mod mark;
mod names;
mod plan;
mod request;
mod scripts;
mod shared;
mod store;
#[cfg(test)]
#[cfg(feature = "redis-server")]
mod tests;

pub use store::RedisCounters;
