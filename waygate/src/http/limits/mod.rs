//! Requests that are counted: what the application brings along (keys, costs, and functions for both), what happens
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
mod limit_functions;
mod number;
mod places;
mod refuse;
mod upgrade;

pub use cost::Cost;
pub use cost_function::{CostFunction, IntoCostFunction};
pub use key::Key;
pub use key_function::{IntoKeyFunction, KeyFunction};
pub use limit_functions::{ConcurrencyLimitFunctions, RateLimitFunctions};

pub(super) use admit::{TurnedAway, Waiting, method_name, request_id};
pub(super) use after::{After, Uncharged};
pub(crate) use declared::DeclaredLimits;
pub(super) use functions::{Told, ask};
pub(super) use headers::{of_passed, of_refused};
pub(crate) use limit_functions::LimitFunctions;
pub(super) use refuse::{reason, responder, wait_of};
pub(super) use upgrade::HeldUpgrade;
