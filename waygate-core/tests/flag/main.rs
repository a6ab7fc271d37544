//! Feature flags: the vectors of the wire contract, properties against a plain interpreter, and mistakes in definitions.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

mod bad_input;
mod bad_operands;
mod changes;
mod contexts;
mod exchange;
mod fuzz;
mod generate;
mod hashes;
mod indexed;
mod interpreter;
mod mistakes;
mod operators;
mod outcomes;
mod page;
mod properties;
mod references;
#[cfg(feature = "schema")]
mod schema;
mod support;
mod undecidable;
mod vectors;
