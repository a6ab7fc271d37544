//! The suite that every store of counters must pass: what [`CounterStore`] promises.
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
//! The argument is an expression that makes a [`Harness`]. A store that goes by the time of its caller and not by a
//! clock of its own is `clocked`, which brings the cases in which time passes.

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
pub mod places;
#[doc(hidden)]
pub mod together;

/// A store of counters that a case can be tried on. Each case makes a harness of its own.
pub trait Harness: fmt::Debug + Send + Sync + 'static {
    /// The store, with nothing counted in it. Asked for once.
    fn open(&self) -> BoxFuture<'_, Arc<dyn CounterStore>>;
}

#[cfg(test)]
mod tests {
    /// A case that is missing in the list would never run.
    #[test]
    fn every_case_is_listed() {
        let sources = [
            include_str!("algorithms.rs"),
            include_str!("changes.rs"),
            include_str!("clocked.rs"),
            include_str!("concurrent.rs"),
            include_str!("keys.rs"),
            include_str!("places.rs"),
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
