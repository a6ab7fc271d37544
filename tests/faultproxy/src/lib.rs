//! Faults between an application and its store, on demand.
//!
//! [`FaultProxy`] is between the two and delays, cuts, corrupts or swallows their traffic. [`RedisProc`] is a real
//! `redis-server` that can be killed, frozen, restarted and reconfigured. Everything stays on 127.0.0.1. Failures
//! panic, since this crate is for tests only.

mod mode;
mod monitor;
mod options;
mod proxy;
mod pump;
mod redis;
mod resp;
mod tls;
mod wait;

pub use mode::{Direction, Mode};
pub use monitor::Monitor;
pub use options::RedisOptions;
pub use proxy::{Counts, FaultProxy};
pub use redis::RedisProc;
pub use resp::Reply;
pub use tls::Certificate;
pub use wait::{eventually, free_port};
