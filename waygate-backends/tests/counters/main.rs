//! The counters in memory.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod concurrent;
mod conformance;
mod corrections;
mod flood;
mod kit;
mod memory;
mod model;
mod promises;
mod vectors;
