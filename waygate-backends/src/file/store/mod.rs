//! The state file and its last known content. Everything here blocks.

mod adopt;
mod write;

use std::{io, path::Path};

use waygate_core::{
    Printable,
    model::{AuditEntry, Revision},
    port::{AuditQuery, BackendError, Image, Lost},
};

use super::{
    audit::AuditLog,
    facts,
    fault::Fault,
    files::{self, Files},
    format::Format,
    lock::{self, Lock},
    mounts,
    options::FileBackendBuilder,
    stamp::Stamp,
};
use crate::table::Table;

/// How often a link may be retargeted while this process waits for a lock.
const LINK_PATIENCE: usize = 8;

#[derive(Debug)]
pub(super) struct Store {
    files: Files,
    format: Format,
    options: FileBackendBuilder,
    /// `None` until a state has been read.
    table: Option<Table>,
    main: Main,
    /// The state file when it was last read or written.
    seen: Option<Stamp>,
    /// The target of the path is missing; logged once.
    is_lost: bool,
    /// The path leads to a file other than the one last read.
    moved: bool,
    audit: AuditLog,
    /// The revision of the older generation that is used until the next commit, and the cause.
    fell_back: Option<(u64, String)>,
}

/// The state of the file, compared with the table in memory.
#[derive(Debug)]
enum Main {
    /// It contains the table.
    Ours,
    /// It is missing, or contains an older table; the next commit writes the table first.
    Stale,
    /// It cannot be used.
    Foreign(Fault),
}

impl Store {
    pub(super) fn open(mut options: FileBackendBuilder) -> Result<Self, BackendError> {
        const WHAT: &str = "the state file";
        options.check()?;
        let format = Format::of(&options.path)?;
        options.path = files::absolute(WHAT, &options.path)?;
        let files = Files::of(WHAT, &options.path)?;
        files.check_others(options.older_generations())?;
        let mut store = Self {
            audit: AuditLog::new(files.clone(), options.audit),
            fell_back: None,
            table: None,
            main: Main::Stale,
            seen: None,
            is_lost: false,
            moved: false,
            files,
            format,
            options,
        };
        let lock = store.lock();
        if lock.is_ok()
            && let Err(error) = store.files.remove_temps()
        {
            tracing::warn!(error = %Printable(error), dir = %Printable(store.files.dir.display()), "cannot remove temporary files");
        }
        store.reread(lock.is_ok());
        store.check_writable()?;
        Ok(store)
    }

    pub(super) fn revision(&self) -> Option<Revision> {
        self.table.as_ref().map(|table| table.revision)
    }

    /// Reads changes by other processes and people.
    pub(super) fn refresh(&mut self) {
        if let Err(error) = self.follow() {
            if !std::mem::replace(&mut self.is_lost, true) {
                tracing::error!(error = %Printable(error), "cannot resolve the path of the state file; the state in memory is kept");
            }
        } else if self.has_changed() {
            // Without a lock, as in a read-only directory, a rename is still atomic.
            let lock = self.lock();
            self.reread(lock.is_ok());
        }
    }

    /// Resolves the path again: a link may have been retargeted.
    fn follow(&mut self) -> Result<(), BackendError> {
        let found = Files::find(&self.options.path);
        let files = found.map_err(|e| not_writable(&self.options.path, &e))?;
        self.is_lost = false;
        if files != self.files {
            tracing::info!(
                from = %Printable(self.files.main.display()), to = %Printable(files.main.display()),
                "the link to the state file was retargeted"
            );
            self.audit = AuditLog::new(files.clone(), self.options.audit);
            self.files = files;
            self.moved = true;
            self.main = Main::Stale;
        }
        Ok(())
    }

    pub(super) fn image(&mut self) -> Result<Image, BackendError> {
        self.refresh();
        self.table().map(Table::image)
    }

    /// Returns the readable generations, newest first.
    pub(super) fn earlier(&self) -> Vec<Image> {
        let generations =
            (1..=self.options.older_generations()).filter_map(|age| self.generation(age));
        generations.map(|document| document.table.image()).collect()
    }

    /// Returns what was lost when an older generation replaced the state file.
    pub(super) fn lost(&self) -> Option<Lost> {
        let (revision, cause) = self.fell_back.as_ref()?;
        let all = self.audit.page(&AuditQuery::newest(usize::MAX));
        let mut entries = all.unwrap_or_default();
        entries.retain(|entry| entry.revision > *revision);
        entries.reverse();
        Some(Lost::new(cause, entries))
    }

    pub(super) fn append_facts(&self, lines: &[String]) -> Result<(), BackendError> {
        let written = facts::append(&self.files, lines);
        written.map_err(|error| not_writable(&self.files.facts(), &error))
    }

    pub(super) fn facts(&self, limit: usize) -> Result<Vec<String>, BackendError> {
        facts::newest(&self.files, limit).map_err(|error| {
            let path = self.files.facts();
            BackendError::Unavailable(format!("cannot read `{}`: {error}", path.display()))
        })
    }

    pub(super) fn audit(&mut self, query: &AuditQuery) -> Result<Vec<AuditEntry>, BackendError> {
        self.refresh();
        self.table()?;
        let page = self.audit.page(query);
        page.map_err(|e| Fault::unreadable(&self.files.audit(), e).error())
    }

    pub(super) fn count_audit(&mut self, query: &AuditQuery) -> Result<usize, BackendError> {
        self.refresh();
        self.table()?;
        let count = self.audit.count(query);
        count.map_err(|e| Fault::unreadable(&self.files.audit(), e).error())
    }

    /// Checks that the file is valid and writable.
    pub(super) fn health(&mut self) -> Result<(), BackendError> {
        self.refresh();
        if let Main::Foreign(fault) = &self.main {
            return Err(fault.error());
        }
        self.follow()?;
        self.probe().map_err(|e| not_writable(&self.files.main, &e))
    }

    fn table(&self) -> Result<&Table, BackendError> {
        match (&self.table, &self.main) {
            (Some(table), _) => Ok(table),
            (None, Main::Foreign(fault)) => Err(fault.error()),
            (None, _) => Err(BackendError::Unavailable(format!(
                "`{}` has not been read yet",
                self.files.main.display()
            ))),
        }
    }

    /// Locks the file that the path leads to.
    fn lock(&mut self) -> Result<Lock, BackendError> {
        for _ in 0..LINK_PATIENCE {
            self.follow()?;
            let lock = lock::acquire(&self.files, self.options.lock_timeout);
            let lock = lock.map_err(|e| match e.kind() {
                io::ErrorKind::TimedOut => BackendError::Unavailable(e.to_string()),
                _ => not_writable(&self.files.lock(), &e),
            })?;
            // A link may have been retargeted in the meantime.
            if Files::find(&self.options.path).is_ok_and(|files| files == self.files) {
                return Ok(lock);
            }
        }
        let path = self.options.path.display();
        Err(BackendError::Unavailable(format!(
            "`{path}` leads to another file each time"
        )))
    }

    fn has_changed(&self) -> bool {
        self.moved || Stamp::of(&self.files.main).map_or(true, |stamp| stamp != self.seen)
    }
}

fn not_writable(path: &Path, error: &io::Error) -> BackendError {
    let busy = error.kind() == io::ErrorKind::ResourceBusy && mounts::of_file(path).is_some();
    let mounted = busy.then(|| files::mounted_alone(path));
    let error = mounted.as_ref().unwrap_or(error);
    BackendError::NotWritable(format!("cannot write `{}`: {error}", path.display()))
}
