//! Rate limits: policies, and the arithmetic that decides them. No I/O and no clock.

mod charged;
mod corrections;
mod counter;
mod log;
mod nanos;
mod outcome;
pub mod quota;
mod rule;
mod sliding;

pub use charged::Charged;
pub use counter::Counter;
pub use log::MovingLog;
pub use outcome::Outcome;
pub use quota::Quota;
pub use rule::{Calendar, Rule};

#[cfg(test)]
mod tests;
