mod background;
mod blocks;
mod groups;
mod leases;
mod names;
mod plan;
mod scripts;
mod store;
#[cfg(test)]
#[cfg(feature = "redis-server")]
mod tests;

pub use store::RedisCounters;
