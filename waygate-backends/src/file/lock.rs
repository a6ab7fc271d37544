use std::{
    fs::{File, OpenOptions},
    io, thread,
    time::{Duration, Instant},
};

use super::{files::Files, regular};

/// An exclusive lock among the processes that respect it. Released when dropped, or with the process.
#[derive(Debug)]
pub(super) struct Lock {
    _file: File,
}

/// Acquires the lock, or fails after `patience`.
///
/// The lock file is never removed: otherwise two processes could lock two files of one name.
pub(super) fn acquire(files: &Files, patience: Duration) -> io::Result<Lock> {
    let mut options = OpenOptions::new();
    options.create(true).truncate(false).write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let file = regular::open(&files.lock(), &mut options)?;
    let begin = Instant::now();
    let mut pause = Duration::from_micros(200);
    loop {
        match try_lock(&file)? {
            true => return Ok(Lock { _file: file }),
            false if begin.elapsed() >= patience => {
                return Err(io::Error::new(
                    io::ErrorKind::TimedOut,
                    format!(
                        "another process has held `{}` for {patience:?}",
                        files.lock().display()
                    ),
                ));
            }
            false => thread::sleep(pause),
        }
        pause = (pause * 2).min(Duration::from_millis(5));
    }
}

/// Returns whether the lock was acquired.
#[cfg(unix)]
fn try_lock(file: &File) -> io::Result<bool> {
    use rustix::{
        fs::{FlockOperation, flock},
        io::Errno,
    };

    match flock(file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(true),
        Err(Errno::WOULDBLOCK) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// Returns whether the lock was acquired.
#[cfg(not(unix))]
fn try_lock(file: &File) -> io::Result<bool> {
    use fs4::{FileExt, TryLockError};

    match FileExt::try_lock(file) {
        Ok(()) => Ok(true),
        Err(TryLockError::WouldBlock) => Ok(false),
        Err(TryLockError::Error(error)) => Err(error),
    }
}
