use std::io;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::model::{ActionPattern, AuditEntry};

/// A place in the audit log: after an entry, or after a whole commit. Timestamps are no places: clocks differ, and go back.
///
/// ```
/// use waygate_core::{
///     Timestamp,
///     model::{Action, AuditEntry, Origin},
///     port::AuditPosition,
/// };
///
/// let line = AuditEntry::new(&Origin::system(), Action::Reset, "GET:/a", Timestamp::now());
/// assert!(AuditPosition::of(&line).covers(&line));
/// assert!(AuditPosition::end_of(7).covers(&line));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct AuditPosition {
    /// The number of the commit.
    pub revision: u64,
    /// The last entry of the commit that precedes the place; `None` for the whole commit. If the log no longer has
    /// this entry, it has forgotten the earlier ones as well, so that the place is before the commit's others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entry: Option<Uuid>,
}

impl AuditPosition {
    /// After this entry.
    pub fn of(entry: &AuditEntry) -> Self {
        Self {
            revision: entry.revision,
            entry: Some(entry.id),
        }
    }

    /// After all entries of this commit, and of those before.
    pub fn end_of(revision: u64) -> Self {
        Self {
            revision,
            entry: None,
        }
    }

    /// Returns whether the place is right after `entry`, or after a later one of another commit. From the newest entry
    /// to the oldest, the first covered one ends those after the place.
    pub fn covers(&self, entry: &AuditEntry) -> bool {
        entry.revision < self.revision
            || entry.revision == self.revision && self.entry.is_none_or(|id| id == entry.id)
    }
}

/// A query of the audit log. The filters apply before the limit. By default, the newest 100 entries.
///
/// ```
/// use waygate_core::{
///     Timestamp,
///     model::{Action, AuditEntry, Origin},
///     port::AuditQuery,
/// };
///
/// let query = AuditQuery::newest(20).path("GET:/payments").service("billing");
/// let path = "GET:/payments";
/// let mut entry = AuditEntry::new(&Origin::system(), Action::Reset, path, Timestamp::now());
/// assert!(!query.matches(&entry), "of no service");
/// entry.service = Some("billing".to_owned());
/// assert_eq!(query.page([&entry]), [entry.clone()]);
/// assert!(query.offset(1).page([&entry]).is_empty());
///
/// let other = AuditEntry::new(&Origin::system(), Action::Reset, path, Timestamp::now());
/// let by_id = AuditQuery::newest(1).id(entry.id);
/// assert_eq!(by_id.page([&other, &entry]), [entry.clone()]);
/// let short = AuditQuery::newest(10).max_bytes(1);
/// assert_eq!(short.page([&other, &entry]), [other.clone()]);
///
/// let oldest = AuditQuery::oldest(1);
/// assert_eq!(oldest.page([&other, &entry]), [entry.clone()]);
/// let next = AuditQuery::oldest(1).after(waygate_core::port::AuditPosition::of(&entry));
/// assert_eq!(next.page([&other, &entry]), [other.clone()]);
///
/// let resets = AuditQuery::newest(10).actor("system").action("reset".parse()?);
/// assert_eq!(resets.count([&other, &entry]), 2);
/// # Ok::<(), waygate_core::grammar::Invalid>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct AuditQuery {
    /// The most entries.
    pub limit: usize,
    /// Skips this many of the newest.
    pub offset: usize,
    /// Only entries with exactly this `path`.
    pub path: Option<String>,
    /// Only entries of this service.
    pub service: Option<String>,
    /// Only entries of this actor.
    pub actor: Option<String>,
    /// Only entries of this platform.
    pub platform: Option<String>,
    /// Only entries with an action that one of these matches. Empty for all.
    pub actions: Vec<ActionPattern>,
    /// Only entries from this time on. Times are compared in microseconds.
    pub since: Option<Timestamp>,
    /// Only entries before this time.
    pub until: Option<Timestamp>,
    /// Only the entry with this id.
    pub id: Option<Uuid>,
    /// Ends the page after the entry with which it has this many bytes or more, as JSON; a backend may count the bytes
    /// that it stores instead. The first entry is returned, however large it is.
    pub max_bytes: Option<usize>,
    /// Only entries after this place.
    pub after: Option<AuditPosition>,
    /// Reverses the order: the oldest entries, oldest first. The offset then skips the oldest.
    pub oldest_first: bool,
}

impl Default for AuditQuery {
    fn default() -> Self {
        Self {
            limit: 100,
            offset: 0,
            path: None,
            service: None,
            actor: None,
            platform: None,
            actions: Vec::new(),
            since: None,
            until: None,
            id: None,
            max_bytes: None,
            after: None,
            oldest_first: false,
        }
    }
}

impl AuditQuery {
    /// Queries the newest `limit` entries.
    pub fn newest(limit: usize) -> Self {
        Self {
            limit,
            ..Self::default()
        }
    }

    /// Queries the oldest `limit` entries, oldest first.
    pub fn oldest(limit: usize) -> Self {
        Self {
            limit,
            oldest_first: true,
            ..Self::default()
        }
    }

    /// Selects the entries after this place.
    #[must_use]
    pub fn after(mut self, position: AuditPosition) -> Self {
        self.after = Some(position);
        self
    }

    /// Skips this many of the newest entries.
    #[must_use]
    pub fn offset(mut self, offset: usize) -> Self {
        self.offset = offset;
        self
    }

    /// Selects the entries with exactly this path.
    #[must_use]
    pub fn path(mut self, path: impl Into<String>) -> Self {
        self.path = Some(path.into());
        self
    }

