//! The state file and what is known of it. Everything here blocks.

use std::{io, path::Path, sync::Arc, thread, time::Duration};

use waygate_core::{
    Printable,
    model::{AuditEntry, Epoch, Revision},
    port::{AuditQuery, BackendError, Batch, CommitError, Entity, Image, Lost},
};

use super::{
    audit::AuditLog,
    envelope::{self, Document, Envelope, Refusal},
    fault::Fault,
    files::{self, Files},
    format::Format,
    generations,
    lock::{self, Lock},
    mounts,
    options::FileBackendBuilder,
    stamp::{self, Stamp},
};
use crate::table::Table;

/// How long a file without a checksum must hold still before it is taken: an editor may be saving it.
const HAND_EDIT_SETTLES: Duration = Duration::from_millis(50);
const HAND_EDIT_PATIENCE: usize = 40;

/// How often a link may be pointed elsewhere while this process waits for a lock.
const LINK_PATIENCE: usize = 8;

#[derive(Debug)]
pub(super) struct Store {
    files: Files,
    format: Format,
    options: FileBackendBuilder,
    /// What holds. `None` as long as nothing could be read since the start.
    table: Option<Table>,
    main: Main,
    /// The state file when it was last read or written.
    seen: Option<Stamp>,
    /// Whether the path leads nowhere, which is said once.
    is_lost: bool,
    /// Whether it leads to another file than the one that was read last.
    moved: bool,
    audit: AuditLog,
    /// The revision of an older generation that is used instead, until the next commit, and why.
    fell_back: Option<(u64, String)>,
}

/// What the state file is to us.
#[derive(Debug)]
enum Main {
    /// It holds the table.
    Ours,
    /// It is missing, or holds an older table; the next commit writes the table first.
    Stale,
    /// It cannot be taken.
    Foreign(Fault),
}

