use std::sync::Arc;

use tokio_stream::{StreamExt, wrappers::WatchStream};
use waygate_core::{
    model::{AuditEntry, Revision},
    port::{AuditQuery, Backend, BackendError, Batch, BoxFuture, BoxStream, CommitError, Image},
};

use super::{listen::Listener, store::Store};
use crate::redis::RedisOptions;

#[doc = include_str!("redis.md")]
#[derive(Debug, Clone)]
pub struct RedisBackend {
    store: Arc<Store>,
    listener: Arc<Listener>,
    audit_capacity: usize,
}

impl RedisBackend {
    /// Begins to connect. That Redis is not there is no error: it is tried again for as long as the backend exists.
    ///
    /// Must be called within a tokio runtime.
    pub fn open(options: RedisOptions) -> Self {
        Self {
            store: Arc::new(Store::new(options)),
            listener: Arc::default(),
            audit_capacity: 10_000,
        }
    }

    /// How many audit entries are kept; the oldest go first. 10 000 unless set.
    #[must_use]
    pub fn with_audit_capacity(mut self, entries: usize) -> Self {
        self.audit_capacity = entries;
        self
    }
}

impl Backend for RedisBackend {
    fn load(&self) -> BoxFuture<'_, Result<Image, BackendError>> {
        Box::pin(self.store.load())
    }

    fn commit(&self, batch: Batch) -> BoxFuture<'_, Result<Revision, CommitError>> {
        Box::pin(async move { self.store.commit(&batch, self.audit_capacity).await })
    }

    fn changes(&self) -> BoxStream<'static, Revision> {
        let hints = WatchStream::from_changes(self.listener.subscribe(&self.store));
        Box::pin(StreamExt::filter_map(hints, |revision| revision))
    }

    fn audit(&self, query: AuditQuery) -> BoxFuture<'_, Result<Vec<AuditEntry>, BackendError>> {
        Box::pin(async move { self.store.audit(&query).await })
    }

    fn health(&self) -> BoxFuture<'_, Result<(), BackendError>> {
        Box::pin(self.store.health())
    }
}
