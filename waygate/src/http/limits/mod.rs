//! What `#[rate_limit]` and `#[concurrency_limit]` bring along: keys, costs, and the functions that tell them.

mod cost_function;
mod declared;
mod key;
mod key_function;

pub use cost_function::{CostFunction, IntoCostFunction};
pub use key::Key;
pub use key_function::{IntoKeyFunction, KeyFunction};

pub(crate) use declared::DeclaredLimits;
