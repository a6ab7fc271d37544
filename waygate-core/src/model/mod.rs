//! Stored state, and the state derived from it.

mod access;
mod action_pattern;
mod audit;
mod concurrency;
mod declared;
mod deprecation;
mod dropped;
mod effective;
mod exempt_path;
mod global;
mod key;
mod limit_key;
mod origin;
mod position;
mod rate_limit;
mod recurring;
mod revision;
mod state;
pub(crate) mod text;
mod trace_parent;
mod view;
mod window;

pub use access::Access;
pub use action_pattern::ActionPattern;
pub use audit::{Action, AuditEntry};
pub use concurrency::{ConcurrencyPolicy, GivenConcurrencyPolicy};
pub use deprecation::Deprecation;
pub use dropped::{Dropped, DroppedMaintenance};
pub use effective::{Effective, RouteStatus};
pub use exempt_path::ExemptPath;
pub use global::GlobalMaintenance;
pub use key::RouteKey;
pub use limit_key::{LimitKey, LimitOverride, LimitScope};
pub use origin::Origin;
pub use position::{Disabled, Former, Lifecycle, Position};
pub use rate_limit::{GivenRateLimitPolicy, RateLimitPolicy, Tier};
pub use recurring::{
    RecurringFields, RecurringMaintenance, RecurringMaintenanceFields, RecurringWindow,
};
pub use revision::{Epoch, Revision};
pub use state::{RouteOverride, RouteState};
pub use trace_parent::TraceParent;
pub use view::{PlannedWindow, RouteView, Span};
pub use window::{Window, WindowId};
