use std::{
    fmt,
    fs::{self, OpenOptions},
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
    time::Duration,
};

use parking_lot::Mutex;
use waygate_core::{Printable, limit::quota::Nanos, port::BackendError};

use super::{
    files::{self, Files},
    lock::{self, Lock},
    stamp::{self, Stamp},
};
use crate::counters::{MAX_BYTES, MemoryCounters};

/// A file with the counters of this process, so that an exhausted limit stays exhausted after a crash.
///
/// It contains the usage of every key, of every algorithm, but no concurrency permits, which end with the process. It
/// is written as a whole, to a new file that is synced and renamed over the previous one, and is readable only by its
/// owner.
///
/// * **Size:** 32 bytes for a counter, and for a moving window 20 bytes and 12 for each request; at most
///   [`MAX_BYTES`](Self::MAX_BYTES). Beyond that, keys whose last request was allowed are omitted.
/// * **Damage:** a file that is damaged, or of another version, is ignored and replaced. See [`Restored::fault`].
/// * **Secrets:** keys are stored as digests, under a secret that is also in the file. With read access, a guessed
///   key (an address, a user name, an API key of little entropy) can be verified.
/// * **Several processes:** each counts for itself. The first one keeps its counters; the others start with the content
///   of the file, and keep theirs once the first one has ended.
///
/// When dropped, it writes the last changes.
pub struct CounterSnapshot {
    place: Place,
    counters: MemoryCounters,
    restored: Restored,
    kept: Mutex<Kept>,
}

/// The result of reading the file of a [`CounterSnapshot`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Restored {
    /// The number of counters restored.
    pub counters: usize,
    /// The number of counters that had expired.
    pub expired: usize,
    /// The number of counters for which the store, smaller than before, had no room.
    pub left_out: usize,
    /// The reason why the file was ignored. All counters then start at zero.
    pub fault: Option<String>,
}

/// The location of the file. Links are resolved at each use.
#[derive(Debug)]
enum Place {
    At(PathBuf),
    BesideState(PathBuf),
}

#[derive(Debug)]
struct Kept {
    files: Files,
    /// Held while this process keeps its counters here.
    lock: Option<Lock>,
    /// The version of the counters in the file.
    version: Option<u64>,
    left_out: usize,
    /// The time of the last call.
    now: Nanos,
}

impl CounterSnapshot {
    /// The maximum length of the file in bytes: 64 MiB.
    pub const MAX_BYTES: u64 = MAX_BYTES;

    /// Restores `counters` from a file, and keeps them there from now on. `now` is the counters' time, in nanoseconds
    /// since the Unix epoch. Blocks while it reads.
    ///
    /// # Errors
    ///
    /// [`BackendError::Misconfigured`] if the path cannot be that of a file that is replaced, or the file holds
    /// something else.
    pub fn open(
        path: impl AsRef<Path>,
        counters: &MemoryCounters,
        now: Nanos,
    ) -> Result<Self, BackendError> {
        let path = files::absolute(WHAT, path.as_ref())?;
        Self::start(Place::At(path), counters, now)
    }

    /// Opens `<state>.counters`, next to the file that the path of a state file leads to.
    ///
    /// # Errors
    ///
    /// See [`open`](Self::open).
    pub fn beside_state(
        state: impl AsRef<Path>,
        counters: &MemoryCounters,
        now: Nanos,
    ) -> Result<Self, BackendError> {
        let path = files::absolute(WHAT, state.as_ref())?;
        Self::start(Place::BesideState(path), counters, now)
    }

    fn start(place: Place, counters: &MemoryCounters, now: Nanos) -> Result<Self, BackendError> {
        let path = place.find().map_err(|e| {
            BackendError::Misconfigured(format!("{WHAT} `{}`: {e}", place.path().display()))
        })?;
        let files = Files::of(WHAT, &path)?;
        files.check_lock()?;
        let read = stamp::read(&files.main, MAX_BYTES);
        if let (Place::At(_), Ok(Some((_, Some(bytes))))) = (&place, &read)
            && !MemoryCounters::may_be_image(bytes)
        {
            return Err(BackendError::Misconfigured(format!(
                "{WHAT} `{}`: it holds something else, which would be replaced; name a file of its own",
                path.display()
            )));
        }
        let restored = restore(&files.main, read, counters, now);
        // A file that is up to date is not rewritten.
        let is_current = restored.fault.is_none();
        let kept = Kept {
            lock: None,
            version: is_current.then(|| counters.version()),
            left_out: restored.left_out,
            now,
            files,
        };
        let snapshot = Self {
            place,
            counters: counters.clone(),
            restored,
            kept: Mutex::new(kept),
        };
        // Before the first request, so that of two processes the first one keeps its counters.
        let _ = snapshot.kept.lock().hold();
        Ok(snapshot)
    }

    /// Returns the current location of the file.
    pub fn path(&self) -> PathBuf {
        self.kept.lock().files.main.clone()
    }

