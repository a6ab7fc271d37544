//! Limits of concurrency: how many requests are served at the same time.
//!
//! `policy` is compiled when something changes; `seats` finds out what places a request needs, `occupy` takes them, and
//! `held` gives them back. Where places are shared with other processes, `renewal` keeps those that this one holds,
//! and `vacated` has those that the store did not take back.

mod command;
mod held;
mod listing;
mod occupy;
mod operator;
mod policy;
mod record;
mod renewal;
mod seats;
mod stats;
mod vacated;

pub(crate) use held::{Held, HeldPlaces, Seat};
#[cfg(feature = "axum")]
pub(crate) use occupy::{Entering, Full};
pub(crate) use policy::Concurrency;
pub use record::ConcurrencyRecord;
pub(crate) use renewal::run as renew;
pub(crate) use seats::{Seats, Wanted};
pub(crate) use stats::ConcurrencyStats;
pub(crate) use vacated::Vacated;
