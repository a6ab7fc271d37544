//! Buckets: the position of a context between 0 and 99,999, by a hash that never changes.
//!
//! All algorithms are our own code and are frozen: the same seed and the same value have the same bucket in every
//! version (`tests/data/rollout-buckets.json` and the golden vectors of `tests/flag/hashes.rs`).

mod algorithm;
mod bucketer;
mod murmur3;
mod sha1;

pub use algorithm::HashAlgorithm;
pub use bucketer::bucket;
pub(crate) use bucketer::{Bucketer, TOTAL};
