//! Concurrency limits, which bound the number of requests that are served at the same time.
//!
//! A `policy` is compiled when something changes. `request` finds the permits that a request needs, `acquire` acquires
//! them, and dropping a `permit` releases it. If permits are shared with other processes, `renewal` renews those that
//! this process holds, and `unreleased` retries to release those that the store did not take back.

mod acquire;
mod command;
mod listing;
mod operator;
mod permit;
mod permit_id;
mod policy;
mod record;
mod release;
mod renewal;
mod request;
mod stats;
mod unreleased;

pub(crate) use acquire::{Full, acquire};
pub(crate) use permit::PermitGuard;
pub(crate) use permit_id::{PermitId, SharedPermits};
pub(crate) use policy::Concurrency;
pub use record::ConcurrencyRecord;
pub(crate) use renewal::run as renew;
pub(crate) use request::{PermitRequest, PermitRequests};
pub(crate) use stats::ConcurrencyStats;
pub(crate) use unreleased::UnreleasedPermits;
