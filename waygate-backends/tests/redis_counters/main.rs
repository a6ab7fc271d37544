//! `RedisCounters` with a real Redis, and with failures on the way to it.
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test reports a failure by panicking"
)]

mod answers;
mod batches;
mod blocks;
mod conformance;
mod faults;
mod keys;
mod leases;
mod processes;
mod sentinel;
mod support;
