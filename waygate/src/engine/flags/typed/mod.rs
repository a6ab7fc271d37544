//! Flags with a Rust type.

mod details;
mod flag;
mod value;

pub use details::FlagDetails;
pub use flag::TypedFlag;
pub use value::{Structured, Typed};
