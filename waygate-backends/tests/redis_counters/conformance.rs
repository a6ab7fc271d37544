use std::sync::Arc;

use waygate_backends::{RedisOptions, conformance::counters::Harness, counter_conformance_tests};
use waygate_core::port::{BoxFuture, CounterStore};
use waygate_faultproxy::RedisProc;

use crate::support::{PATIENCE, connected, patient};

/// A Redis of its own.
#[derive(Debug)]
struct Own {
    /// Kept alive for the handles.
    _server: RedisProc,
    options: RedisOptions,
}

impl Harness for Own {
    fn open(&self) -> BoxFuture<'_, Arc<dyn CounterStore>> {
        let options = self.options.clone();
        Box::pin(async { Arc::new(connected(options).await) as Arc<dyn CounterStore> })
    }
}

mod address {
    use super::*;

    fn own() -> Own {
        let server = RedisProc::start();
        Own {
            options: patient(server.port()),
            _server: server,
        }
    }

    counter_conformance_tests!(own());
}

mod socket {
    use super::*;

    fn own() -> Own {
        let server = RedisProc::options().password("p@ss").start();
        let url = format!("redis+unix://:p%40ss@{}", server.socket().display());
        Own {
            options: RedisOptions::new(&url).unwrap().deadline(PATIENCE),
            _server: server,
        }
    }

    counter_conformance_tests!(own());
}
