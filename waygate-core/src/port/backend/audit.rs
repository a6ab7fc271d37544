use crate::model::AuditEntry;

/// A query of the audit log. The filters apply before the limit. By default, the newest 100 entries.
#[derive(Debug, Clone, PartialEq, Eq)]
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