    /// Returns whether this process keeps its counters in the file, and no other process does.
    pub fn is_held(&self) -> bool {
        self.kept.lock().lock.is_some()
    }

    /// Returns the result of reading the file at startup.
    pub fn restored(&self) -> &Restored {
        &self.restored
    }

    /// Writes the counters if any has changed. Blocks, but no request waits for it. Returns the number of counters
    /// omitted for lack of room.
    ///
    /// # Errors
    ///
    /// [`BackendError::NotWritable`], or [`BackendError::Unavailable`] while another process keeps its counters in the
    /// same file. The previous file is then unchanged.
    pub fn write(&self, now: Nanos) -> Result<usize, BackendError> {
        let mut kept = self.kept.lock();
        kept.now = now;
        kept.follow(&self.place)?;
        kept.hold()?;
        let version = self.counters.version();
        if kept.version != Some(version) {
            let written = replace(&kept.files, &self.counters, now);
            kept.left_out = written.map_err(|e| not_writable(&kept.files.main, &e))?;
            kept.version = Some(version);
        }
        Ok(kept.left_out)
    }
}

const WHAT: &str = "the file of the counters";

impl Place {
    fn path(&self) -> &Path {
        match self {
            Self::At(path) | Self::BesideState(path) => path,
        }
    }

    fn find(&self) -> io::Result<PathBuf> {
        match self {
            Self::At(path) => Ok(path.clone()),
            Self::BesideState(state) => Ok(Files::find(state)?.counters()),
        }
    }
}

impl Kept {
    fn follow(&mut self, place: &Place) -> Result<(), BackendError> {
        let found = place.find().and_then(|path| Files::find(&path));
        let files = found.map_err(|e| not_writable(place.path(), &e))?;
        if files != self.files {
            (self.files, self.lock, self.version) = (files, None, None);
        }
        Ok(())
    }

    /// Locks the file for this process.
    fn hold(&mut self) -> Result<(), BackendError> {
        if self.lock.is_some() {
            return Ok(());
        }
        let lock = lock::acquire(&self.files, Duration::ZERO).map_err(|e| match e.kind() {
            io::ErrorKind::TimedOut => BackendError::Unavailable(format!(
                "another process keeps its counters in `{}`; those of this process end with it",
                self.files.main.display()
            )),
            _ => not_writable(&self.files.lock(), &e),
        })?;
        self.lock = Some(lock);
        Ok(())
    }
}

/// Writes the counts since the last write.
impl Drop for CounterSnapshot {
    fn drop(&mut self) {
        let now = self.kept.lock().now;
        if let Err(error) = self.write(now) {
            tracing::warn!(error = %Printable(error), "failed to write the latest counters");
        }
    }
}

/// Omits the counters.
impl fmt::Debug for CounterSnapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CounterSnapshot")
            .field("place", &self.place)
            .field("restored", &self.restored)
            .finish_non_exhaustive()
    }
}

fn restore(
    path: &Path,
    read: io::Result<Option<(Stamp, Option<Vec<u8>>)>>,
    counters: &MemoryCounters,
    now: Nanos,
) -> Restored {
    let read = match read {
        Ok(None) => return Restored::default(),
        Ok(Some((_, Some(bytes)))) => counters.read_image(&bytes, now),
        Ok(Some((_, None))) => Err(format!("it has more than {MAX_BYTES} bytes")),
        Err(error) => Err(error.to_string()),
    };
    match read {
        Ok(image) => Restored {
            counters: image.counters,
            expired: image.expired,
            left_out: image.left_out,
            fault: None,
        },
        Err(problem) => Restored {
            fault: Some(format!(
                "the counters in `{}` were not taken, and limits start at zero: {problem}",
                path.display()
            )),
            ..Restored::default()
        },
    }
}

/// Requires the lock, so that the name need not be random: a leftover of a crash is replaced.
fn replace(files: &Files, counters: &MemoryCounters, now: Nanos) -> io::Result<usize> {
    let next = files.next();
    match fs::remove_file(&next) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e),
        _ => {}
    }
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let written = options.open(&next).and_then(|file| {
        let mut out = BufWriter::with_capacity(64 << 10, file);
        let image = counters.write_image(&mut out, now, MAX_BYTES)?;
        out.flush()?;
        // If power fails after the rename, the name must not refer to an empty file. If the rename itself is lost, the
        // previous file remains, so the directory is not synced.
        out.get_ref().sync_data()?;
        fs::rename(&next, &files.main)?;
        Ok(image.left_out)
    });
    if written.is_err() {
        // Frees the space for other files if the disk is full.
        let _ = fs::remove_file(&next);
    }
    written
}

fn not_writable(path: &Path, error: &io::Error) -> BackendError {
    BackendError::NotWritable(format!(
        "the counters cannot be kept in `{}`: {error}",
        path.display()
    ))
}

#[cfg(test)]
mod tests;
