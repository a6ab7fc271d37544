use crate::model::AuditEntry;

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
}

impl Default for AuditQuery {
    fn default() -> Self {
        Self {
            limit: 100,
            offset: 0,
            path: None,
            service: None,
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

    /// Returns whether `entry` passes the filters.
    pub fn matches(&self, entry: &AuditEntry) -> bool {
        self.path.as_ref().is_none_or(|path| *path == entry.path)
            && self
                .service
                .as_ref()
                .is_none_or(|service| entry.service.as_ref() == Some(service))
    }

    /// Selects the page of `entries` (newest first).
    pub fn page<'a>(&self, entries: impl IntoIterator<Item = &'a AuditEntry>) -> Vec<AuditEntry> {
        let wanted = entries.into_iter().filter(|entry| self.matches(entry));
        wanted.skip(self.offset).take(self.limit).cloned().collect()
    }
}
