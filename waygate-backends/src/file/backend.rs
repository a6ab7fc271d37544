use std::{
    path::{Path, PathBuf},
    sync::{Arc, Weak},
    time::Duration,
};

use tokio::{
    sync::{Mutex, watch},
    task,
    time::{self, Instant, MissedTickBehavior},
};
use waygate_core::{
    Printable,
    model::{AuditEntry, Revision},
    port::{
        AuditQuery, Backend, BackendError, Batch, BoxFuture, BoxStream, CommitError, Image, Lost,
    },
};

use super::{options::FileBackendBuilder, store::Store};
use crate::hints;

#[doc = include_str!("file.md")]
#[derive(Debug, Clone)]
pub struct FileBackend(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    store: Arc<Mutex<Store>>,
    hints: Arc<watch::Sender<Option<Revision>>>,
    /// As configured.
    path: PathBuf,
}

impl FileBackend {
    /// Opens a state file with the default options, or prepares to create it at the first commit.
    ///
    /// # Errors
    ///
    /// See [`FileBackendBuilder::open`].
    pub async fn open(path: impl AsRef<Path>) -> Result<Self, BackendError> {
        Self::builder(path).open().await
    }

    /// Returns options for a state file.
    pub fn builder(path: impl AsRef<Path>) -> FileBackendBuilder {
        FileBackendBuilder::new(path.as_ref())
    }
}

impl FileBackendBuilder {
    /// Opens the file, or prepares to create it at the first commit.
    ///
    /// An unreadable file is not an error here, so that the service starts; every other operation reports it until it
    /// is repaired. Must be called within a tokio runtime.
    ///
    /// # Errors
    ///
    /// [`BackendError::Misconfigured`] if an option is out of range, the extension names no format, the path is not that of a regular file in an
    /// existing directory, the file is a mount point, or it is missing and cannot be created.
    pub async fn open(self) -> Result<FileBackend, BackendError> {
        let (every, path) = (self.poll_interval, self.path.clone());
        let store = task::spawn_blocking(|| Store::open(self)).await;
        let store = store.map_err(interrupted)??;
        let shared = Arc::new(Shared {
            hints: Arc::new(watch::Sender::new(store.revision())),
            store: Arc::new(Mutex::new(store)),
            path,
        });
        task::spawn(poll(Arc::downgrade(&shared), every));
        Ok(FileBackend(shared))
    }
}

impl Shared {
    /// Runs `work` on a blocking thread. It completes even if the caller stops waiting.
    async fn with_store<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Store) -> T + Send + 'static,
    ) -> Result<T, BackendError> {
        let mut store = Arc::clone(&self.store).lock_owned().await;
        let hints = Arc::clone(&self.hints);
        let work = task::spawn_blocking(move || {
            let result = work(&mut store);
            let revision = store.revision();
            hints.send_if_modified(|known| std::mem::replace(known, revision) != revision);
            result
        });
        work.await.map_err(interrupted)
    }
}

async fn poll(shared: Weak<Shared>, every: Duration) {
    // The first check waits, too: the file has just been read.
    let mut ticks = time::interval_at(Instant::now() + every, every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let Some(shared) = shared.upgrade() else {
            return;
        };
        if let Err(error) = shared.with_store(Store::refresh).await {
            tracing::error!(error = %Printable(error), "failed to check the state file; retrying");
        }
    }
}

pub(super) fn interrupted(error: task::JoinError) -> BackendError {
    BackendError::Unavailable(format!("work on a file was interrupted: {error}"))
}

impl Backend for FileBackend {
    fn describe(&self) -> String {
        format!("file `{}`", self.0.path.display())
    }

    fn load(&self) -> BoxFuture<'_, Result<Image, BackendError>> {
        Box::pin(async { self.0.with_store(Store::image).await? })
    }

    fn commit(&self, batch: Batch) -> BoxFuture<'_, Result<Revision, CommitError>> {
        Box::pin(async { self.0.with_store(|store| store.commit(batch)).await? })
    }

    fn earlier(&self) -> BoxFuture<'_, Result<Vec<Image>, BackendError>> {
        Box::pin(async { self.0.with_store(|store| store.earlier()).await })
    }

    fn lost(&self) -> BoxFuture<'_, Option<Lost>> {
        Box::pin(async { self.0.with_store(|store| store.lost()).await.ok().flatten() })
    }

    fn state_file(&self) -> Option<&Path> {
        Some(&self.0.path)
    }

    fn changes(&self) -> BoxStream<'static, Revision> {
        hints::follow(self.0.hints.subscribe(), |revision| revision)
    }

    fn audit(&self, query: AuditQuery) -> BoxFuture<'_, Result<Vec<AuditEntry>, BackendError>> {
        Box::pin(async { self.0.with_store(move |store| store.audit(&query)).await? })
    }

    fn append_facts(
        &self,
        lines: Vec<String>,
        _: usize,
    ) -> BoxFuture<'_, Result<bool, BackendError>> {
        Box::pin(async {
            let written = self.0.with_store(move |store| store.append_facts(&lines));
            written.await?.map(|()| true)
        })
    }

    fn facts(&self, limit: usize) -> BoxFuture<'_, Result<Vec<String>, BackendError>> {
        Box::pin(async move { self.0.with_store(move |store| store.facts(limit)).await? })
    }

    fn count_audit(&self, query: AuditQuery) -> BoxFuture<'_, Result<usize, BackendError>> {
        Box::pin(async {
            self.0
                .with_store(move |store| store.count_audit(&query))
                .await?
        })
    }

    fn health(&self) -> BoxFuture<'_, Result<(), BackendError>> {
        Box::pin(async { self.0.with_store(Store::health).await? })
    }
}
