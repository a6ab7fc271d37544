use serde::Serialize;
use waygate_core::{
    model::{Action, AuditEntry, LimitKey, LimitOverride},
    port::{Batch, EntityKey, Expected},
};

use super::command::{audit_path, service};
use crate::engine::{
    Inner,
    change::{Attempt, By, entry, json},
    publish::Touched,
    stored::Stored,
};

/// One policy in another one's place: what a change of a limit writes.
pub(crate) struct Replacement<'a, P> {
    /// The kind of its entity.
    pub(crate) kind: &'static str,
    pub(crate) key: &'a LimitKey,
    pub(crate) expected: Expected,
    pub(crate) before: Option<&'a P>,
    /// `None` goes back to what is declared.
    pub(crate) next: Option<P>,
    pub(crate) declared: Option<P>,
    pub(crate) action: Action,
    /// For the audit log.
    pub(crate) reason: String,
}

impl Inner {
    /// Writes a policy and its line in the audit log, publishes it, and returns the line.
    pub(crate) async fn replace<P: Serialize>(
        &self,
        stored: &mut Stored,
        by: &By,
        replacement: Replacement<'_, P>,
    ) -> Result<AuditEntry, Attempt> {
        let Replacement {
            kind,
            key,
            expected,
            before,
            next,
            declared,
            action,
            reason,
        } = replacement;
        let entity = EntityKey::of(kind, key);
        let line = AuditEntry {
            reason,
            service: service(&key.scope),
            previous: before.map(json),
            new: next.as_ref().or(declared.as_ref()).map(json),
            ..entry(
                &by.origin,
                action,
                &audit_path(&key.scope),
                self.clock.now(),
            )
        };
        let mut batch = Batch {
            expected: vec![(entity.clone(), expected)],
            audit: vec![line.clone()],
            ..Batch::default()
        };
        match next {
            Some(policy) => batch
                .puts
                .push((entity, json(&LimitOverride { policy, declared }))),
            None => batch.deletes.push(entity),
        }
        let revision = self.commit(stored, batch).await?;
        let table = &self.snapshot.load().table;
        self.publish_next(stored, &Touched::limits([key], table));
        Ok(AuditEntry {
            revision: revision.number,
            ..line
        })
    }
}
