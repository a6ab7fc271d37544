//! The changes that publish a draft, or restore an earlier definition.

use std::sync::Arc;

use waygate_core::{
    flag::{Flag, FlagKey},
    model::Revision,
};

use super::{
    change::{Written, known, not_found, replace, subject},
    definition::Definition,
};
use crate::engine::{
    ChangeError,
    flags::FlagError,
    kinds::{FlagDrafts, Flags, Records},
    precondition::Precondition,
    store::Holds,
    tx::{Attempt, Change, Tx},
};

/// Restores an earlier definition, also of a flag or a segment that was deleted.
pub(super) struct Restoration<K: Definition>
where
    Records: Holds<K>,
{
    pub(super) key: K::Key,
    pub(super) definition: K::Body,
    pub(super) reason: String,
}

impl<K: Definition> Change for Restoration<K>
where
    Records: Holds<K>,
{
    type Done = Written<K::Body>;

    fn subject(&self) -> String {
        subject::<K>(&self.key)
    }

    async fn attempt(&self, tx: Tx<'_>) -> Result<Written<K::Body>, Attempt> {
        let previous = known::<K>(&tx, &self.key)?;
        let (previous, reason) = (previous.as_deref(), &self.reason);
        replace::<K>(tx, &self.key, previous, &self.definition, reason).await
    }
}

/// Replaces a flag by its draft, on this condition on the flag, or else if it is at the revision of the draft.
pub(super) struct Publication {
    pub(super) key: FlagKey,
    pub(super) live: Precondition,
}

impl Change for Publication {
    type Done = Written<Flag>;

    fn subject(&self) -> String {
        subject::<Flags>(&self.key)
    }

    async fn attempt(&self, mut tx: Tx<'_>) -> Result<Written<Flag>, Attempt> {
        let (previous, definition, reason) = self.take(&mut tx)?;
        replace::<Flags>(tx, &self.key, Some(&previous), &definition, &reason).await
    }
}

impl Publication {
    /// Takes the draft, which must be at the revision that the author expects.
    fn take(&self, tx: &mut Tx<'_>) -> Result<(Arc<Flag>, Flag, String), ChangeError> {
        let records = &tx.stored.records;
        let live = records.flags.get(&self.key);
        let live = live.ok_or_else(|| not_found::<Flags>(&self.key, records))?;
        let draft = records.flag_drafts.get(&self.key);
        tx.check(
            &subject::<FlagDrafts>(&self.key),
            draft.map(|draft| draft.revision),
        )?;
        let no_draft = || FlagError::NoDraft {
            key: self.key.to_string(),
        };
        let draft = draft.ok_or_else(no_draft)?;
        let current = Revision {
            epoch: tx.stored.revision.epoch,
            number: live.revision,
        };
        let expects = match &self.live {
            Precondition::None => draft.value.base == current.to_string(),
            live => live.holds(Some(current)),
        };
        if !expects {
            return Err(ChangeError::Conflict {
                what: self.subject(),
                expected: self.live.number(),
                found: current.number,
                current: Some(current),
            });
        }
        let reason = format!("draft of {}", draft.value.author);
        let definition = Flag::clone(&draft.value.definition);
        let previous = live.value.clone();
        tx.delete::<FlagDrafts>(&self.key);
        Ok((previous, definition, reason))
    }
}
