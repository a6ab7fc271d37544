use std::{
    ffi::OsString,
    fs, io,
    path::{Path, PathBuf},
};

use jiff::Timestamp;
use tempfile::NamedTempFile;
use waygate_core::port::BackendError;

/// The names of everything that belongs to one state file. All of it lies in one directory.
#[derive(Debug, Clone)]
pub(super) struct Files {
    pub(super) main: PathBuf,
    pub(super) dir: PathBuf,
    name: OsString,
}

impl Files {
    /// Follows a link, so that the file it points to is replaced and not the link.
    pub(super) fn of(path: &Path) -> Result<Self, BackendError> {
        let main = fs::canonicalize(path)
            .or_else(|_| std::path::absolute(path))
            .map_err(|e| misconfigured(path, &e.to_string()))?;
        if main.is_dir() {
            return Err(misconfigured(path, "it is a directory"));
        }
        let (Some(dir), Some(name)) = (main.parent(), main.file_name()) else {
            return Err(misconfigured(path, "it names no file"));
        };
        if !dir.is_dir() {
            return Err(misconfigured(
                path,
                &format!("there is no directory `{}`; create it", dir.display()),
            ));
        }
        Ok(Self {
            dir: dir.to_owned(),
            name: name.to_owned(),
            main,
        })
    }

    /// The state as it was `age` commits ago.
    pub(super) fn generation(&self, age: usize) -> PathBuf {
        self.beside(&format!(".{age}"))
    }

    pub(super) fn lock(&self) -> PathBuf {
        self.beside(".lock")
    }

    pub(super) fn audit(&self) -> PathBuf {
        self.beside(".audit.jsonl")
    }

    /// The full segment of the audit log before the current one.
    pub(super) fn audit_before(&self) -> PathBuf {
        self.beside(".audit.1.jsonl")
    }

    /// A new file in the same directory, removed when dropped. Only its owner may read it.
    pub(super) fn temp(&self) -> io::Result<NamedTempFile> {
        tempfile::Builder::new()
            .prefix(&self.temp_prefix())
            .suffix(".tmp")
            .tempfile_in(&self.dir)
    }

    /// Removes what a crash left behind. Only for the holder of the lock.
    pub(super) fn remove_temps(&self) -> io::Result<()> {
        let prefix = self.temp_prefix();
        for entry in fs::read_dir(&self.dir)? {
            let name = entry?.file_name();
            let bytes = name.as_encoded_bytes();
            if bytes.starts_with(prefix.as_encoded_bytes()) && bytes.ends_with(b".tmp") {
                fs::remove_file(self.dir.join(name))?;
            }
        }
        Ok(())
    }

    /// Moves an unreadable state file out of the way, and says where to. Nothing is overwritten.
    pub(super) fn set_aside(&self) -> io::Result<PathBuf> {
        let now = Timestamp::now().strftime("%Y%m%dT%H%M%SZ");
        let mut aside = self.beside(&format!(".corrupt-{now}"));
        let mut nth = 1;
        while aside.try_exists()? {
            nth += 1;
            aside = self.beside(&format!(".corrupt-{now}-{nth}"));
        }
        fs::rename(&self.main, &aside)?;
        Ok(aside)
    }

    /// Makes creations, renames and removals in the directory durable.
    pub(super) fn sync_dir(&self) -> io::Result<()> {
        // Elsewhere a directory cannot be opened; there the file system orders such changes itself.
        if cfg!(unix) {
            fs::File::open(&self.dir)?.sync_all()?;
        }
        Ok(())
    }

    fn beside(&self, suffix: &str) -> PathBuf {
        let mut name = self.name.clone();
        name.push(suffix);
        self.dir.join(name)
    }

    fn temp_prefix(&self) -> OsString {
        let mut prefix = OsString::from(".");
        prefix.push(&self.name);
        prefix.push(".");
        prefix
    }
}

fn misconfigured(path: &Path, problem: &str) -> BackendError {
    BackendError::Misconfigured(format!("the state file `{}`: {problem}", path.display()))
}
