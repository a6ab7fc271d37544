//! Properties of the grammars, which the macros use without features.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

mod instants;
mod paths;
mod texts;
