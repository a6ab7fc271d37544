//! State in a real Redis: the suite that every backend must pass, and what a Redis may do to it.
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
