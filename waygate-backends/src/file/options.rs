use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use super::audit::Retention;

/// Options of a [`FileBackend`](super::FileBackend); see [`FileBackend::builder`](super::FileBackend::builder).
///
/// ```no_run
/// use std::time::Duration;
///
/// use waygate_backends::FileBackend;
///
/// # async fn example() -> Result<(), waygate_core::port::BackendError> {
/// let backend = FileBackend::builder("/var/lib/shop/waygate.json")
///     .generations(5)
///     .poll_interval(Duration::from_secs(1))
///     .lock_timeout(Duration::from_secs(5))
///     .max_bytes(16 << 20)
///     .audit_entries(50_000)
///     .audit_bytes(32 << 20)
///     .open()
///     .await?;
/// # drop(backend);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
#[must_use]
pub struct FileBackendBuilder {
    pub(super) path: PathBuf,
    pub(super) poll_interval: Duration,
    pub(super) lock_timeout: Duration,
    pub(super) older_generations: usize,
    pub(super) max_bytes: u64,
    pub(super) audit: Retention,
}

impl FileBackendBuilder {
    pub(super) fn new(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
            poll_interval: Duration::from_secs(1),
            lock_timeout: Duration::from_secs(5),
            older_generations: 2,
            max_bytes: 64 << 20,
            audit: Retention {
                entries: 100_000,
                bytes: 64 << 20,
            },
        }
    }

    /// Sets the interval of looking for changes by other processes or people, at least 1 ms. Default: 1 s.
    pub fn poll_interval(mut self, interval: Duration) -> Self {
        self.poll_interval = interval.max(Duration::from_millis(1));
        self
    }

    /// Sets the time that a commit waits for another process. Default: 5 s.
    pub fn lock_timeout(mut self, timeout: Duration) -> Self {
        self.lock_timeout = timeout;
        self
    }

    /// Sets the number of versions of the file to keep, including the present one, at least 1. Default: 3.
    pub fn generations(mut self, count: usize) -> Self {
        self.older_generations = count.saturating_sub(1);
        self
    }

    /// Sets the maximum length of the state file in bytes. Default: 64 MiB.
    pub fn max_bytes(mut self, bytes: u64) -> Self {
        self.max_bytes = bytes;
        self
    }

    /// Sets the minimum number of audit entries to keep, within [`audit_bytes`](Self::audit_bytes). Default: 100,000.
    /// Up to twice as many are on disk.
    pub fn audit_entries(mut self, entries: usize) -> Self {
        self.audit.entries = entries;
        self
    }

    /// Sets the minimum size of the audit entries to keep in bytes, within [`audit_entries`](Self::audit_entries).
    /// Default: 64 MiB. Up to twice as many are on disk.
    pub fn audit_bytes(mut self, bytes: u64) -> Self {
        self.audit.bytes = bytes;
        self
    }
}
