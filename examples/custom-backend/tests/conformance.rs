//! Runs the conformance suite that every backend must pass.

use std::sync::Arc;

use custom_backend::SqliteBackend;
use tempfile::TempDir;
use waygate_backends::{conformance::Harness, conformance_tests};
use waygate_core::port::{Backend, BoxFuture};

#[derive(Debug)]
struct Sqlite(TempDir);

impl Sqlite {
    #[allow(clippy::unwrap_used, reason = "a case reports a failure by panicking")]
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }
}

impl Harness for Sqlite {
    #[allow(clippy::unwrap_used, reason = "a case reports a failure by panicking")]
    fn open(&self) -> BoxFuture<'_, Arc<dyn Backend>> {
        Box::pin(async {
            let backend = SqliteBackend::open(self.0.path().join("waygate.db"))
                .await
                .unwrap();
            Arc::new(backend) as Arc<dyn Backend>
        })
    }
}

conformance_tests!(Sqlite::new(), durable, shared);
