//! The audit log beside a state file: one JSON object per line.
//!
//! Entries become durable before the state that they describe. An entry counts if its revision is at most that of the
//! state. Entries of a failed commit are at the end, do not count, and are truncated by the next commit. A full
//! segment is kept until the next one is full.

use std::{
    collections::VecDeque,
    fs::{self, OpenOptions},
    io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write},
};

use serde::Deserialize;
use waygate_core::{
    Printable, StrictJson,
    model::AuditEntry,
    port::{AuditQuery, Batch},
};

use super::{envelope::MAX_REVISION, files::Files, regular, stamp::FileId};

/// Bounds of a segment.
#[derive(Debug, Clone, Copy)]
pub(super) struct Retention {
    pub(super) entries: usize,
    pub(super) bytes: u64,
}

#[derive(Debug)]
pub(super) struct AuditLog {
    files: Files,
    retention: Retention,
    recent: Recent,
    /// The current segment, if it exists.
    segment: Option<FileId>,
    scanned: bool,
    /// The length of the part of the current segment that counts, in bytes and in lines.
    end: u64,
    lines: usize,
    /// The entries of that part, which has damaged lines as well.
    entries: usize,
    /// The entries of the full segment.
    entries_before: usize,
    newest: u64,
    /// The newest revision of the full segment.
    newest_before: u64,
    /// Set when an fsync of the segment failed: it is then rewritten instead of synced again.
    distrusted: bool,
}

impl AuditLog {
    pub(super) fn new(files: Files, retention: Retention) -> Self {
        Self {
            files,
            retention,
            recent: Recent::default(),
            segment: None,
            scanned: false,
            end: 0,
            lines: 0,
            entries: 0,
            entries_before: 0,
            newest: 0,
            newest_before: 0,
            distrusted: false,
        }
    }

    /// Reads new entries up to `revision`. Returns the newest revision in the log, which is greater if entries at the
    /// end do not count.
    pub(super) fn catch_up(&mut self, revision: u64) -> io::Result<u64> {
        let file = found(regular::read(&self.files.audit()))?;
        let (id, len) = match &file {
            Some(file) => {
                let metadata = file.metadata()?;
                (Some(FileId::of(&metadata)), metadata.len())
            }
            None => (None, 0),
        };
        if !self.scanned || id != self.segment || len < self.end {
            self.start_over(id)?;
        }
        let (Some(mut file), true) = (file, len > self.end) else {
            return Ok(self.newest);
        };
        file.seek(SeekFrom::Start(self.end))?;
        let mut newest = self.newest;
        for line in lines(file) {
            let (line, entry) = line?;
            newest = newest.max(entry.as_ref().map_or(0, |entry| entry.revision));
            if newest <= revision {
                self.end += line;
                self.lines += 1;
                self.entries += usize::from(entry.is_some());
                self.newest = newest;
                self.recent.extend(entry, line);
            }
        }
        Ok(newest)
    }

    /// Returns the newest revision that counts.
    pub(super) fn newest(&self) -> u64 {
        self.newest
    }

    /// Appends the entries of a commit, durably. [`confirm`](Self::confirm) or [`undo`](Self::undo) must follow.
    /// Requires the lock, and [`catch_up`](Self::catch_up) before.
    pub(super) fn append(
        &mut self,
        entries: &[AuditEntry],
        keep_from: Option<u64>,
    ) -> io::Result<Vec<u64>> {
        self.cut_off()?;
        if entries.is_empty() {
            return Ok(Vec::new());
        }
        let mut text = Vec::new();
        let mut lengths = Vec::new();
        for entry in entries {
            let begin = text.len();
            serde_json::to_writer(&mut text, entry)?;
            text.push(b'\n');
            lengths.push((text.len() - begin) as u64);
        }
        if self.distrusted {
            self.rewrite()?;
        }
        if self.is_full(keep_from) {
            fs::rename(self.files.audit(), self.files.audit_before())?;
            (self.segment, self.end, self.lines) = (None, 0, 0);
            self.entries_before = std::mem::take(&mut self.entries);
            self.newest_before = self.newest;
        }
        self.write_durably(&text).inspect_err(|_| self.undo())?;
        Ok(lengths)
    }

