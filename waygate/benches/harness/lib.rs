//! Times variants of one request, or of one call, in turn, so that a slower machine slows down all of them.
//!
//! Figures are thread CPU time per request; the fastest round counts. Only ratios between variants of one run are
//! meaningful.

mod calls;
mod connection;
mod floor;
mod report;
mod router;

pub use calls::{Call, time_calls};
pub use floor::floor;
pub use report::{Report, Row};
pub use router::{Timing, Variant, time};
