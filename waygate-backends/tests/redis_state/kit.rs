//! Helpers for several topics.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError, Weak},
    time::Duration,
};

use serde_json::{Value, json};
use uuid::Uuid;
use waygate_backends::{RedisBackend, RedisOptions};
use waygate_core::{
    model::AuditEntry,
    port::{Backend, BackendError, Batch, CommitError},
};
use waygate_faultproxy::RedisProc;

pub(crate) const PATIENCE: Duration = Duration::from_secs(10);

/// A server for tests that do not harm it. It ends with the last of them.
pub(crate) fn shared() -> Arc<RedisProc> {
    static SERVER: Mutex<Weak<RedisProc>> = Mutex::new(Weak::new());
    running(&SERVER, RedisProc::start)
}

/// The same as a cluster.
pub(crate) fn shared_cluster() -> Arc<RedisProc> {
    static SERVER: Mutex<Weak<RedisProc>> = Mutex::new(Weak::new());
    running(&SERVER, || RedisProc::options().cluster().start())
}

fn running(server: &Mutex<Weak<RedisProc>>, start: fn() -> RedisProc) -> Arc<RedisProc> {
    let mut server = server.lock().unwrap_or_else(PoisonError::into_inner);
    server.upgrade().unwrap_or_else(|| {
        let started = Arc::new(start());
        *server = Arc::downgrade(&started);
        started
    })
}

/// Returns a unique prefix.
pub(crate) fn prefix() -> String {
    format!("test-{}", Uuid::new_v4().simple())
}

pub(crate) fn options(addr: SocketAddr) -> RedisOptions {
    RedisOptions::new(&format!("redis://{addr}")).unwrap()
}

pub(crate) fn open(addr: SocketAddr) -> RedisBackend {
    RedisBackend::open(options(addr))
}

pub(crate) fn put(key: &str, value: Value) -> Batch {
    Batch::new().put(key, value)
}

pub(crate) fn entry(path: &str) -> AuditEntry {
    serde_json::from_value(json!({
        "id": Uuid::new_v4(),
        "timestamp": "2030-01-02T03:04:05Z",
        "path": path,
        "action": "disable",
    }))
    .unwrap()
}

pub(crate) async fn failure(backend: &RedisBackend, batch: Batch) -> BackendError {
    match backend.commit(batch).await {
        Err(CommitError::Backend(error)) => error,
        other => panic!("a failure was due, not {other:?}"),
    }
}

/// Waits until the backend works again.
pub(crate) async fn healthy(backend: &RedisBackend) {
    let wait = async {
        while backend.health().await.is_err() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let waited = tokio::time::timeout(PATIENCE, wait).await;
    waited.expect("healthy again in time");
}
