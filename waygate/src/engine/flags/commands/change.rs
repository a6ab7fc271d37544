//! One path for every change of a flag or a segment.

use std::{borrow::Borrow, fmt, sync::Arc};

use serde_json::Value;
use waygate_core::{
    Timestamp,
    flag::{Checks, Problems},
    model::{Action, AuditEntry, Revision},
    similar::nearest,
};

use super::definition::Definition;
use crate::engine::{
    ChangeError,
    flags::FlagError,
    kinds::{FlagRelations, Records, Related},
    store::{Holds, Kind, json},
    tx::{Attempt, Change, Tx},
};

/// Returns a definition that is changed at a time; `None` if nothing changes.
pub(super) type Edit<B> = Box<dyn Fn(&B, Timestamp) -> Result<Option<B>, FlagError> + Send + Sync>;

/// A command on one flag or segment.
pub(super) enum Write<B> {
    /// Adds a definition.
    Create(B),
    /// Adds or replaces a definition.
    Set(B),
    /// Replaces some members.
    Patch(Value),
    /// Turns a flag on or off.
    Switch(bool),
    /// Edits a definition.
    Edit(Edit<B>),
}

impl<B> Write<B> {
    /// Returns whether a flag is turned on or off, if nothing else is changed.
    fn switch(&self) -> Option<bool> {
        match self {
            Self::Switch(is_on) => Some(*is_on),
            Self::Patch(Value::Object(members)) if members.len() == 1 => {
                members.get("enabled")?.as_bool()
            }
            _ => None,
        }
    }
}

/// A change of one flag or segment.
pub(super) struct FlagChange<K: Definition>
where
    Records: Holds<K>,
{
    pub(super) key: K::Key,
    pub(super) write: Write<K::Body>,
}

/// The result of a change.
pub(super) struct Written<B> {
    pub(super) body: Arc<B>,
    pub(super) revision: Revision,
    pub(super) created: bool,
}

impl<K: Definition> Change for FlagChange<K>
where
    Records: Holds<K>,
{
    type Done = Written<K::Body>;

    fn subject(&self) -> String {
        subject::<K>(&self.key)
    }

    async fn attempt(&self, mut tx: Tx<'_>) -> Result<Written<K::Body>, Attempt> {
        let previous = known::<K>(&tx, &self.key)?;
        let Some(next) = self.next(&tx, previous.as_deref())? else {
            let unchanged = self.unchanged(&tx)?;
            tx.confirm::<K>(&self.key).await?;
            return Ok(unchanged);
        };
        let word = match (&self.write, &previous) {
            (_, None) => "created",
            (Write::Switch(true), _) => "enabled",
            (Write::Switch(false), _) => "disabled",
            _ => "updated",
        };
        let body = Arc::new(next);
        put::<K>(&mut tx, &self.key, previous.as_deref(), &body);
        let line = line::<K>(&tx, &self.key, word, previous.as_deref(), Some(&*body));
        tx.audit(line);
        Ok(Written {
            body,
            revision: tx.commit().await?,
            created: previous.is_none(),
        })
    }
}

impl<K: Definition> FlagChange<K>
where
    Records: Holds<K>,
{
    /// The definition after the change, checked; `None` if nothing changes.
    fn next(
        &self,
        tx: &Tx<'_>,
        previous: Option<&K::Body>,
    ) -> Result<Option<K::Body>, ChangeError> {
        let records = &tx.stored.records;
        let invalid = |problems| invalid::<K>(&self.key, problems);
        let existing = || previous.ok_or_else(|| not_found::<K>(&self.key, records));
        if let Some(enabled) = self.write.switch() {
            // Problems of the stored definition do not refuse it: the flag may have to be turned off because of them.
            let mut next = K::switched(existing()?, enabled);
            K::stamp(&mut next, previous, &tx.by.origin.actor, tx.now);
            return Ok(Some(next));
        }
        let mut next = match &self.write {
            Write::Create(_) if previous.is_some() => {
                let (kind, key) = (K::NOUN, self.key.to_string());
                return Err(FlagError::Exists { kind, key }.into());
            }
            // The fields may have been edited by the program.
            Write::Create(body) | Write::Set(body) => K::read(&json(body)).map_err(invalid)?,
            Write::Switch(_) => return Ok(None),
            Write::Patch(members) => K::patch(existing()?, members).map_err(invalid)?,
            Write::Edit(edit) => match edit(existing()?, tx.now)? {
                Some(edited) => K::read(&json(&edited)).map_err(invalid)?,
                None => return Ok(None),
            },
        };
        K::check(&next, &Checks::of(records)).map_err(invalid)?;
        K::stamp(&mut next, previous, &tx.by.origin.actor, tx.now);
        Ok(Some(next))
    }

    /// The result of an edit that changes nothing.
    fn unchanged(&self, tx: &Tx<'_>) -> Result<Written<K::Body>, ChangeError> {
        let records = &tx.stored.records;
        let known = Holds::<K>::collection(records).get(&self.key);
        let known = known.ok_or_else(|| not_found::<K>(&self.key, records))?;
        Ok(Written {
            body: known.value.clone(),
            revision: Revision {
                epoch: tx.stored.revision.epoch,
                number: known.revision,
            },
            created: false,
        })
    }
}

