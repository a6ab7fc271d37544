//! The suite, against one server and against a cluster. The server outlives the handles, which makes it durable.

use std::sync::Arc;

use waygate_backends::{RedisBackend, RedisOptions, conformance::Harness};
use waygate_core::port::{Backend, BoxFuture};
use waygate_faultproxy::RedisProc;

use crate::kit::{prefix, shared, shared_cluster};

#[derive(Debug)]
struct Redis {
    /// Kept alive for the handles.
    _server: Arc<RedisProc>,
    options: RedisOptions,
}

impl Redis {
    fn new(scheme: &str, server: Arc<RedisProc>) -> Self {
        let options = RedisOptions::new(&format!("{scheme}://{}", server.addr())).unwrap();
        Self {
            options: options.prefix(prefix()),
            _server: server,
        }
    }
}

impl Harness for Redis {
    fn open(&self) -> BoxFuture<'_, Arc<dyn Backend>> {
        let backend = RedisBackend::open(self.options.clone());
        Box::pin(async { Arc::new(backend) as Arc<dyn Backend> })
    }
}

mod single {
    use super::*;

    waygate_backends::conformance_tests!(Redis::new("redis", shared()), durable, shared);
}

mod cluster {
    use super::*;

    waygate_backends::conformance_tests!(
        Redis::new("redis+cluster", shared_cluster()),
        durable,
        shared
    );
}

mod socket {
    use super::*;

    fn harness() -> Redis {
        let server = shared();
        let url = format!("redis+unix://{}?db=1", server.socket().display());
        Redis {
            options: RedisOptions::new(&url).unwrap().prefix(prefix()),
            _server: server,
        }
    }

    waygate_backends::conformance_tests!(harness(), durable, shared);
}
