//! Routes with two handlers, and the facts about each.

mod arm;
mod histogram;
mod record;
mod request;

pub use histogram::LatencyHistogram;
pub use record::{ArmRecord, CanaryRecord};

pub(crate) use arm::{Arm, Canary};
pub(crate) use request::ArmRequest;
