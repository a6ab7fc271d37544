use std::sync::Arc;

use waygate_backends::{conformance::counters::Harness, counter_conformance_tests};
use waygate_core::port::{BoxFuture, CounterStore};
use waygate_faultproxy::RedisProc;

use crate::support::open;

/// A Redis of its own.
#[derive(Debug)]
struct Own(RedisProc);

impl Own {
    fn new() -> Self {
        Self(RedisProc::start())
    }
}

impl Harness for Own {
    fn open(&self) -> BoxFuture<'_, Arc<dyn CounterStore>> {
        Box::pin(async { Arc::new(open(self.0.port()).await) as Arc<dyn CounterStore> })
    }
}

counter_conformance_tests!(Own::new());
