//! The conformance suite for stores of counters.

use std::sync::Arc;

use waygate_backends::{MemoryCounters, conformance::counters::Harness};
use waygate_core::port::{BoxFuture, CounterStore};

#[derive(Debug)]
struct Memory(MemoryCounters);

impl Harness for Memory {
    fn open(&self) -> BoxFuture<'_, Arc<dyn CounterStore>> {
        Box::pin(async { Arc::new(self.0.clone()) as Arc<dyn CounterStore> })
    }
}

waygate_backends::counter_conformance_tests!(Memory(MemoryCounters::new()), clocked);

/// With one shard, so that every call finds all its counters under one lock.
mod small {
    use super::*;

    waygate_backends::counter_conformance_tests!(
        Memory(MemoryCounters::builder().max_entries(100).build()),
        clocked,
    );
}