/// The deletion of one flag or segment.
pub(super) struct FlagDeletion<K: Definition>
where
    Records: Holds<K>,
{
    pub(super) key: K::Key,
}

impl<K: Definition> Change for FlagDeletion<K>
where
    Records: Holds<K>,
{
    type Done = ();

    fn subject(&self) -> String {
        subject::<K>(&self.key)
    }

    async fn attempt(&self, mut tx: Tx<'_>) -> Result<(), Attempt> {
        let previous = known::<K>(&tx, &self.key)?;
        let records = &tx.stored.records;
        let previous = previous
            .ok_or_else(|| not_found::<K>(&self.key, records))
            .map_err(ChangeError::from)?;
        K::check_removal(&self.key, records)
            .map_err(|problems| ChangeError::from(invalid::<K>(&self.key, problems)))?;
        tx.delete::<K>(&self.key);
        change_relations(&mut tx);
        K::delete_parts(&self.key, &mut tx);
        let line = line::<K>(&tx, &self.key, "deleted", Some(&previous), None);
        tx.audit(line);
        tx.commit().await?;
        Ok(())
    }
}

/// The subject of a change, in the audit log and in messages.
pub(crate) fn subject<K: Kind<Key: fmt::Display>>(key: &K::Key) -> String {
    format!("{}:{key}", K::NAMES.first().unwrap_or(&""))
}

/// The current definition, if its revision is the one that the author expects.
pub(super) fn known<K: Definition>(
    tx: &Tx<'_>,
    key: &K::Key,
) -> Result<Option<Arc<K::Body>>, ChangeError>
where
    Records: Holds<K>,
{
    let known = Holds::<K>::collection(&tx.stored.records).get(key);
    tx.check(&subject::<K>(key), known.map(|known| known.revision))?;
    Ok(known.map(|known| known.value.clone()))
}

/// The line of the audit log about a definition.
fn line<K: Definition>(
    tx: &Tx<'_>,
    key: &K::Key,
    word: &str,
    previous: Option<&K::Body>,
    next: Option<&K::Body>,
) -> AuditEntry
where
    Records: Holds<K>,
{
    let action = Action::from(&*format!("{}_{word}", K::NOUN));
    let mut line = tx.line(action, &subject::<K>(key));
    line.previous = previous.map(json);
    line.new = next.map(json);
    line
}

/// Puts a checked definition. If its relations differ from those of the previous one, no other process may have changed
/// relations since the check.
pub(in crate::engine::flags) fn put<K: Definition>(
    tx: &mut Tx<'_>,
    key: &K::Key,
    previous: Option<&K::Body>,
    next: &Arc<K::Body>,
) where
    Records: Holds<K>,
{
    if previous.is_none_or(|previous| K::relations(previous) != K::relations(next)) {
        change_relations(tx);
    }
    tx.put::<K>(key, next);
}

/// Marks a change of relations, once for each commit.
fn change_relations(tx: &mut Tx<'_>) {
    if !tx.writes::<FlagRelations>(&()) {
        tx.put::<FlagRelations>(&(), &Related::default());
    }
}

/// Stores a definition in place of the previous one, checked as any write.
pub(super) async fn replace<K: Definition>(
    mut tx: Tx<'_>,
    key: &K::Key,
    previous: Option<&K::Body>,
    definition: &K::Body,
    reason: &str,
) -> Result<Written<K::Body>, Attempt>
where
    Records: Holds<K>,
{
    let records = &tx.stored.records;
    let refused = |problems| ChangeError::from(invalid::<K>(key, problems));
    let mut next = K::read(&json(definition)).map_err(refused)?;
    // The scheduler would make a change of the past again, and undo what is restored here.
    K::forget_past(&mut next, tx.now);
    K::check(&next, &Checks::of(records)).map_err(refused)?;
    K::stamp(&mut next, previous, &tx.by.origin.actor, tx.now);
    let body = Arc::new(next);
    put::<K>(&mut tx, key, previous, &body);
    let word = match previous {
        Some(_) => "updated",
        None => "created",
    };
    let mut line = line::<K>(&tx, key, word, previous, Some(&*body));
    reason.clone_into(&mut line.reason);
    tx.audit(line);
    Ok(Written {
        body,
        revision: tx.commit().await?,
        created: previous.is_none(),
    })
}

pub(super) fn invalid<K: Definition>(key: &K::Key, problems: Problems) -> FlagError
where
    Records: Holds<K>,
{
    FlagError::Invalid {
        kind: K::NOUN,
        key: key.to_string(),
        problems,
    }
}

pub(crate) fn not_found<K: Definition>(key: &K::Key, records: &Records) -> FlagError
where
    Records: Holds<K>,
{
    let keys = Holds::<K>::collection(records).keys();
    let keys: Vec<&str> = keys.map(Borrow::borrow).collect();
    FlagError::NotFound {
        kind: K::NOUN,
        nearest: nearest(key.borrow(), &keys).map(str::to_owned),
        key: key.to_string(),
    }
}
