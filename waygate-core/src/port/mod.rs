//! Traits for storage and time.

mod backend;
mod clock;
mod counters;

pub use backend::{
    AuditPosition, AuditQuery, Backend, BackendError, Batch, BoxFuture, BoxStream, CommitError,
    Entity, EntityKey, Expected, Image, Lost,
};
pub use clock::{Clock, ManualClock};
pub use counters::{
    Charge, CounterError, CounterKey, CounterStore, LostUnits, Permit, PermitOutcome, all_allowed,
};

/// Returns the name of a type without its path: `SqliteBackend`.
fn type_name<T: ?Sized>() -> String {
    let whole = std::any::type_name::<T>();
    let plain = whole.split('<').next().unwrap_or(whole);
    plain.rsplit("::").next().unwrap_or(plain).to_owned()
}
