//! Webhooks over real sockets.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

mod changes;
mod delivery;
mod faults;
#[cfg(feature = "metrics")]
mod metrics;
#[cfg(all(feature = "axum", feature = "testing"))]
mod noticed;
mod operators;
mod receiver;
#[cfg(feature = "redis-server")]
mod replicas;
mod retries;
mod speed;
mod support;
#[cfg(feature = "openapi")]
mod tags;
mod traces;
