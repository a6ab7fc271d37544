use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use super::audit::Retention;

/// Options of a [`FileBackend`](super::FileBackend); see [`FileBackend::builder`](super::FileBackend::builder).
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

    /// How often to look whether another process, or a person, has changed the file. 1 s unless set;
    /// at least 1 ms.
    pub fn poll_interval(mut self, interval: Duration) -> Self {
        self.poll_interval = interval.max(Duration::from_millis(1));
        self
    }

    /// How long a commit waits for another process to finish its own. 5 s unless set.
    pub fn lock_timeout(mut self, timeout: Duration) -> Self {
        self.lock_timeout = timeout;
        self
    }

    /// How many versions of the file are kept, the present one included. 3 unless set; at least 1.
    pub fn generations(mut self, count: usize) -> Self {
        self.older_generations = count.saturating_sub(1);
        self
    }

    /// The longest state file, in bytes, to be read or written. 64 MiB unless set.
    pub fn max_bytes(mut self, bytes: u64) -> Self {
        self.max_bytes = bytes;
        self
    }

    /// How many audit entries are kept at least, if they take no more than
    /// [`audit_bytes`](Self::audit_bytes). 100 000 unless set. Up to twice as many are on the disk.
    pub fn audit_entries(mut self, entries: usize) -> Self {
        self.audit.entries = entries;
        self
    }

    /// How many bytes of audit entries are kept at least, if there are no more than
    /// [`audit_entries`](Self::audit_entries). 64 MiB unless set. Up to twice as many are on the disk.
    pub fn audit_bytes(mut self, bytes: u64) -> Self {
        self.audit.bytes = bytes;
        self
    }
}
