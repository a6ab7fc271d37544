//! The integration tests of the facade: one binary, a module per topic.
#![allow(missing_docs, clippy::expect_used, clippy::panic, clippy::unwrap_used)]

#[cfg(feature = "admin")]
mod admin;
mod bind;
#[cfg(feature = "file")]
mod boot_cache;
mod concurrency;
#[cfg(feature = "file")]
mod counter_snapshot;
mod declared_limits;
mod differential;
#[cfg(feature = "swagger-ui")]
mod docs;
mod engine;
mod faults;
mod hints;
mod layer;
mod limit_attributes;
mod limits;
mod openapi;
mod reseed;
mod support;
mod windows;
