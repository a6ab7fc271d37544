//! The kinds of records in the store, one file each.

mod maintenance;
mod opaque;
mod policy;
mod record_id;
mod reseed;
mod route;
mod schedule;

use waygate_core::grammar::Reason;

pub(crate) use maintenance::{MaintenanceScope, Maintenances, closed_maintenance};
pub(crate) use opaque::{Logins, Tokens};
pub(crate) use policy::{ConcurrencyLimits, Generation, Generations, RateLimits};
pub(crate) use record_id::{RecordId, governing};
pub(crate) use reseed::{Filled, Reseeds};
pub(crate) use route::{Routes, closed_route, is_closed_for_good};
pub(crate) use schedule::{Schedule, Schedules, Timed};

use super::store::records;

records! {
    routes: Routes,
    schedules: Schedules,
    maintenances: Maintenances,
    rate_limits: RateLimits,
    concurrency_limits: ConcurrencyLimits,
    generations: Generations,
    reseeds: Reseeds,
    tokens: Tokens,
    logins: Logins,
}

/// The reason of what is closed because its record cannot be read.
fn unreadable_reason() -> Reason {
    "stored state unreadable".parse().unwrap_or_default()
}
