use std::sync::Arc;

use serde::Serialize;
use waygate_core::{
    Timestamp,
    flag::{Flag, FlagKey},
    model::{Action, Revision},
};

use super::{
    change::{invalid, not_found, subject},
    definition::Definition,
    replacement::Publication,
};
use crate::engine::{
    ChangeError, Operator,
    flags::{FlagError, FlagRecord, Flags},
    kinds::{self, FlagDraft, FlagDrafts},
    precondition::Precondition,
    store::{Versioned, json},
    tx::{Attempt, Change, Tx},
};

/// A definition that is kept beside the one in effect, until it is published.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// # use serde_json::json;
/// # use waygate::flags::Flag;
/// use waygate::Waygate;
///
/// # let flag = Flag::parse(&json!({
/// #     "key": "search", "name": "New search", "type": "boolean",
/// #     "variations": [{"name": "on", "value": true}, {"name": "off", "value": false}],
/// #     "off_variation": "off", "fallthrough": "off",
/// # }))?;
/// let waygate = Waygate::builder().build().await?;
/// let system = waygate.system();
/// system.create_flag(flag.clone()).await?;
/// system.save_flag_draft(flag).await?;
/// system.disable_flag("search").await?;
/// let draft = waygate.flags().draft("search")?;
/// assert!(draft.stale && draft.definition.enabled);
/// system.delete_flag_draft("search").await?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct FlagDraftRecord {
    /// The definition.
    pub definition: Arc<Flag>,
    /// The author of the last change.
    pub author: String,
    /// The time of the last change.
    pub updated_at: Timestamp,
    /// `true` if the flag was changed since the draft was created.
    pub stale: bool,
    /// The commit that last changed the draft.
    #[serde(skip)]
    pub revision: Revision,
}

impl FlagDraftRecord {
    fn new(draft: &FlagDraft, live: Option<Revision>, revision: Revision) -> Self {
        Self {
            definition: draft.definition.clone(),
            author: draft.author.clone(),
            updated_at: draft.updated_at,
            stale: live.is_none_or(|live| live.to_string() != draft.base),
            revision,
        }
    }
}

impl Flags {
    /// Returns the draft of a flag.
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
    /// assert!(waygate.flags().draft("search").is_err());
    /// waygate.system().save_flag_draft(flag).await?;
    /// assert!(!waygate.flags().draft("search")?.stale);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// Returns [`FlagError::NoDraft`], and for an unknown flag the errors of [`flag`](Self::flag).
    pub fn draft(&self, key: &str) -> Result<FlagDraftRecord, ChangeError> {
        let live = self.flag(key)?;
        let draft = self.records().flag_drafts.get(&live.flag.key);
        let draft = draft.ok_or_else(|| no_draft(&live.flag.key))?;
        let revision = self.changed(draft);
        Ok(FlagDraftRecord::new(
            &draft.value,
            Some(live.revision),
            revision,
        ))
    }
}

impl Operator {
    /// Saves a draft of an existing flag, in place of an earlier one. The draft replaces the flag as it is now: if the
    /// flag is changed before the draft is published, the draft is [stale](FlagDraftRecord::stale), also after it is
    /// saved again. References to other flags and segments are checked on publication. Returns the draft.
    ///
    /// ```
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
    /// use serde_json::json;
    /// use waygate::{Waygate, flags::{Flag, Serve}};
    ///
    /// let waygate = Waygate::builder().build().await?;
    /// let mut flag = Flag::parse(&json!({
    ///     "key": "search", "name": "New search", "type": "boolean",
    ///     "variations": [{"name": "on", "value": true}, {"name": "off", "value": false}],
    ///     "off_variation": "off", "fallthrough": "off",
    /// }))?;
    /// let system = waygate.system();
    /// system.create_flag(flag.clone()).await?;
    /// flag.fallthrough = Serve::Variation("on".to_owned());
    /// system.save_flag_draft(flag.clone()).await?;
    /// assert_ne!(waygate.flags().flag("search")?.flag.fallthrough, flag.fallthrough);
    /// let published = system.publish_flag_draft("search", None).await?;
    /// assert_eq!(published.flag.fallthrough, flag.fallthrough);
    ///
    /// system.save_flag_draft(flag).await?;
    /// system.delete_flag_draft("search").await?;
    /// assert!(waygate.flags().draft("search").is_err());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// Returns a [`ChangeError`] on failure, in which case nothing is changed.
    pub async fn save_flag_draft(&self, definition: Flag) -> Result<FlagDraftRecord, ChangeError> {
        let key = definition.key.clone();
        let definition = Some(Arc::new(definition));
        let saved = self.make(DraftChange { key, definition }).await?;
        let (draft, live, revision) = saved;
        Ok(FlagDraftRecord::new(&draft, Some(live), revision))
    }

