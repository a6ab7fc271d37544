//! Requests that are counted: what attributes bring along (keys, costs, and the functions that tell them), what happens
//! before and after the endpoint, and what answers say.

mod admit;
mod after;
mod cost;
mod cost_function;
mod declared;
mod functions;
mod headers;
mod held_body;
mod key;
mod key_function;
mod places;
mod refuse;

pub use cost::Cost;
pub use cost_function::{CostFunction, IntoCostFunction};
pub use key::Key;
pub use key_function::{IntoKeyFunction, KeyFunction};

pub(super) use admit::{TurnedAway, Waiting, method_name, request_id};
pub(super) use after::After;
pub(crate) use declared::DeclaredLimits;
pub(super) use headers::{of_passed, of_refused};
pub(super) use refuse::{limited, wait_of};
