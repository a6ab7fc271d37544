//! Reads the state file, or falls back to an older generation.

use std::{sync::Arc, thread, time::Duration};

use waygate_core::{
    Printable,
    model::{Epoch, Revision},
    port::Entity,
};

use super::{
    super::{
        envelope::{self, Document, Refusal},
        fault::Fault,
        stamp::{self, Stamp},
    },
    Main, Store,
};
use crate::table::Table;

/// A file without a checksum must stay unchanged for this long: an editor may be saving it.
const HAND_EDIT_SETTLES: Duration = Duration::from_millis(50);
const HAND_EDIT_PATIENCE: usize = 40;

impl Store {
    pub(super) fn reread(&mut self, locked: bool) {
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

    /// Adopts a readable state file: written by this process or another one, edited manually, or restored.
    fn adopt(&mut self, document: Document, locked: bool) {
        let Document { mut table, sealed } = document;
        let found = table.revision;
        let ahead = self.audit.catch_up(found.number).unwrap_or(found.number);
        // One revision ahead is a commit that failed. More than one is an older state that was restored.
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
                _ => Arc::new(Entity::new(table.revision.number, entity.value.clone())),
            };
        }
        tracing::warn!(
            file = %Printable(self.files.main.display()), %found, now = %table.revision,
            "the state file was edited or restored; it becomes a new revision"
        );
        self.table = Some(table);
        self.main = Main::Stale;
        if locked {
            self.write_back();
        }
    }

    fn write_back(&mut self) {
        if let Err(error) = self.write_table() {
            tracing::warn!(error = %Printable(error), "cannot write the state yet; the next commit will");
        }
    }

    fn missing(&mut self, locked: bool) {
        let path = self.files.main.display();
        self.main = Main::Stale;
        if self.table.is_some() {
            tracing::error!(file = %Printable(path), "the state file is missing and is rewritten");
            // Until it is written, a restart would lose everything.
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
            // The audit log may have outlived its state.
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
                "the state file is rejected"
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
        (1..=self.options.older_generations()).find_map(|age| Some((age, self.generation(age)?)))
    }

    pub(super) fn generation(&self, age: usize) -> Option<Document> {
        let read = stamp::read(&self.files.generation(age), self.options.max_bytes);
        let (_, bytes) = read.ok()??;
        self.decode(bytes).ok()
    }

    /// Continues from an older generation, with a revision that was never used.
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