    /// Deletes the draft of a flag.
    ///
    /// # Errors
    /// Returns a [`ChangeError`] on failure, in which case nothing is changed.
    pub async fn delete_flag_draft(&self, key: &str) -> Result<(), ChangeError> {
        let (key, definition) = (key.parse()?, None);
        self.make(DraftChange { key, definition }).await?;
        Ok(())
    }

    /// Replaces a flag by its draft, and deletes the draft. The flag must be at the revision `live`, or without one be
    /// unchanged since the draft was created. An expected revision of the operator is that of the draft. Returns the
    /// updated flag.
    ///
    /// # Errors
    /// Returns a [`ChangeError`] on failure, in which case nothing is changed.
    pub async fn publish_flag_draft(
        &self,
        key: &str,
        live: Option<Revision>,
    ) -> Result<FlagRecord, ChangeError> {
        let live = live.map_or_else(Precondition::default, |live| {
            Precondition::OneOf(vec![live])
        });
        self.publish_draft(key.parse()?, live).await
    }

    /// Like [`publish_flag_draft`](Self::publish_flag_draft), with a condition on the flag.
    pub(crate) async fn publish_draft(
        &self,
        key: FlagKey,
        live: Precondition,
    ) -> Result<FlagRecord, ChangeError> {
        let written = self.make(Publication { key, live }).await?;
        Ok(FlagRecord::new(written.body, written.revision))
    }
}

pub(super) fn no_draft(key: &FlagKey) -> FlagError {
    FlagError::NoDraft {
        key: key.to_string(),
    }
}

/// Saves a draft, or deletes it.
struct DraftChange {
    key: FlagKey,
    definition: Option<Arc<Flag>>,
}

impl Change for DraftChange {
    /// The draft, the revision of the flag, and that of the draft.
    type Done = (Arc<FlagDraft>, Revision, Revision);

    fn subject(&self) -> String {
        subject::<FlagDrafts>(&self.key)
    }

    async fn attempt(&self, mut tx: Tx<'_>) -> Result<Self::Done, Attempt> {
        let records = &tx.stored.records;
        let live = records
            .flags
            .get(&self.key)
            .ok_or_else(|| ChangeError::from(not_found::<kinds::Flags>(&self.key, records)))?;
        let live = Revision {
            epoch: tx.stored.revision.epoch,
            number: live.revision,
        };
        let known = records.flag_drafts.get(&self.key).cloned();
        let number = known.as_ref().map(|known| known.revision);
        tx.check(&self.subject(), number)?;
        let draft = self.next(&tx, known.as_ref(), live)?;
        let action = match self.definition {
            Some(_) => "flag_draft_saved",
            None => "flag_draft_deleted",
        };
        let mut line = tx.line(Action::from(action), &subject::<kinds::Flags>(&self.key));
        line.reason = "draft".to_owned();
        tx.audit(line);
        // The flag must exist when the draft is saved.
        tx.expect::<kinds::Flags>(&self.key);
        match self.definition {
            Some(_) => tx.put::<FlagDrafts>(&self.key, &draft),
            None => tx.delete::<FlagDrafts>(&self.key),
        }
        Ok((draft, live, tx.commit().await?))
    }
}

impl DraftChange {
    fn next(
        &self,
        tx: &Tx<'_>,
        known: Option<&Versioned<Arc<FlagDraft>>>,
        live: Revision,
    ) -> Result<Arc<FlagDraft>, ChangeError> {
        let Some(definition) = &self.definition else {
            let known = known.ok_or_else(|| no_draft(&self.key))?;
            return Ok(known.value.clone());
        };
        let refused = |problems| ChangeError::from(invalid::<kinds::Flags>(&self.key, problems));
        let definition = kinds::Flags::read(&json(&**definition)).map_err(refused)?;
        Ok(Arc::new(FlagDraft {
            definition: Arc::new(definition),
            base: known.map_or_else(|| live.to_string(), |known| known.value.base.clone()),
            author: tx.by.origin.actor.clone(),
            updated_at: tx.now,
        }))
    }
}
