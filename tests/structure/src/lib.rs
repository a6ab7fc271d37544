//! Reads the sources of the workspace, for the checks in `tests/it`.
//!
//! `tree` parses each crate from its root, without test modules, and `names` resolves paths through re-exports to the
//! file that defines a name. `imports` builds on them, as does `api`, the listing of the public API.

pub mod allowance;
pub mod api;
pub mod arrows;
mod cfg;
pub mod circles;
pub mod imports;
mod macros;
mod names;
pub mod packages;
mod signature;
pub mod sources;
pub mod tree;
pub mod words;
