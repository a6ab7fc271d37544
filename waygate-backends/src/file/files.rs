use std::{
    ffi::OsString,
    fs, io,
    path::{Path, PathBuf},
};

use jiff::Timestamp;
use waygate_core::port::BackendError;

use super::{
    links,
    mounts::{self, Mount},
    regular,
    temp::Temp,
};

const TEMP_SUFFIX: &str = ".tmp";

/// The names of all files of one state file. They are in the directory of the file itself, not of a link to it,
/// because a rename only works within one file system, and processes that use another link share them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Files {
    pub(super) main: PathBuf,
    pub(super) dir: PathBuf,
    name: OsString,
}

impl Files {
    /// Returns the files that `path` currently leads to.
    pub(super) fn find(path: &Path) -> io::Result<Self> {
        let main = links::follow(path)?;
        let (Some(dir), Some(name)) = (main.parent(), main.file_name()) else {
            return Err(io::Error::other("it names no file"));
        };
        Ok(Self {
            dir: dir.to_owned(),
            name: name.to_owned(),
            main,
        })
    }

    /// Returns the same at startup. `what` names the file in errors.
    pub(super) fn of(what: &str, path: &Path) -> Result<Self, BackendError> {
        let misconfigured = |e: io::Error| misconfigured(what, path, &e);
        let files = Self::find(path).map_err(misconfigured)?;
        check_replaceable(&files.main).map_err(misconfigured)?;
        Ok(files)
    }

    /// Refuses to start with files next to the state file that could not be used later.
    pub(super) fn check_others(&self, generations: usize) -> Result<(), BackendError> {
        let replaced = [self.audit(), self.audit_before()];
        let generations = (1..=generations).map(|age| self.generation(age));
        for path in replaced.into_iter().chain(generations) {
            check_replaceable(&path).map_err(|e| misconfigured("the file", &path, &e))?;
        }
        self.check_lock()
    }

    pub(super) fn check_lock(&self) -> Result<(), BackendError> {
        let lock = self.lock();
        check_regular(&lock).map_err(|e| misconfigured("the lock file", &lock, &e))
    }

    /// Returns the path of the state `age` commits ago.
    pub(super) fn generation(&self, age: usize) -> PathBuf {
        self.beside(&format!(".{age}"))
    }

    pub(super) fn lock(&self) -> PathBuf {
        self.beside(".lock")
    }

    pub(super) fn audit(&self) -> PathBuf {
        self.beside(".audit.jsonl")
    }

    /// Returns the path of the full segment of the audit log before the current one.
    pub(super) fn audit_before(&self) -> PathBuf {
        self.beside(".audit.1.jsonl")
    }

    pub(super) fn facts(&self) -> PathBuf {
        self.beside(".facts.jsonl")
    }

    /// Returns the path of the full segment of facts before the current one.
    pub(super) fn facts_before(&self) -> PathBuf {
        self.beside(".facts.1.jsonl")
    }

    /// Returns the path of the counters of a process.
    #[cfg(feature = "memory")]
    pub(super) fn counters(&self) -> PathBuf {
        self.beside(".counters")
    }

    /// Returns the path of the next version of the file. Requires the lock.
    #[cfg(feature = "memory")]
    pub(super) fn next(&self) -> PathBuf {
        self.beside(".next")
    }

    /// Creates a file in the same directory, readable only by its owner, and removed when dropped.
    pub(super) fn temp(&self) -> io::Result<Temp> {
        Temp::create(&self.dir, &self.temp_prefix(), TEMP_SUFFIX)
    }

    /// Removes the leftovers of a crash. Requires the lock.
    pub(super) fn remove_temps(&self) -> io::Result<()> {
        let prefix = self.temp_prefix();
        for entry in fs::read_dir(&self.dir)? {
            let name = entry?.file_name();
            let bytes = name.as_encoded_bytes();
            if bytes.starts_with(prefix.as_encoded_bytes())
                && bytes.ends_with(TEMP_SUFFIX.as_bytes())
            {
                fs::remove_file(self.dir.join(name))?;
            }
        }
        Ok(())
    }

    /// Moves an unreadable state file aside and returns its new path. Nothing is overwritten.
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
        // On other systems a directory cannot be opened, and the file system orders such changes itself.
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

/// Returns a path that does not depend on the working directory.
pub(super) fn absolute(what: &str, path: &Path) -> Result<PathBuf, BackendError> {
    if path.as_os_str().as_encoded_bytes().contains(&0) {
        let error = io::Error::new(io::ErrorKind::InvalidInput, "a path has no NUL");
        return Err(misconfigured(what, path, &error));
    }
    std::path::absolute(path).map_err(|e| misconfigured(what, path, &e))
}

fn check_regular(path: &Path) -> io::Result<()> {
    match fs::metadata(path) {
        Ok(metadata) => regular::check(&metadata),
        // Opening reports any other error.
        Err(_) => Ok(()),
    }
}

/// A file that is a mount point cannot be replaced by a rename. One that is mounted read-only is only read.
fn check_replaceable(path: &Path) -> io::Result<()> {
    check_regular(path)?;
    match mounts::of_file(path) {
        Some(Mount { read_only: false }) => Err(mounted_alone(path)),
        Some(Mount { read_only: true }) | None => Ok(()),
    }
}

/// Returns the error for a file that is a mount point.
pub(super) fn mounted_alone(path: &Path) -> io::Error {
    let dir = path.parent().unwrap_or(path).display();
    io::Error::new(
        io::ErrorKind::ResourceBusy,
        format!(
            "it is mounted by itself and cannot be replaced by a new version; mount its directory `{dir}` \
             instead, or mount the file read-only if it is only to be read"
        ),
    )
}

fn misconfigured(what: &str, path: &Path, problem: &io::Error) -> BackendError {
    BackendError::Misconfigured(format!("{what} `{}`: {problem}", path.display()))
}
