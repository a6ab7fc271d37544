//! Times variants of one request, or of one call, in turn, so that a machine that slows down slows all of them down.
//!
//! Figures are thread CPU time per request; of all rounds the fastest counts. Only ratios between
//! variants of one run mean anything.

mod calls;
mod connection;
mod floor;
mod report;
mod router;

pub use calls::{Call, time_calls};
pub use floor::floor;
pub use report::{Report, Row};
pub use router::{Timing, Variant, time};
