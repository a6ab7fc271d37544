//! The traits that storage and time are behind.

mod backend;
mod clock;
mod counters;

pub use backend::{
    AuditQuery, Backend, BackendError, Batch, BoxFuture, BoxStream, CommitError, Entity, EntityKey,
    Expected, Image, Lost,
};
pub use clock::{Clock, ManualClock};
pub use counters::{
    CounterError, CounterStore, LostUnits, Occupancy, Place, Series, Take, all_allowed,
};
