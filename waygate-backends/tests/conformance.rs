//! The backends of this crate, in the conformance suite.
#![allow(clippy::unwrap_used, reason = "a case reports a failure by panicking")]

use std::{sync::Arc, time::Duration};

use tempfile::TempDir;
use waygate_backends::{FileBackend, MemoryBackend, conformance::Harness};
use waygate_core::port::{Backend, BoxFuture};

#[derive(Debug)]
struct Memory(MemoryBackend);

impl Harness for Memory {
    fn open(&self) -> BoxFuture<'_, Arc<dyn Backend>> {
        Box::pin(async { Arc::new(self.0.clone()) as Arc<dyn Backend> })
    }
}

#[derive(Debug)]
struct File {
    dir: TempDir,
    name: &'static str,
}

impl File {
    fn new(name: &'static str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        Self { dir, name }
    }
}

impl Harness for File {
    fn open(&self) -> BoxFuture<'_, Arc<dyn Backend>> {
        Box::pin(async {
            let options = FileBackend::builder(self.dir.path().join(self.name));
            let options = options.poll_interval(Duration::from_millis(5));
            Arc::new(options.open().await.unwrap()) as Arc<dyn Backend>
        })
    }
}

mod memory {
    use super::*;

    waygate_backends::conformance_tests!(Memory(MemoryBackend::new()), shared);
}

mod json {
    use super::*;

    waygate_backends::conformance_tests!(File::new("state.json"), durable, shared);
}

mod yaml {
    use super::*;

    waygate_backends::conformance_tests!(File::new("state.yaml"), durable, shared);
}

mod toml {
    use super::*;

    waygate_backends::conformance_tests!(File::new("state.toml"), durable, shared);
}