impl Store {
    pub(super) fn open(mut options: FileBackendBuilder) -> Result<Self, BackendError> {
        const WHAT: &str = "the state file";
        let format = Format::of(&options.path)?;
        options.path = files::absolute(WHAT, &options.path)?;
        let files = Files::of(WHAT, &options.path)?;
        files.check_others(options.older_generations)?;
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

    /// Says at the start that no change will be taken. What is there can be read all the same.
    fn check_writable(&self) -> Result<(), BackendError> {
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
        tracing::warn!(file = %Printable(file), error = %Printable(error), "the state file can only be read; changes will be refused");
        Ok(())
    }

    pub(super) fn revision(&self) -> Option<Revision> {
        self.table.as_ref().map(|table| table.revision)
    }

    /// Takes what others have written since.
    pub(super) fn refresh(&mut self) {
        if let Err(error) = self.follow() {
            if !std::mem::replace(&mut self.is_lost, true) {
                tracing::error!(error = %Printable(error), "what is in memory stays");
            }
        } else if self.has_changed() {
            // Without a lock, as in a directory that is read-only, a rename is atomic all the same.
            let lock = self.lock();
            self.reread(lock.is_ok());
        }
    }

    /// Goes where the path leads now.
    fn follow(&mut self) -> Result<(), BackendError> {
        let found = Files::find(&self.options.path);
        let files = found.map_err(|e| not_writable(&self.options.path, &e))?;
        self.is_lost = false;
        if files != self.files {
            tracing::info!(
                from = %Printable(self.files.main.display()), to = %Printable(files.main.display()),
                "the link to the state file was pointed elsewhere"
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

    /// The generations that can be read, the newest first.
    pub(super) fn earlier(&self) -> Vec<Image> {
        let generations =
            (1..=self.options.older_generations).filter_map(|age| self.generation(age));
        generations.map(|document| document.table.image()).collect()
    }

    /// What went with the state file when an older generation had to take its place.
    pub(super) fn lost(&self) -> Option<Lost> {
        let (revision, cause) = self.fell_back.as_ref()?;
        let all = self.audit.page(&AuditQuery::newest(usize::MAX));
        let mut entries = all.unwrap_or_default();
        entries.retain(|entry| entry.revision > *revision);
        entries.reverse();
        Some(Lost::new(cause, entries))
    }

    pub(super) fn audit(&mut self, query: &AuditQuery) -> Result<Vec<AuditEntry>, BackendError> {
        self.refresh();
        self.table()?;
        let page = self.audit.page(query);
        page.map_err(|e| Fault::unreadable(&self.files.audit(), e).error())
    }

    /// Whether the file is as it should be and could be written.
    pub(super) fn health(&mut self) -> Result<(), BackendError> {
        self.refresh();
        if let Main::Foreign(fault) = &self.main {
            return Err(fault.error());
        }
        self.follow()?;
        self.probe().map_err(|e| not_writable(&self.files.main, &e))
    }

    /// Writes as a commit would, to no effect.
    fn probe(&self) -> io::Result<()> {
        if mounts::of_file(&self.files.main).is_some() {
            return Err(files::mounted_alone(&self.files.main));
        }
        let mut probe = self.files.temp()?;
        io::Write::write_all(&mut probe, &[b' '; 4096])
    }

    pub(super) fn commit(&mut self, batch: Batch) -> Result<Revision, CommitError> {
        batch.check()?;
        let _lock = self.lock()?;
        if self.has_changed() {
            self.reread(true);
        }
        let mut next = self.table()?.clone();
        next.check(&batch)?;
        let entries = next.apply(batch);
        let text = self.encode(&next)?;
        self.make_ours()?;
        let failed = |e: io::Error| not_writable(&self.files.main, &e);
        let lengths = self.audit.append(&entries).map_err(failed)?;
        // The first file of all holds nothing that would be worth keeping.
        let older = match next.revision.number {
            1 => 0,
            _ => self.options.older_generations,
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
            // While this process waited, a link may have been pointed elsewhere.
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

    /// Sees to it that the state file holds the table, before the next one takes its place.
    fn make_ours(&mut self) -> Result<(), BackendError> {
        match &self.main {
            Main::Ours => return Ok(()),
            Main::Stale => {}
            Main::Foreign(fault) if fault.is_corrupt() => {
                let aside = self.files.set_aside();
                let aside = aside.map_err(|e| not_writable(&self.files.main, &e))?;
                tracing::error!(
                    file = %Printable(self.files.main.display()), kept_as = %Printable(aside.display()),
                    "the state file was unreadable and is replaced by what was in memory"
                );
            }
            Main::Foreign(fault) => return Err(fault.error()),
        }
        self.write_table()
    }

    fn write_table(&mut self) -> Result<(), BackendError> {
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
        // When this fails, the file is read once more than necessary.
        self.seen = Stamp::of(&self.files.main).ok().flatten();
    }

    fn reread(&mut self, locked: bool) {
        self.moved = false;
        match self.read_main() {
            Ok(Some(document)) => self.adopt(document, locked),
            Ok(None) => self.missing(locked),
            Err(fault) => self.refuse(fault, locked),
        }
        let revision = self.revision().map_or(0, |revision| revision.number);
        if let Err(error) = self.audit.catch_up(revision) {
            tracing::error!(error = %Printable(error), file = %Printable(self.files.audit().display()), "cannot read the audit log");
        }
    }

    fn read_main(&mut self) -> Result<Option<Document>, Fault> {
        let path = &self.files.main;
        for _ in 0..HAND_EDIT_PATIENCE {
            let read = stamp::read(path, self.options.max_bytes);
            let read = read.map_err(|e| Fault::unreadable(path, e))?;
            let Some((stamp, bytes)) = read else {
                self.seen = None;
                return Ok(None);
            };
            self.seen = Some(stamp);
            let document = self.decode(bytes);
            if document.as_ref().is_ok_and(|document| !document.sealed) {
                thread::sleep(HAND_EDIT_SETTLES);
                if self.has_changed() {
                    continue;
                }
            }
            return document.map(Some).map_err(|e| Fault::refused(path, e));
        }
        self.seen = None;
        Err(Fault::unreadable(
            path,
            "it has no checksum and keeps changing",
        ))
    }

    fn decode(&self, bytes: Option<Vec<u8>>) -> Result<Document, Refusal> {
        let limit = self.options.max_bytes;
        let bytes =
            bytes.ok_or_else(|| Refusal::Corrupt(format!("it has more than {limit} bytes")))?;
        let root = self.format.read(&bytes).map_err(Refusal::Corrupt)?;
        envelope::open(root)
    }

    /// Takes a readable state file: our own, one that another process wrote, or one that a person
    /// edited or put back.
    fn adopt(&mut self, document: Document, locked: bool) {
        let Document { mut table, sealed } = document;
        let found = table.revision;
        let ahead = self.audit.catch_up(found.number).unwrap_or(found.number);
        // One commit ahead is one that never came to be. More is a state that went back in time.
        let went_back = ahead > found.number + 1 || self.audit.newest() > found.number;
        let in_order = match self.revision() {
            Some(known) => {
                known.epoch != found.epoch
                    || known.number < found.number
                    || self.table.as_ref() == Some(&table)
            }
            None => true,
        };
        if sealed && in_order && !went_back {
            self.table = Some(table);
            self.main = Main::Ours;
            return;
        }
        let known = self
            .table
            .take()
            .filter(|known| known.revision.epoch == found.epoch);
        let newest = known.as_ref().map_or(0, |known| known.revision.number);
        table.revision.number = newest.max(found.number).max(ahead) + 1;
        for (key, entity) in &mut table.entities {
            let before = known.as_ref().and_then(|known| known.entities.get(key));
            *entity = match before {
                Some(before) if before.value == entity.value => Arc::clone(before),
                _ => Arc::new(Entity {
                    revision: table.revision.number,
                    value: entity.value.clone(),
                }),
            };
        }
        tracing::warn!(
            file = %Printable(self.files.main.display()), %found, now = %table.revision,
            "the state file was edited or put back; it is taken as a new revision"
        );
        self.table = Some(table);
        self.main = Main::Stale;
        if locked {
            self.write_back();
        }
    }

    fn write_back(&mut self) {
        if let Err(error) = self.write_table() {
            tracing::warn!(error = %Printable(error), "cannot write the state yet; the next commit does");
        }
    }

    fn missing(&mut self, locked: bool) {
        let path = self.files.main.display();
        self.main = Main::Stale;
        if self.table.is_some() {
            tracing::error!(file = %Printable(path), "the state file is gone, and is written again");
            // Until then a restart would lose everything.
            if locked {
                self.write_back();
            }
        } else if let Some((generation, document)) = self.newest_generation() {
            tracing::error!(
                file = %Printable(path), generation = %Printable(self.files.generation(generation).display()),
                "the state file is missing; an older generation is used instead"
            );
            self.recover(generation, document, "it is missing");
        } else {
            // An audit log that outlived its state is continued.
            let newest = self.audit.catch_up(u64::MAX).unwrap_or(0);
            self.table = Some(Table::empty(Revision {
                epoch: Epoch::random(),
                number: newest,
            }));
            // At revision 0 nothing is written before the first commit. Above it, the epoch counts.
            if newest > 0 && locked {
                self.write_back();
            }
        }
    }

    fn refuse(&mut self, fault: Fault, locked: bool) {
        let path = self.files.main.display();
        if matches!(&self.main, Main::Foreign(known) if *known == fault) {
            return;
        }
        let generation = match self.table {
            None if fault.is_corrupt() => self.newest_generation(),
            _ => None,
        };
        let Some((generation, document)) = generation else {
            let kept = self.table.is_some();
            tracing::error!(
                problem = %Printable(fault.message()),
                kept,
                "the state file is not taken"
            );
            self.main = Main::Foreign(fault);
            return;
        };
        let aside = match locked {
            true => self.files.set_aside().map_err(|e| e.to_string()),
            false => Err("no lock".to_owned()),
        };
        tracing::error!(
            file = %Printable(path), problem = %Printable(fault.message()), set_aside = %Printable(format_args!("{aside:?}")),
            generation = %Printable(self.files.generation(generation).display()),
            "the state file is unreadable; an older generation is used instead"
        );
        self.recover(generation, document, fault.message());
        self.main = match aside {
            Ok(_) => Main::Stale,
            Err(_) => Main::Foreign(fault),
        };
        self.seen = Stamp::of(&self.files.main).ok().flatten();
    }

    fn newest_generation(&self) -> Option<(usize, Document)> {
        (1..=self.options.older_generations).find_map(|age| Some((age, self.generation(age)?)))
    }

    fn generation(&self, age: usize) -> Option<Document> {
        let read = stamp::read(&self.files.generation(age), self.options.max_bytes);
        let (_, bytes) = read.ok()??;
        self.decode(bytes).ok()
    }

    /// Goes on from an older generation, with a revision that was never given before.
    fn recover(&mut self, age: usize, document: Document, problem: &str) {
        let mut table = document.table;
        let cause = format!(
            "the state file `{}` was not usable ({problem}); `{}`, at revision {}, is in its place",
            self.files.main.display(),
            self.files.generation(age).display(),
            table.revision.number
        );
        self.fell_back = Some((table.revision.number, cause));
        let lost = table.revision.number + age as u64;
        let audited = self.audit.catch_up(u64::MAX).unwrap_or(0);
        table.revision.number = lost.max(audited) + 1;
        self.table = Some(table);
    }
}

fn not_writable(path: &Path, error: &io::Error) -> BackendError {
    let busy = error.kind() == io::ErrorKind::ResourceBusy && mounts::of_file(path).is_some();
    let mounted = busy.then(|| files::mounted_alone(path));
    let error = mounted.as_ref().unwrap_or(error);
    BackendError::NotWritable(format!("cannot write `{}`: {error}", path.display()))
}
