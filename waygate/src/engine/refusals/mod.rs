//! Refused requests: the reason, the built-in response, and the record for `explain`.

mod accept;
mod blocked;
mod limit;
mod note;
mod reason;
mod reply;

pub use blocked::Blocked;
pub use reason::{BlockReason, ConcurrencyLimited, KeyMissing, RateLimited};

pub(crate) use limit::LimitRefusal;
pub(crate) use note::{note, note_exempt};
pub(crate) use reply::builtin;
