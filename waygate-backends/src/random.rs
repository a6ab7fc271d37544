//! Random numbers that keep processes apart: pauses, names, an order. Not for secrets.

use std::hash::{BuildHasher, RandomState};

pub(crate) fn number() -> u64 {
    // Keyed at random, and with another key each time.
    RandomState::new().hash_one(0_u8)
}

/// From 0 to 1.
#[cfg(feature = "redis")]
pub(crate) fn share() -> f64 {
    number() as f64 / u64::MAX as f64
}

#[cfg(feature = "redis")]
pub(crate) fn shuffle<T>(items: &mut [T]) {
    items.sort_by_cached_key(|_| number());
}
