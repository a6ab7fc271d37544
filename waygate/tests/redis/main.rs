//! Engines that share a real Redis with faults.
#![allow(missing_docs, clippy::expect_used, clippy::panic, clippy::unwrap_used)]

mod batches;
mod convergence;
mod faults;
#[cfg(feature = "flags")]
mod flag_races;
#[cfg(feature = "flags")]
mod flags;
mod http;
mod limits;
mod load;
mod log;
mod loss;
mod outages;
mod said;
mod shared_counters;
mod stage;
mod stalls;
mod start;
mod support;
