//! Routes with two handlers, and the facts about each.

mod arm;
mod facts;
mod histogram;
mod record;
mod request;

pub use facts::ArmRecord;
pub use histogram::LatencyHistogram;
pub use record::CanaryRecord;

pub(crate) use arm::{Arm, Canary};
pub(crate) use request::ArmRequest;
