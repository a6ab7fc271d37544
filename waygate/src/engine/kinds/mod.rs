//! The kinds of records in the store, one file each.

mod maintenance;
mod opaque;
mod policy;
mod reason;
mod record_id;
mod records;
mod reseed;
mod route;
mod schedule;

pub(crate) use maintenance::{MaintenanceScope, Maintenances, closed_maintenance};
pub(crate) use opaque::{Logins, Tokens};
pub(crate) use policy::{ConcurrencyLimits, Generation, Generations, RateLimits};
pub(crate) use record_id::{RecordId, governing};
pub(crate) use records::Records;
pub(crate) use reseed::{Filled, Reseeds};
pub(crate) use route::{Routes, closed_route, is_closed_for_good};
pub(crate) use schedule::{Schedule, Schedules, Timed};
