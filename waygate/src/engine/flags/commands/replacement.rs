//! The change that publishes a draft, or restores an earlier definition.

use std::sync::Arc;

use waygate_core::{
    flag::{Flag, FlagKey},
    model::{Action, Revision},
};

use super::change::{Definition, invalid, known, not_found, subject};
use crate::engine::{
    ChangeError,
    flags::{FlagError, FlagRecord},
    kinds::{FlagDrafts, Flags},
    store::json,
    tx::{Attempt, Change, Tx},
};

/// The source of a definition that replaces the one in effect.
pub(super) enum Source {
    /// The draft, if the flag is at this revision, or else at that of the draft.
    Draft(Option<Revision>),
    /// An earlier definition, with the reason in the audit log.
    Version(Box<Flag>, String),
}

pub(super) struct Replacement {
    pub(super) key: FlagKey,
    pub(super) from: Source,
}

impl Change for Replacement {
    type Done = FlagRecord;

    fn subject(&self) -> String {
        subject::<Flags>(&self.key)
    }

    async fn attempt(&self, mut tx: Tx<'_>) -> Result<FlagRecord, Attempt> {
        let (previous, definition, reason) = match &self.from {
            Source::Draft(expected) => self.draft(&mut tx, *expected)?,
            Source::Version(definition, reason) => {
                let previous = known::<Flags>(&tx, &self.key)?;
                (previous, definition.clone(), reason.clone())
            }
        };
        let records = &tx.stored.records;
        let refused = |problems| ChangeError::from(invalid::<Flags>(&self.key, problems));
        let mut next = Flags::read(&json(&*definition)).map_err(refused)?;
        // The scheduler would make a change of the past again, and undo what is restored here.
        let now = tx.now;
        next.scheduled_changes
            .retain(|change| change.execute_at > now);
        Flags::check(&next, records).map_err(refused)?;
        Flags::stamp(&mut next, previous.as_deref(), &tx.by.origin.actor, tx.now);
        let next = Arc::new(next);
        tx.put::<Flags>(&self.key, &next);
        let action = match previous {
            Some(_) => Action::FlagUpdated,
            None => Action::FlagCreated,
        };
        let mut line = tx.line(action, &self.subject());
        line.previous = previous.as_deref().map(json);
        line.new = Some(json(&*next));
        line.reason = reason;
        tx.audit(line);
        Ok(FlagRecord::new(next, tx.commit().await?))
    }
}

type Taken = (Option<Arc<Flag>>, Box<Flag>, String);

impl Replacement {
    /// Takes the draft, which must be at the revision that the author expects.
    fn draft(&self, tx: &mut Tx<'_>, expected: Option<Revision>) -> Result<Taken, ChangeError> {
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
        let expects = match expected {
            Some(expected) => expected == current,
            None => draft.value.base == current.to_string(),
        };
        if !expects {
            return Err(ChangeError::Conflict {
                what: self.subject(),
                expected: expected.map_or(0, |expected| expected.number),
                found: current.number,
                current: Some(current),
            });
        }
        let reason = format!("draft of {}", draft.value.author);
        let definition = Box::new(Flag::clone(&draft.value.definition));
        let previous = live.value.clone();
        tx.delete::<FlagDrafts>(&self.key);
        Ok((Some(previous), definition, reason))
    }
}
