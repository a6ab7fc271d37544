//! `RedisCounters` against a real Redis, and against whatever may go wrong on the way to it.

mod answers;
mod blocks;
mod faults;
mod keys;
mod leases;
mod processes;
mod support;
