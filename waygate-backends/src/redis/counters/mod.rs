mod background;
mod blocks;
mod groups;
mod leases;
mod names;
mod plan;
mod scripts;
mod store;
#[cfg(test)]
mod tests;

pub use store::RedisCounters;
