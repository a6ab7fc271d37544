use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::watch;
use waygate_core::{
    model::{AuditEntry, Epoch, Revision},
    port::{AuditQuery, Backend, BackendError, Batch, BoxFuture, BoxStream, CommitError, Image},
};

use crate::{hints, table::Table};

/// State in this process's memory. It ends with the process, and no other process sees it.
///
/// Clones share one store.
///
/// ```
/// # use waygate_backends::MemoryBackend;
/// # use waygate_core::port::{Backend, Batch, Expected};
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let backend = MemoryBackend::new().with_audit_capacity(500);
/// let batch = Batch::new()
///     .expect("global", Expected::Absent)
///     .put("global", serde_json::json!({ "enabled": true }));
/// let revision = backend.commit(batch).await?;
/// assert_eq!(revision.number, 1);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct MemoryBackend {
    store: Arc<Mutex<Store>>,
    hints: Arc<watch::Sender<Revision>>,
    audit_capacity: usize,
}

#[derive(Debug)]
struct Store {
    table: Table,
    /// Oldest first.
    audit: VecDeque<AuditEntry>,
}

impl MemoryBackend {
    /// Creates an empty store with a new epoch.
    pub fn new() -> Self {
        let revision = Revision {
            epoch: Epoch::random(),
            number: 0,
        };
        Self {
            store: Arc::new(Mutex::new(Store {
                table: Table::empty(revision),
                audit: VecDeque::new(),
            })),
            hints: Arc::new(watch::Sender::new(revision)),
            audit_capacity: 10_000,
        }
    }

    /// Sets the number of audit entries to keep; the oldest are dropped. Default: 10,000.
    #[must_use]
    pub fn with_audit_capacity(mut self, entries: usize) -> Self {
        self.audit_capacity = entries;
        self
    }

    fn store(&self) -> MutexGuard<'_, Store> {
        // No code that may panic runs between the first and the last change of a commit.
        self.store.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn apply(&self, batch: Batch) -> Result<Revision, CommitError> {
        let mut store = self.store();
        store.table.check(&batch)?;
        let keep = batch.keep_audit_from.unwrap_or(u64::MAX);
        let entries = store.table.apply(batch);
        store.audit.extend(entries);
        let excess = store.audit.len().saturating_sub(self.audit_capacity);
        let bound = self.audit_capacity.saturating_mul(Batch::KEPT_FACTOR);
        let surplus = store.audit.len().saturating_sub(bound);
        let passed = store.audit.iter().take(excess);
        let passed = passed.take_while(|entry| entry.revision < keep).count();
        store.audit.drain(..passed.max(surplus));
        // Sent under the lock, so that hints come in the order of the commits.
        self.hints.send_replace(store.table.revision);
        Ok(store.table.revision)
    }
}

impl Default for MemoryBackend {
    fn default() -> Self {
        Self::new()
    }
}

impl Backend for MemoryBackend {
    fn describe(&self) -> String {
        "in memory; changes end with the process".to_owned()
    }

    fn load(&self) -> BoxFuture<'_, Result<Image, BackendError>> {
        Box::pin(async {
            let table = self.store().table.clone();
            Ok(table.image())
        })
    }

    fn commit(&self, batch: Batch) -> BoxFuture<'_, Result<Revision, CommitError>> {
        Box::pin(async { self.apply(batch) })
    }

    fn changes(&self) -> BoxStream<'static, Revision> {
        hints::follow(self.hints.subscribe(), Some)
    }

    fn audit(&self, query: AuditQuery) -> BoxFuture<'_, Result<Vec<AuditEntry>, BackendError>> {
        Box::pin(async move { Ok(query.page(self.store().audit.iter().rev())) })
    }

    fn count_audit(&self, query: AuditQuery) -> BoxFuture<'_, Result<usize, BackendError>> {
        Box::pin(async move { Ok(query.count(self.store().audit.iter().rev())) })
    }

    fn health(&self) -> BoxFuture<'_, Result<(), BackendError>> {
        Box::pin(async { Ok(()) })
    }
}

#[cfg(test)]
mod tests {
    use futures_util::StreamExt;
    use jiff::Timestamp;
    use waygate_core::model::{Action, Origin};

    use super::*;

    fn entry(path: &str) -> AuditEntry {
        let ada = Origin::new("ada", "cli");
        AuditEntry::new(&ada, Action::Disable, path, Timestamp::UNIX_EPOCH)
    }

    #[tokio::test]
    async fn the_oldest_audit_entries_are_dropped() {
        let backend = MemoryBackend::new().with_audit_capacity(2);
        for path in ["/a", "/b", "/c"] {
            let batch = Batch::new().audit(entry(path));
            backend.commit(batch).await.unwrap();
        }
        let kept = backend.audit(AuditQuery::newest(10)).await.unwrap();
        let kept: Vec<_> = kept.iter().map(|e| (e.path.as_str(), e.revision)).collect();
        assert_eq!(kept, [("/c", 3), ("/b", 2)]);
    }

    #[tokio::test]
    async fn entries_that_a_reader_needs_are_kept_up_to_a_bound() {
        let backend = MemoryBackend::new().with_audit_capacity(2);
        let kept = async |keep: Option<u64>, commits: usize| {
            for _ in 0..commits {
                let mut batch = Batch::new().audit(entry("/a"));
                batch.keep_audit_from = keep;
                backend.commit(batch).await.unwrap();
            }
            let kept = backend.audit(AuditQuery::oldest(100)).await.unwrap();
            kept.iter().map(|entry| entry.revision).collect::<Vec<_>>()
        };
        assert_eq!(kept(None, 3).await, [2, 3]);
        assert_eq!(kept(Some(3), 3).await, [3, 4, 5, 6]);
        assert_eq!(kept(Some(3), 10).await, (9..=16).collect::<Vec<_>>());
        assert_eq!(kept(Some(15), 1).await, [15, 16, 17]);
        assert_eq!(kept(Some(18), 1).await, [17, 18]);
    }

    #[tokio::test]
    async fn clones_share_the_store_and_its_hints() {
        let backend = MemoryBackend::new();
        let mut changes = backend.changes();
        let revision = backend.clone().commit(Batch::default()).await.unwrap();
        assert_eq!(changes.next().await, Some(revision));
        assert_eq!(backend.load().await.unwrap().revision, revision);
    }

    #[tokio::test]
    async fn change_streams_end_with_the_store() {
        let backend = MemoryBackend::new();
        let mut changes = backend.changes();
        drop(backend);
        assert_eq!(changes.next().await, None);
    }
}