    /// The next segment replaces the full one before, which a reader may still need.
    fn is_full(&self, keep_from: Option<u64>) -> bool {
        let is_over = |factor: usize| {
            let bytes = self.retention.bytes.saturating_mul(factor as u64);
            self.lines >= self.retention.entries.saturating_mul(factor) || self.end >= bytes
        };
        let is_needed = keep_from.is_some_and(|from| self.newest_before >= from);
        is_over(if is_needed { Batch::KEPT_FACTOR } else { 1 })
    }

    fn write_durably(&mut self, text: &[u8]) -> io::Result<()> {
        let mut options = OpenOptions::new();
        options.create(true).append(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = regular::open(&self.files.audit(), &mut options)?;
        let new = self.segment.is_none();
        self.segment = Some(FileId::of(&file.metadata()?));
        file.write_all(text)?;
        file.sync_all().inspect_err(|_| self.distrusted = true)?;
        if new {
            self.files.sync_dir()?;
        }
        Ok(())
    }

    /// Counts the entries of a commit that took effect.
    pub(super) fn confirm(&mut self, entries: Vec<AuditEntry>, lengths: Vec<u64>) {
        for (entry, len) in entries.into_iter().zip(lengths) {
            self.end += len;
            self.lines += 1;
            self.entries += 1;
            self.newest = entry.revision;
            self.recent.extend(Some(entry), len);
        }
    }

    /// Removes the entries of a failed commit. If that fails as well, the next commit truncates them.
    pub(super) fn undo(&mut self) {
        if let Err(error) = self.cut_off() {
            tracing::warn!(error = %Printable(error), "cannot truncate the entries of a failed commit in the audit log");
        }
    }

    pub(super) fn page(&self, query: &AuditQuery) -> io::Result<Vec<AuditEntry>> {
        let wanted = query.offset.saturating_add(query.limit);
        let recent = || self.recent.entries.iter().map(|(entry, _)| entry).rev();
        if let Some(place) = query.after
            && (self.recent.is_all || recent().any(|entry| entry.revision < place.revision))
        {
            return Ok(query.page(recent()));
        }
        if query.oldest_first || query.after.is_some() {
            let hits = self.oldest(query, wanted)?;
            return Ok(query.page(hits.iter().rev()));
        }
        let hits = recent().filter(|entry| query.matches(entry)).take(wanted);
        if self.recent.is_all || hits.count() == wanted {
            return Ok(query.page(recent()));
        }
        let mut hits = VecDeque::new();
        for line in self.all()? {
            let Some(entry) = line?.1.filter(|entry| query.matches(entry)) else {
                continue;
            };
            hits.push_back(entry);
            if hits.len() > wanted {
                hits.pop_front();
            }
        }
        Ok(query.page(hits.iter().rev()))
    }

    /// Counts the entries that a query selects.
    pub(super) fn count(&self, query: &AuditQuery) -> io::Result<usize> {
        if self.recent.is_all {
            let recent = self.recent.entries.iter().map(|(entry, _)| entry);
            return Ok(query.count(recent.rev()));
        }
        if query.after.is_some() {
            let after = self.oldest(query, usize::MAX)?;
            return Ok(query.count(after.iter().rev()));
        }
        if !query.has_filters() {
            return Ok(self.entries_before + self.entries);
        }
        let mut count = 0;
        for line in self.all()? {
            count += usize::from(line?.1.is_some_and(|entry| query.matches(&entry)));
        }
        Ok(count)
    }

    /// The oldest entries after a place, as many as the page needs, or all of them for the newest.
    fn oldest(&self, query: &AuditQuery, wanted: usize) -> io::Result<Vec<AuditEntry>> {
        let start = query.after.map_or(0, |place| place.revision);
        let mut hits = Vec::new();
        let mut matched = 0;
        for line in self.all()? {
            let Some(entry) = line?.1.filter(|entry| entry.revision >= start) else {
                continue;
            };
            let counts = entry.revision > start && query.matches(&entry);
            matched += usize::from(counts);
            hits.push(entry);
            if query.oldest_first && matched >= wanted {
                break;
            }
        }
        Ok(hits)
    }

    /// All lines that count, oldest first.
    fn all(&self) -> io::Result<impl Iterator<Item = io::Result<(u64, Option<AuditEntry>)>>> {
        let before = found(regular::read(&self.files.audit_before()))?.map(|file| (file, u64::MAX));
        let current = found(regular::read(&self.files.audit()))?.map(|file| (file, self.end));
        let segments = before.into_iter().chain(current);
        Ok(segments.flat_map(|(segment, end)| lines(segment.take(end))))
    }

    /// Forgets everything and reads the full segment; the current one remains to be read.
    fn start_over(&mut self, segment: Option<FileId>) -> io::Result<()> {
        let before = found(regular::read(&self.files.audit_before()))?;
        self.recent = Recent::default();
        self.recent.is_all = before.is_none();
        (self.end, self.lines, self.newest) = (0, 0, 0);
        (self.entries, self.entries_before) = (0, 0);
        for line in before.into_iter().flat_map(lines) {
            let (len, entry) = line?;
            self.entries_before += usize::from(entry.is_some());
            self.newest = self.newest.max(entry.as_ref().map_or(0, |e| e.revision));
            self.recent.extend(entry, len);
        }
        self.newest_before = self.newest;
        (self.segment, self.scanned) = (segment, true);
        Ok(())
    }

    /// Truncates the log after the last entry that counts.
    fn cut_off(&self) -> io::Result<()> {
        let Some(file) = found(regular::open(
            &self.files.audit(),
            OpenOptions::new().write(true),
        ))?
        else {
            return Ok(());
        };
        if file.metadata()?.len() > self.end {
            file.set_len(self.end)?;
        }
        Ok(())
    }

    fn rewrite(&mut self) -> io::Result<()> {
        let mut temp = self.files.temp()?;
        if let Some(current) = found(regular::read(&self.files.audit()))? {
            io::copy(&mut current.take(self.end), &mut temp)?;
        }
        temp.as_file().sync_all()?;
        self.segment = Some(FileId::of(&temp.as_file().metadata()?));
        temp.persist(&self.files.audit())?;
        self.files.sync_dir()?;
        self.distrusted = false;
        Ok(())
    }
}

/// The newest entries, so that a page of them needs no reading.
#[derive(Debug, Default)]
struct Recent {
    /// Oldest first, each with the length of its line.
    entries: VecDeque<(AuditEntry, u64)>,
    bytes: u64,
    /// There are no older entries.
    is_all: bool,
}

impl Recent {
    const MAX_ENTRIES: usize = 1_024;
    const MAX_BYTES: u64 = 4 << 20;

