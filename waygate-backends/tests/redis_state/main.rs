//! State in a real Redis: the conformance suite, and failures of Redis.
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test reports a failure by panicking"
)]

mod answers;
mod conformance;
mod errors;
mod hints;
mod kit;
mod layout;
mod replicas;
mod writers;
