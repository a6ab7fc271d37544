//! Writes the state file.

use std::io;

use waygate_core::{
    Printable,
    model::Revision,
    port::{BackendError, Batch, CommitError},
};

use super::{
    super::{envelope::Envelope, files, generations, mounts, stamp::Stamp},
    Main, Store, not_writable,
};
use crate::table::Table;

impl Store {
    /// Reports at startup that changes will be refused. An existing file can still be read.
    pub(super) fn check_writable(&self) -> Result<(), BackendError> {
        let Err(error) = self.probe() else {
            return Ok(());
        };
        let never = matches!(
            error.kind(),
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem
        );
        let (file, is_there) = (self.files.main.display(), self.seen.is_some());
        if never && !is_there && self.revision().is_none_or(|revision| revision.number == 0) {
            return Err(BackendError::Misconfigured(format!(
                "the state file `{file}` is not there and cannot be created: {error}; let this process write in `{}`",
                self.files.dir.display()
            )));
        }
        tracing::warn!(file = %Printable(file), error = %Printable(error), "the state file is read-only; changes will be refused");
        Ok(())
    }

    /// Writes a temporary file, as a commit would.
    pub(super) fn probe(&self) -> io::Result<()> {
        if mounts::of_file(&self.files.main).is_some() {
            return Err(files::mounted_alone(&self.files.main));
        }
        let mut probe = self.files.temp()?;
        io::Write::write_all(&mut probe, &[b' '; 4096])
    }

    pub(in crate::file) fn commit(&mut self, batch: Batch) -> Result<Revision, CommitError> {
        batch.check()?;
        let _lock = self.lock()?;
        if self.has_changed() {
            self.reread(true);
        }
        let mut next = self.table()?.clone();
        next.check(&batch)?;
        let keep_from = batch.keep_audit_from;
        let entries = next.apply(batch);
        let text = self.encode(&next)?;
        self.make_ours()?;
        let failed = |e: io::Error| not_writable(&self.files.main, &e);
        let lengths = self.audit.append(&entries, keep_from).map_err(failed)?;
        // The file before the first commit contains nothing worth keeping.
        let older = match next.revision.number {
            1 => 0,
            _ => self.options.older_generations(),
        };
        let written = generations::prepare(&self.files, &text)
            .and_then(|prepared| generations::succeed(&self.files, prepared, older));
        if let Err(error) = written {
            self.audit.undo();
            return Err(not_writable(&self.files.main, &error).into());
        }
        self.audit.confirm(entries, lengths);
        let revision = next.revision;
        self.now_ours(next);
        Ok(revision)
    }

    fn encode(&self, table: &Table) -> Result<Vec<u8>, BackendError> {
        let refused = |problem: String| not_writable(&self.files.main, &io::Error::other(problem));
        let envelope = Envelope::seal(table).map_err(|e| refused(e.to_string()))?;
        let text = self.format.write(&envelope).map_err(refused)?;
        match text.len() as u64 {
            len if len > self.options.max_bytes => Err(refused(format!(
                "it would take {len} bytes, and {} are allowed",
                self.options.max_bytes
            ))),
            _ => Ok(text),
        }
    }

    /// Ensures that the state file contains the table before the next one replaces it.
    fn make_ours(&mut self) -> Result<(), BackendError> {
        match &self.main {
            Main::Ours => return Ok(()),
            Main::Stale => {}
            Main::Foreign(fault) if fault.is_corrupt() => {
                let aside = self.files.set_aside();
                let aside = aside.map_err(|e| not_writable(&self.files.main, &e))?;
                tracing::error!(
                    file = %Printable(self.files.main.display()), kept_as = %Printable(aside.display()),
                    "the state file was unreadable and is replaced by the state in memory"
                );
            }
            Main::Foreign(fault) => return Err(fault.error()),
        }
        self.write_table()
    }

    pub(super) fn write_table(&mut self) -> Result<(), BackendError> {
        let table = self.table()?.clone();
        let text = self.encode(&table)?;
        generations::prepare(&self.files, &text)
            .and_then(|prepared| generations::replace(&self.files, prepared))
            .map_err(|e| not_writable(&self.files.main, &e))?;
        self.now_ours(table);
        Ok(())
    }

    fn now_ours(&mut self, table: Table) {
        self.table = Some(table);
        self.main = Main::Ours;
        self.fell_back = None;
        // On failure, the file is read once more than necessary.
        self.seen = Stamp::of(&self.files.main).ok().flatten();
    }
}