    fn extend(&mut self, entry: Option<AuditEntry>, len: u64) {
        let Some(entry) = entry else {
            return;
        };
        self.entries.push_back((entry, len));
        self.bytes += len;
        while self.entries.len() > Self::MAX_ENTRIES || self.bytes > Self::MAX_BYTES {
            let Some((_, len)) = self.entries.pop_front() else {
                return;
            };
            self.bytes -= len;
            self.is_all = false;
        }
    }
}

/// Returns the complete lines of a file with their lengths. A line that is no entry yields `None`.
fn lines(file: impl Read) -> impl Iterator<Item = io::Result<(u64, Option<AuditEntry>)>> {
    let mut reader = BufReader::new(file);
    let mut line = Vec::new();
    std::iter::from_fn(move || {
        line.clear();
        match reader.read_until(b'\n', &mut line) {
            Ok(_) if line.ends_with(b"\n") => {}
            Ok(_) => return None,
            Err(e) => return Some(Err(e)),
        }
        let entry = serde_json::from_slice(&line).map(StrictJson);
        let entry = entry.and_then(AuditEntry::deserialize);
        let entry = entry.map_err(|e| e.to_string());
        let entry = entry.and_then(|entry| match entry.revision {
            0..=MAX_REVISION => Ok(entry),
            revision => Err(format!("there is no revision {revision}")),
        });
        let entry = entry.inspect_err(|problem| {
            tracing::warn!(problem = %Printable(problem), "skipping a damaged line of the audit log");
        });
        Some(Ok((line.len() as u64, entry.ok())))
    })
}

fn found<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(e) => Err(e),
    }
}
