use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use waygate_core::port::BackendError;

use super::audit::Retention;
use crate::range::check;

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
    pub(super) generations: usize,
    pub(super) max_bytes: u64,
    pub(super) audit: Retention,
}

impl FileBackendBuilder {
    pub(super) fn new(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
            poll_interval: Duration::from_secs(1),
            lock_timeout: Duration::from_secs(5),
            generations: 3,
            max_bytes: 64 << 20,
            audit: Retention {
                entries: 100_000,
                bytes: 64 << 20,
            },
        }
    }

    /// Sets the interval of polling for changes by other processes or people, at least 1 ms. Checked by
    /// [`open`](Self::open). Default: 1 s.
    pub fn poll_interval(mut self, interval: Duration) -> Self {
        self.poll_interval = interval;
        self
    }

    /// Sets the time that a commit waits for another process. Default: 5 s.
    pub fn lock_timeout(mut self, timeout: Duration) -> Self {
        self.lock_timeout = timeout;
        self
    }

    /// Sets the number of versions of the file to keep, including the current one, at least 1. Checked by
    /// [`open`](Self::open). Default: 3.
    pub fn generations(mut self, count: usize) -> Self {
        self.generations = count;
        self
    }

    /// Sets the maximum length of the state file in bytes, at least 1. Checked by [`open`](Self::open). Default:
    /// 64 MiB.
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

    pub(super) fn older_generations(&self) -> usize {
        self.generations.saturating_sub(1)
    }

    pub(super) fn check(&self) -> Result<(), BackendError> {
        let shortest = Duration::from_millis(1);
        let (every, kept) = (self.poll_interval, self.generations);
        check(
            every >= shortest,
            "poll_interval",
            every,
            "1 ms or more, such as 1 s",
        )
        .and_then(|()| check(kept > 0, "generations", kept, "1 or more, such as 3"))
        .and_then(|()| {
            let bytes = self.max_bytes;
            check(bytes > 0, "max_bytes", bytes, "1 or more, such as 67108864")
        })
        .map_err(BackendError::Misconfigured)
    }
}
