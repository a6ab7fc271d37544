//! Flags in a request: its context, the snapshot that it keeps, and the gate of its route.

mod gate;
mod gate_facts;
#[cfg(feature = "testing")]
mod overrides;
mod prepared;
mod source;

pub(crate) use gate::RouteGate;
pub(crate) use gate_facts::is_fault;
#[cfg(feature = "testing")]
pub(crate) use overrides::Overrides;
pub(crate) use prepared::{PreparedFlags, note_late_caller, with_context};
pub use source::FlagRequest;
pub(crate) use source::{ContextSource, SharedContext};
