//! Webhooks over real sockets.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

mod delivery;
mod faults;
#[cfg(feature = "metrics")]
mod metrics;
mod operators;
mod receiver;
#[cfg(feature = "redis-server")]
mod replicas;
mod retries;
mod support;
