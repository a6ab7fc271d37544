//! Random numbers that keep processes apart: pauses, names, orders. Not for secrets.

use std::hash::{BuildHasher, RandomState};

pub(crate) fn number() -> u64 {
    // Each instance has another random key.
    RandomState::new().hash_one(0_u8)
}

/// Returns a number from 0 to 1.
#[cfg(feature = "redis")]
pub(crate) fn share() -> f64 {
    number() as f64 / u64::MAX as f64
}

#[cfg(feature = "redis")]
pub(crate) fn shuffle<T>(items: &mut [T]) {
    items.sort_by_cached_key(|_| number());
}
