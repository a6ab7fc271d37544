//! The kinds of records in the store, one file each.

mod announcement;
mod counter_reset;
#[cfg(feature = "flags")]
mod flag;
#[cfg(feature = "flags")]
mod flag_draft;
#[cfg(not(feature = "flags"))]
use opaque as flag;
#[cfg(not(feature = "flags"))]
use opaque as flag_draft;
mod flag_relations;
#[cfg(feature = "admin")]
mod idempotency;
#[cfg(not(feature = "admin"))]
use opaque as idempotency;
mod maintenance;
mod opaque;
mod policy;
mod reason;
mod record_id;
mod records;
mod reseed;
mod route;
mod schedule;

#[cfg(not(feature = "webhooks"))]
use opaque as webhook;
#[cfg(feature = "webhooks")]
mod webhook;

pub(crate) use counter_reset::CounterReset;
#[cfg(feature = "flags")]
pub(crate) use flag_draft::FlagDraft;
#[cfg(feature = "flags")]
pub(crate) use flag_relations::Related;
#[cfg(feature = "admin")]
pub(crate) use idempotency::{KeptResponse, KeyedRequest};
pub(crate) use maintenance::{MaintenanceScope, closed_maintenance};
#[cfg(feature = "admin")]
pub(crate) use opaque::Opaque;
pub(crate) use policy::Generation;
pub(crate) use record_id::{RecordId, governing};
pub(crate) use records::*;
pub(crate) use reseed::Filled;
pub(crate) use route::{closed_route, is_closed_for_good};
pub(crate) use schedule::{Schedule, Timed};
#[cfg(feature = "webhooks")]
pub(crate) use webhook::{
    Declarer, Delivery, DeliveryKey, DisabledEndpoint, Lease, Marks, WebhookCursor,
};
