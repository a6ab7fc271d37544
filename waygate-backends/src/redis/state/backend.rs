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

/// The heartbeat of the connection waits as well, and times out after 500 ms.
const LONGEST_WAIT: Duration = Duration::from_millis(400);

#[doc = include_str!("redis.md")]
#[derive(Debug, Clone)]
pub struct RedisBackend {
    store: Arc<Store>,
    listener: Arc<Listener>,
    terms: Terms,
}

impl RedisBackend {
    /// Starts to connect. An unreachable Redis is not an error: the backend keeps retrying.
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

    /// Sets the number of audit entries to keep; the oldest are dropped. Default: 10,000.
    #[must_use]
    pub fn with_audit_capacity(mut self, entries: usize) -> Self {
        self.terms.audit_capacity = entries;
        self
    }

    /// Makes a commit wait until this many replicas have it. If they do not have it in time, the commit is reported as
    /// unconfirmed: it applies, but may be lost with the master.
    ///
    /// The connection is blocked meanwhile, so `timeout` is capped at 400 ms.
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

    fn check_options(&self) -> Result<(), BackendError> {
        let options = self.store.link.options();
        options.check().map_err(BackendError::Misconfigured)
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

    fn append_facts(
        &self,
        lines: Vec<String>,
        keep: usize,
    ) -> BoxFuture<'_, Result<bool, BackendError>> {
        Box::pin(async move { self.store.append_facts(&lines, keep).await.map(|()| true) })
    }

    fn facts(&self, limit: usize) -> BoxFuture<'_, Result<Vec<String>, BackendError>> {
        Box::pin(self.store.facts(limit))
    }

    fn count_audit(&self, query: AuditQuery) -> BoxFuture<'_, Result<usize, BackendError>> {
        Box::pin(async move { self.store.count_audit(&query).await })
    }

    fn health(&self) -> BoxFuture<'_, Result<(), BackendError>> {
        Box::pin(self.store.health())
    }
}
