use serde_json::Value;
use uuid::Uuid;
use waygate_core::{grammar::Invalid, model::AuditEntry, port::AuditQuery};

use super::{
    change::{Written, invalid, subject},
    definition::Definition,
    replacement::Restoration,
};
use crate::engine::{
    ChangeError, Operator, Waygate,
    flags::{FlagError, FlagRecord, SegmentRecord},
    kinds::{Flags, Records, Segments},
    store::Holds,
};

/// A definition in an entry of the audit log.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// use serde_json::json;
/// use waygate::{Waygate, flags::{Flag, FlagVersion}};
///
/// let waygate = Waygate::builder().build().await?;
/// waygate.system().create_flag(Flag::parse(&json!({
///     "key": "search", "name": "New search", "type": "boolean",
///     "variations": [{"name": "on", "value": true}, {"name": "off", "value": false}],
///     "off_variation": "off", "fallthrough": "off",
/// }))?).await?;
/// let created = waygate.flag_history("search", 1, 0).await?.remove(0);
/// assert!(FlagVersion::Previous.of(&created).is_none());
/// assert_eq!(FlagVersion::New.of(&created).expect("a definition")["name"], "New search");
/// let same = waygate.flag_entry("search", &created.id.to_string()).await?;
/// assert_eq!(same, created);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum FlagVersion {
    /// The definition before the change.
    Previous,
    /// The definition after the change.
    New,
}

impl FlagVersion {
    /// Returns the definition of an entry; `None` if there was none.
    pub fn of(self, entry: &AuditEntry) -> Option<&Value> {
        match self {
            Self::Previous => entry.previous.as_ref(),
            Self::New => entry.new.as_ref(),
        }
    }

    const fn as_str(self) -> &'static str {
        match self {
            Self::Previous => "previous",
            Self::New => "new",
        }
    }
}

impl Waygate {
    /// Returns the entries of a flag in the audit log, newest first: also those of a deleted flag.
    ///
    /// ```
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
    /// # use serde_json::json;
    /// # use waygate::{Waygate, flags::Flag};
    /// # let waygate = Waygate::builder().build().await?;
    /// # let flag = Flag::parse(&json!({
    /// #     "key": "search", "name": "New search", "type": "boolean",
    /// #     "variations": [{"name": "on", "value": true}, {"name": "off", "value": false}],
    /// #     "off_variation": "off", "fallthrough": "off",
    /// # }))?;
    /// # waygate.system().create_flag(flag.clone()).await?;
    /// let entries = waygate.flag_history("search", 10, 0).await?;
    /// let entry = waygate.flag_entry("search", &entries[0].id.to_string()).await?;
    /// assert_eq!(entry.action.as_str(), "flag_created");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// Returns a [`ChangeError`] if the key is malformed, or if the store cannot be read.
    pub async fn flag_history(
        &self,
        key: &str,
        limit: usize,
        offset: usize,
    ) -> Result<Vec<AuditEntry>, ChangeError> {
        let query = AuditQuery::newest(limit).offset(offset);
        self.history_of::<Flags>(key, query).await
    }

    /// Returns an entry of a flag in the audit log by its id.
    ///
    /// # Errors
    /// Returns [`FlagError::NoVersion`] if the log has no such entry, and the errors of
    /// [`flag_history`](Self::flag_history).
    pub async fn flag_entry(&self, key: &str, id: &str) -> Result<AuditEntry, ChangeError> {
        self.entry_of::<Flags>(key, id).await
    }

    /// Returns the entries of a segment in the audit log, newest first: also those of a deleted segment.
    ///
    /// ```
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
    /// # use serde_json::json;
    /// # use waygate::{Waygate, flags::Segment};
    /// # let waygate = Waygate::builder().build().await?;
    /// # let beta = Segment::parse(&json!({"key": "beta", "name": "Beta testers", "included": ["user-1"]}))?;
    /// # waygate.system().create_segment(beta).await?;
    /// let entries = waygate.segment_history("beta", 10, 0).await?;
    /// let entry = waygate.segment_entry("beta", &entries[0].id.to_string()).await?;
    /// assert_eq!(entry.action.as_str(), "segment_created");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// Returns a [`ChangeError`] if the key is malformed, or if the store cannot be read.
    pub async fn segment_history(
        &self,
        key: &str,
        limit: usize,
        offset: usize,
    ) -> Result<Vec<AuditEntry>, ChangeError> {
        let query = AuditQuery::newest(limit).offset(offset);
        self.history_of::<Segments>(key, query).await
    }

    /// Returns an entry of a segment in the audit log by its id.
    ///
    /// # Errors
    /// Returns [`FlagError::NoVersion`] if the log has no such entry, and the errors of
    /// [`segment_history`](Self::segment_history).
    pub async fn segment_entry(&self, key: &str, id: &str) -> Result<AuditEntry, ChangeError> {
        self.entry_of::<Segments>(key, id).await
    }

