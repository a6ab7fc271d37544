use serde_json::Value;
use waygate_core::{
    flag::{Flag, FlagKey},
    model::AuditEntry,
    port::AuditQuery,
};

use super::{
    change::subject,
    replacement::{Replacement, Source},
};
use crate::engine::{
    ChangeError, Operator, Waygate,
    flags::{FlagError, FlagRecord},
    kinds::Flags,
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
    /// Returns the definition of an entry; `None` if there was no flag.
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

/// The entries of a flag that are searched for an id.
const MOST_ENTRIES: usize = 10_000;

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
        let key: FlagKey = key.parse()?;
        let query = AuditQuery::newest(limit).offset(offset);
        Ok(self.audit(query.path(subject::<Flags>(&key))).await?)
    }

    /// Returns an entry of a flag in the audit log by its id.
    ///
    /// # Errors
    /// Returns [`FlagError::NoVersion`] if the log has no such entry, and the errors of
    /// [`flag_history`](Self::flag_history).
    pub async fn flag_entry(&self, key: &str, id: &str) -> Result<AuditEntry, ChangeError> {
        let entries = self.flag_history(key, MOST_ENTRIES, 0).await?;
        let found = entries.into_iter().find(|entry| entry.id.to_string() == id);
        Ok(found.ok_or_else(|| FlagError::NoVersion {
            key: key.to_owned(),
            entry: id.to_owned(),
        })?)
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
        let found = self.waygate.flag_entry(key, entry).await?;
        let key: FlagKey = key.parse()?;
        let definition = version.of(&found).ok_or_else(|| FlagError::NoVersion {
            key: key.to_string(),
            entry: format!("{entry}, {}", version.as_str()),
        })?;
        let definition = Flag::stored(definition).map_err(|problems| FlagError::Invalid {
            kind: "flag",
            key: key.to_string(),
            problems,
        })?;
        let reason = format!("reverted to the {} version of {entry}", version.as_str());
        let from = Source::Version(Box::new(definition), reason);
        self.make(Replacement { key, from }).await
    }
}
