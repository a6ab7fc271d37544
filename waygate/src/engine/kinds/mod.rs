//! The kinds of records in the store, one file each.

mod announcement;
mod maintenance;
mod opaque;
mod policy;
mod record_id;
mod reseed;
mod route;
mod schedule;

use waygate_core::grammar::Reason;

pub(crate) use maintenance::{MaintenanceScope, closed_maintenance};
pub(crate) use policy::Generation;
pub(crate) use record_id::{RecordId, governing};
pub(crate) use reseed::Filled;
pub(crate) use route::{closed_route, is_closed_for_good};
pub(crate) use schedule::{Schedule, Timed};

use super::store::records;

records! {
    routes: route::Routes,
    schedules: schedule::Schedules,
    maintenances: maintenance::Maintenances,
    rate_limits: policy::RateLimits,
    concurrency_limits: policy::ConcurrencyLimits,
    generations: policy::Generations,
    reseeds: reseed::Reseeds,
    tokens: opaque::Tokens,
    logins: opaque::Logins,
    announcements: announcement::Announcements,
}

/// The reason of what is closed because its record cannot be read.
fn unreadable_reason() -> Reason {
    "stored state unreadable".parse().unwrap_or_default()
}
