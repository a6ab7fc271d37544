//! The engine behind axum: everything that knows of requests and responses.

mod blocked;
mod respond;

pub use blocked::{BlockReason, Blocked};
pub use respond::{IntoResponder, Responder};
