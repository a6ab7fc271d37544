use std::{sync::Arc, time::Duration};

use waygate_core::{
    model::{AuditEntry, Revision},
    port::{AuditQuery, Backend, BackendError, Batch, BoxFuture, BoxStream, CommitError, Image},
};

use super::{
    listen::Listener,
    store::{Store, Terms},
};
use crate::{hints, redis::RedisOptions};

/// The heartbeat of the connection has to wait as well, and gives up after 500 ms.
const LONGEST_WAIT: Duration = Duration::from_millis(400);

#[doc = include_str!("redis.md")]
#[derive(Debug, Clone)]
pub struct RedisBackend {
    store: Arc<Store>,
    listener: Arc<Listener>,
    terms: Terms,
}

impl RedisBackend {
    /// Begins to connect. That Redis is not there is no error: it is tried again for as long as the backend exists.
    ///
    /// Must be called within a tokio runtime.
    pub fn open(options: RedisOptions) -> Self {
        Self {
            store: Arc::new(Store::new(options)),
            listener: Arc::default(),
            terms: Terms {
                audit_capacity: 10_000,
                replicas: None,
            },
        }
    }

    /// How many audit entries are kept; the oldest go first. 10 000 unless set.
    #[must_use]
    pub fn with_audit_capacity(mut self, entries: usize) -> Self {
        self.terms.audit_capacity = entries;
        self
    }

    /// Lets a commit wait until this many replicas have it. Otherwise it is reported as one that may or may not have
    /// been made: it holds, but the loss of the master may undo it.
    ///
    /// The connection does nothing else meanwhile, so `timeout` counts for 400 ms at most.
    #[must_use]
    pub fn wait_replicas(mut self, replicas: u32, timeout: Duration) -> Self {
        let timeout = timeout.clamp(Duration::from_millis(1), LONGEST_WAIT);
        self.terms.replicas = Some((replicas, timeout));
        self
    }
}

impl Backend for RedisBackend {
    fn describe(&self) -> String {
        self.store.link.options().describe()
    }

    fn load(&self) -> BoxFuture<'_, Result<Image, BackendError>> {
        Box::pin(self.store.load())
    }

    fn commit(&self, batch: Batch) -> BoxFuture<'_, Result<Revision, CommitError>> {
        Box::pin(async move { self.store.commit(&batch, self.terms).await })
    }

    fn changes(&self) -> BoxStream<'static, Revision> {
        hints::follow(self.listener.subscribe(&self.store), |revision| revision)
    }

    fn audit(&self, query: AuditQuery) -> BoxFuture<'_, Result<Vec<AuditEntry>, BackendError>> {
        Box::pin(async move { self.store.audit(&query).await })
    }

    fn health(&self) -> BoxFuture<'_, Result<(), BackendError>> {
        Box::pin(self.store.health())
    }
}
