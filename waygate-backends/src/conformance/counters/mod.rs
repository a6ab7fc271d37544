//! The conformance suite for stores of counters, by the contract of [`CounterStore`].
//!
//! ```
//! use std::sync::Arc;
//! use waygate_backends::{MemoryCounters, conformance::counters::Harness, counter_conformance_tests};
//! use waygate_core::{limit::quota::{Nanos, SECOND}, port::{BoxFuture, CounterStore}};
//!
//! #[derive(Debug)]
//! struct Memory;
//!
//! impl Harness for Memory {
//!     fn open(&self) -> BoxFuture<'_, Arc<dyn CounterStore>> {
//!         Box::pin(async { Arc::new(MemoryCounters::new()) as Arc<dyn CounterStore> })
//!     }
//! }
//!
//! counter_conformance_tests!(Memory, clocked);
//! # fn main() {}
//! ```
//!
//! The argument is an expression that creates a [`Harness`]. A store that uses the time of its caller, not its own
//! clock, is `clocked`, which adds the cases in which time passes.

use std::{fmt, sync::Arc};

use waygate_core::port::{BoxFuture, CounterStore};

#[doc(hidden)]
pub mod algorithms;
#[doc(hidden)]
pub mod changes;
#[doc(hidden)]
pub mod clocked;
#[doc(hidden)]
pub mod concurrent;
#[doc(hidden)]
pub mod keys;
mod kit;
mod list;
#[doc(hidden)]
pub mod permits;
#[doc(hidden)]
pub mod together;

/// A store of counters for one case. Each case creates its own harness.
pub trait Harness: fmt::Debug + Send + Sync + 'static {
    /// Opens the store, empty. Called once.
    fn open(&self) -> BoxFuture<'_, Arc<dyn CounterStore>>;
}

#[cfg(test)]
mod tests {
    /// An unlisted case would never run.
    #[test]
    fn every_case_is_listed() {
        let sources = [
            include_str!("algorithms.rs"),
            include_str!("changes.rs"),
            include_str!("clocked.rs"),
            include_str!("concurrent.rs"),
            include_str!("keys.rs"),
            include_str!("permits.rs"),
            include_str!("together.rs"),
        ];
        let listed: Vec<_> = include_str!("list.rs").split([' ', '\n', ';']).collect();
        let mut count = 0;
        for source in sources {
            for rest in source.split("\npub async fn ").skip(1) {
                let case = rest.split('<').next().unwrap();
                assert!(listed.contains(&case), "`{case}` is not listed");
                count += 1;
            }
        }
        assert!(count >= 30, "{count} cases");
    }
}
