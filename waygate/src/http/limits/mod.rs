//! Rate limits and concurrency limits: the application's keys, costs and functions, the admission of a request, and the
//! work after its response.

mod admission;
mod after;
mod arrived;
mod cost;
mod cost_function;
mod declared;
mod functions;
mod key;
mod key_function;
mod limit_functions;
mod permit_body;
mod permits;
mod refuse;
mod upgrade;

pub use cost::Cost;
pub use cost_function::{CostFunction, IntoCostFunction};
pub use key::Key;
pub use key_function::{IntoKeyFunction, KeyFunction};
pub use limit_functions::{ConcurrencyLimitFunctions, RateLimitFunctions};

pub(super) use admission::Waiting;
pub(super) use after::{After, Uncharged};
pub(super) use arrived::Arrived;
pub(crate) use declared::DeclaredLimits;
pub(super) use functions::Answers;
pub(crate) use limit_functions::LimitFunctions;
pub(super) use permits::Permits;
pub(super) use refuse::{Refused, respond};
pub(super) use upgrade::HeldUpgrade;
