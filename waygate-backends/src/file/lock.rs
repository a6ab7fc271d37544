use std::{
    fs::{File, OpenOptions},
    io, thread,
    time::{Duration, Instant},
};

use super::{files::Files, regular};

/// The right to write, among the processes that respect it. Ends when dropped, or with the process.
#[derive(Debug)]
pub(super) struct Lock {
    _file: File,
}

/// Waits for the lock, but not longer than `patience`.
///
/// The lock file stays where it is: if it were removed, two processes could hold locks on two files
/// of one name.
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

/// Whether the lock was free, and is ours now.
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

/// Whether the lock was free, and is ours now.
#[cfg(not(unix))]
fn try_lock(file: &File) -> io::Result<bool> {
    use fs4::{FileExt, TryLockError};

    match FileExt::try_lock(file) {
        Ok(()) => Ok(true),
        Err(TryLockError::WouldBlock) => Ok(false),
        Err(TryLockError::Error(error)) => Err(error),
    }
}
