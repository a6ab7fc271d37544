use std::{
    ffi::OsStr,
    fs::{self, File, OpenOptions},
    io::{self, Write},
    path::{Path, PathBuf},
};

use crate::random;

/// A new file, readable only by its owner, and removed when dropped.
#[derive(Debug)]
pub(super) struct Temp {
    file: File,
    /// Until it is persisted.
    path: Option<PathBuf>,
}

/// Names are random. A collision is rare, so this many are suspicious.
const ATTEMPTS: usize = 100;

impl Temp {
    /// Creates a file in `dir`, with a name between the two parts.
    pub(super) fn create(dir: &Path, prefix: &OsStr, suffix: &str) -> io::Result<Self> {
        let mut options = OpenOptions::new();
        options.read(true).write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut taken = io::Error::from(io::ErrorKind::AlreadyExists);
        for _ in 0..ATTEMPTS {
            // Another process may guess the name but cannot use it, because the file must be new.
            let mut name = prefix.to_owned();
            name.push(format!("{:016x}{suffix}", random::number()));
            let path = dir.join(name);
            match options.open(&path) {
                Ok(file) => {
                    return Ok(Self {
                        file,
                        path: Some(path),
                    });
                }
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => taken = error,
                Err(error) => return Err(error),
            }
        }
        Err(taken)
    }

    pub(super) fn as_file(&self) -> &File {
        &self.file
    }

    /// Renames the file to its final name, replacing any other.
    pub(super) fn persist(mut self, to: &Path) -> io::Result<()> {
        if let Some(path) = &self.path {
            fs::rename(path, to)?;
        }
        self.path = None;
        Ok(())
    }
}

impl Write for Temp {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Drop for Temp {
    fn drop(&mut self) {
        if let Some(path) = &self.path {
            // If it cannot be removed now, the next start removes it.
            let _ = fs::remove_file(path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(dir: &Path) -> Vec<String> {
        let entries = fs::read_dir(dir).unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        names.collect()
    }

    #[test]
    fn file_exists_until_dropped_or_persisted() {
        let dir = tempfile::tempdir().unwrap();
        let create = || Temp::create(dir.path(), OsStr::new(".state."), ".tmp").unwrap();
        let (one, mut other) = (create(), create());
        let present = names(dir.path());
        assert_eq!(present.len(), 2);
        assert!(
            present
                .iter()
                .all(|name| name.starts_with(".state.") && name.ends_with(".tmp"))
        );
        #[cfg(unix)]
        {
            let mode = one.as_file().metadata().unwrap().permissions();
            assert_eq!(
                std::os::unix::fs::PermissionsExt::mode(&mode) & 0o777,
                0o600
            );
        }
        drop(one);
        let to = dir.path().join("state");
        fs::write(&to, "before").unwrap();
        other.write_all(b"after").unwrap();
        other.persist(&to).unwrap();
        assert_eq!(names(dir.path()), ["state"]);
        assert_eq!(fs::read(&to).unwrap(), b"after");
    }

    #[test]
    fn a_file_that_cannot_be_renamed_is_removed() {
        let dir = tempfile::tempdir().unwrap();
        let temp = Temp::create(dir.path(), OsStr::new("."), "").unwrap();
        assert!(temp.persist(&dir.path().join("absent/state")).is_err());
        assert!(names(dir.path()).is_empty());
    }
}