    pub(crate) async fn history_of<K: Definition>(
        &self,
        key: &str,
        query: AuditQuery,
    ) -> Result<Vec<AuditEntry>, ChangeError> {
        let key: K::Key = key.parse().map_err(|invalid: Invalid| invalid)?;
        Ok(self.audit(query.path(subject::<K>(&key))).await?)
    }

    pub(crate) async fn entry_of<K: Definition>(
        &self,
        key: &str,
        id: &str,
    ) -> Result<AuditEntry, ChangeError> {
        let query = |id| AuditQuery::newest(1).id(id);
        let entries = match id.parse::<Uuid>() {
            Ok(id) => self.history_of::<K>(key, query(id)).await?,
            Err(_) => Vec::new(),
        };
        let mut entries = entries.into_iter();
        let found = entries.find(|entry| entry.id.to_string() == id);
        found.ok_or_else(|| no_version::<K>(key, id.to_owned(), None).into())
    }
}

fn no_version<K: Definition>(key: &str, entry: String, version: Option<&'static str>) -> FlagError {
    FlagError::NoVersion {
        kind: K::NOUN,
        key: key.to_owned(),
        entry,
        version,
    }
}

impl Operator {
    /// Restores a definition from an entry of the audit log, checked as any write; also of a deleted flag. Returns the
    /// flag.
    ///
    /// ```
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
    /// use serde_json::json;
    /// use waygate::{Waygate, flags::{Flag, FlagVersion}};
    ///
    /// let waygate = Waygate::builder().build().await?;
    /// let system = waygate.system();
    /// system.create_flag(Flag::parse(&json!({
    ///     "key": "search", "name": "New search", "type": "boolean",
    ///     "variations": [{"name": "on", "value": true}, {"name": "off", "value": false}],
    ///     "off_variation": "off", "fallthrough": "off",
    /// }))?).await?;
    /// system.disable_flag("search").await?;
    /// let disabled = waygate.flag_history("search", 1, 0).await?.remove(0);
    /// let restored = system
    ///     .revert_flag("search", &disabled.id.to_string(), FlagVersion::Previous)
    ///     .await?;
    /// assert!(restored.flag.enabled);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// Returns a [`ChangeError`] on failure, in which case nothing is changed: [`FlagError::NoVersion`] if the log has
    /// no such entry, or the entry no such definition.
    pub async fn revert_flag(
        &self,
        key: &str,
        entry: &str,
        version: FlagVersion,
    ) -> Result<FlagRecord, ChangeError> {
        let written = self.restore::<Flags>(key, entry, version).await?;
        Ok(FlagRecord::new(written.body, written.revision))
    }

    /// Restores a definition from an entry of the audit log, checked as any write; also of a deleted segment. Returns
    /// the segment.
    ///
    /// ```
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
    /// use serde_json::json;
    /// use waygate::{Waygate, flags::{FlagVersion, Segment}};
    ///
    /// let waygate = Waygate::builder().build().await?;
    /// let system = waygate.system();
    /// let beta = Segment::parse(&json!({"key": "beta", "name": "Beta testers", "included": ["user-1"]}))?;
    /// system.create_segment(beta).await?;
    /// system.delete_segment("beta").await?;
    /// let deleted = waygate.segment_history("beta", 1, 0).await?.remove(0);
    /// let restored = system
    ///     .revert_segment("beta", &deleted.id.to_string(), FlagVersion::Previous)
    ///     .await?;
    /// assert_eq!(restored.segment.included, ["user-1"]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// Returns a [`ChangeError`] on failure, in which case nothing is changed: [`FlagError::NoVersion`] if the log has
    /// no such entry, or the entry no such definition.
    pub async fn revert_segment(
        &self,
        key: &str,
        entry: &str,
        version: FlagVersion,
    ) -> Result<SegmentRecord, ChangeError> {
        let written = self.restore::<Segments>(key, entry, version).await?;
        Ok(SegmentRecord::new(written.body, written.revision))
    }

    async fn restore<K: Definition>(
        &self,
        key: &str,
        entry: &str,
        version: FlagVersion,
    ) -> Result<Written<K::Body>, ChangeError>
    where
        Records: Holds<K>,
    {
        let found = self.waygate.entry_of::<K>(key, entry).await?;
        let definition = version
            .of(&found)
            .ok_or_else(|| no_version::<K>(key, entry.to_owned(), Some(version.as_str())))?;
        let key: K::Key = key.parse().map_err(|invalid: Invalid| invalid)?;
        let definition = K::stored(definition).map_err(|problems| invalid::<K>(&key, problems))?;
        let reason = format!("reverted to the {} version of {entry}", version.as_str());
        let restoration = Restoration::<K> {
            key,
            definition,
            reason,
        };
        self.make(restoration).await
    }
}
