//! Three replicas of one service on one Redis: they share a limit and an operator's change, and keep serving when
//! Redis dies.

pub mod client;
pub mod fleet;
pub mod load;
pub mod redis;
pub mod replica;
pub mod walkthrough;

/// Any error.
pub type Failure = Box<dyn std::error::Error + Send + Sync>;
