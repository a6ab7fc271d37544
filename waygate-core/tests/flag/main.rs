//! Feature flags: the vectors of the wire contract, properties against a plain interpreter, and mistakes in definitions.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

mod hashes;
mod support;
mod vectors;