    /// Selects the entries of this service.
    #[must_use]
    pub fn service(mut self, service: impl Into<String>) -> Self {
        self.service = Some(service.into());
        self
    }

    /// Selects the entries of this actor.
    #[must_use]
    pub fn actor(mut self, actor: impl Into<String>) -> Self {
        self.actor = Some(actor.into());
        self
    }

    /// Selects the entries of this platform.
    ///
    /// ```
    /// use waygate_core::port::AuditQuery;
    ///
    /// let query = AuditQuery::newest(10).platform("cli");
    /// assert_eq!(query.platform.as_deref(), Some("cli"));
    /// ```
    #[must_use]
    pub fn platform(mut self, platform: impl Into<String>) -> Self {
        self.platform = Some(platform.into());
        self
    }

    /// Selects the entries with an action that this pattern, or another one of the query, matches.
    #[must_use]
    pub fn action(mut self, pattern: ActionPattern) -> Self {
        self.actions.push(pattern);
        self
    }

    /// Selects the entries from this time on.
    ///
    /// ```
    /// use waygate_core::{Timestamp, port::AuditQuery};
    ///
    /// let query = AuditQuery::newest(10).since(Timestamp::UNIX_EPOCH);
    /// assert_eq!(query.since, Some(Timestamp::UNIX_EPOCH));
    /// ```
    #[must_use]
    pub fn since(mut self, time: Timestamp) -> Self {
        self.since = Some(time);
        self
    }

    /// Selects the entries before this time.
    ///
    /// ```
    /// use waygate_core::{Timestamp, port::AuditQuery};
    ///
    /// let query = AuditQuery::newest(10).until(Timestamp::UNIX_EPOCH);
    /// assert_eq!(query.until, Some(Timestamp::UNIX_EPOCH));
    /// ```
    #[must_use]
    pub fn until(mut self, time: Timestamp) -> Self {
        self.until = Some(time);
        self
    }

    /// Selects the entry with this id.
    #[must_use]
    pub fn id(mut self, id: Uuid) -> Self {
        self.id = Some(id);
        self
    }

    /// Ends the page after the entry with which it has this many bytes. See [`max_bytes`](#structfield.max_bytes).
    #[must_use]
    pub fn max_bytes(mut self, bytes: usize) -> Self {
        self.max_bytes = Some(bytes);
        self
    }

    /// Returns whether `entry` passes the filters, apart from its place in the log.
    pub fn matches(&self, entry: &AuditEntry) -> bool {
        let is =
            |wanted: &Option<String>, found: &str| wanted.as_ref().is_none_or(|it| it == found);
        let passes = |pattern: &ActionPattern| pattern.matches(&entry.action);
        // A store keeps microseconds.
        let time = entry.timestamp.as_microsecond();
        self.id.is_none_or(|id| id == entry.id)
            && is(&self.path, &entry.path)
            && is(&self.actor, &entry.actor)
            && is(&self.platform, &entry.platform)
            && (self.service.is_none() || entry.service == self.service)
            && (self.actions.is_empty() || self.actions.iter().any(passes))
            && self
                .since
                .is_none_or(|since| time >= since.as_microsecond())
            && self.until.is_none_or(|until| time < until.as_microsecond())
    }

    /// Returns whether the query selects by the content of entries, and not only by their places.
    pub fn has_filters(&self) -> bool {
        let unfiltered = Self {
            limit: self.limit,
            offset: self.offset,
            max_bytes: self.max_bytes,
            after: self.after,
            oldest_first: self.oldest_first,
            ..Self::default()
        };
        *self != unfiltered
    }

    /// Counts the entries (newest first, without gaps) that the query selects, on all its pages.
    pub fn count<'a>(&self, entries: impl IntoIterator<Item = &'a AuditEntry>) -> usize {
        self.wanted(entries.into_iter()).count()
    }

    /// The entries of all pages, newest first.
    fn wanted<'a>(
        &self,
        entries: impl Iterator<Item = &'a AuditEntry>,
    ) -> impl Iterator<Item = &'a AuditEntry> {
        let is_after =
            move |entry: &&AuditEntry| self.after.is_none_or(|place| !place.covers(entry));
        let after = entries.take_while(is_after);
        after.filter(move |entry| self.matches(entry))
    }

    /// Selects the page of `entries` (newest first, without gaps).
    pub fn page<'a>(&self, entries: impl IntoIterator<Item = &'a AuditEntry>) -> Vec<AuditEntry> {
        let wanted = self.wanted(entries.into_iter());
        if self.oldest_first {
            let all: Vec<&AuditEntry> = wanted.collect();
            return self.cut(all.into_iter().rev());
        }
        self.cut(wanted)
    }

    /// Applies the offset and the bounds to entries in the order of the page.
    fn cut<'a>(&self, wanted: impl Iterator<Item = &'a AuditEntry>) -> Vec<AuditEntry> {
        let wanted = wanted.skip(self.offset).take(self.limit);
        let Some(most) = self.max_bytes else {
            return wanted.cloned().collect();
        };
        let mut size = Size(0);
        let mut page = Vec::new();
        for entry in wanted {
            page.push(entry.clone());
            // Counting does not fail.
            let _ = serde_json::to_writer(&mut size, entry);
            if size.0 >= most {
                break;
            }
        }
        page
    }
}

/// Counts bytes.
struct Size(usize);

impl io::Write for Size {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 += bytes.len();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
