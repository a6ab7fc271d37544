//! The changes that operators make to webhooks.

use std::sync::Arc;

use serde_json::json;
use uuid::Uuid;
use waygate_core::{
    Timestamp,
    grammar::PolicyName,
    model::{Action, AuditEntry, Revision},
    port::AuditPosition,
    webhook::WebhookDefinition,
};

use super::{
    endpoints::deliveries,
    error::WebhookError,
    progress::end_of_log,
    queue::{MAX_RETRIES, conflict},
};
use crate::engine::{
    kinds::{
        Declarer, Delivery, DeliveryKey, WebhookCursor, WebhookCursors, WebhookDeliveries, Webhooks,
    },
    store::Kind,
    tx::{Attempt, Change, Tx},
};

/// The events to send again.
///
/// ```
/// use waygate::webhook::Replay;
///
/// let since: waygate::Timestamp = "2030-01-01T00:00:00Z".parse()?;
/// assert_ne!(Replay::Failed, Replay::Since(since));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Replay {
    /// Every event that has failed, dead letters included.
    Failed,
    /// Everything since this time that the audit log still has.
    Since(Timestamp),
    /// The event of this audit entry.
    One(Uuid),
}

/// The most webhooks that operators can create. Each has a task, which every commit wakes.
const MAX_WEBHOOKS: usize = 100;

/// Creates, replaces or (`None`) deletes a stored webhook.
pub(super) struct Set {
    pub(super) name: PolicyName,
    pub(super) definition: Option<Arc<WebhookDefinition>>,
    pub(super) is_declared: bool,
    /// `true` enables a disabled one.
    pub(super) enable: bool,
}

impl Change for Set {
    type Done = Revision;

    fn subject(&self) -> String {
        Webhooks::entity(&self.name).to_string()
    }

    async fn attempt(&self, mut tx: Tx<'_>) -> Result<Revision, Attempt> {
        if self.is_declared {
            return Err(failed(WebhookError::Declared(self.name.to_string())));
        }
        let known = tx.stored.records.webhooks.get(&self.name).cloned();
        tx.check(&self.subject(), known.as_ref().map(|known| known.revision))?;
        let action = match &self.definition {
            Some(definition) => {
                self.put(&mut tx, definition).await?;
                "webhook_set"
            }
            // The place of one that was declared can be deleted, too.
            None if known.is_none() && !tx.stored.records.webhook_cursors.contains(&self.name) => {
                return Err(failed(WebhookError::Unknown(self.name.to_string())));
            }
            None => {
                delete(&mut tx, &self.name);
                "webhook_deleted"
            }
        };
        let mut line = tx.line(Action::from(action), &format!("webhook:{}", self.name));
        line.previous = known.map(|known| known.value.redacted());
        line.new = self
            .definition
            .as_ref()
            .map(|definition| definition.redacted());
        tx.audit(line);
        Ok(tx.commit().await?)
    }
}

impl Set {
    async fn put(
        &self,
        tx: &mut Tx<'_>,
        definition: &Arc<WebhookDefinition>,
    ) -> Result<(), Attempt> {
        let cursor = tx.stored.records.webhook_cursors.get(&self.name);
        let cursor = cursor.map(|known| known.value.clone());
        if let Some(declarer) = cursor.as_ref().and_then(|cursor| cursor.declared.as_ref()) {
            return Err(failed(WebhookError::DeclaredElsewhere {
                name: self.name.to_string(),
                service: declarer.to_string(),
            }));
        }
        let webhooks = &tx.stored.records.webhooks;
        if !webhooks.contains(&self.name) && webhooks.keys().count() >= MAX_WEBHOOKS {
            return Err(failed(WebhookError::TooMany(MAX_WEBHOOKS)));
        }
        tx.put::<Webhooks>(&self.name, definition);
        match cursor {
            None => {
                let end = end_of_log(tx).await?;
                tx.put::<WebhookCursors>(&self.name, &WebhookCursor::at(end, tx.stored.revision));
            }
            Some(mut cursor) if self.enable && cursor.disabled.is_some() => {
                enable(&mut cursor);
                tx.put::<WebhookCursors>(&self.name, &cursor);
            }
            Some(_) => {}
        }
        Ok(())
    }
}

fn enable(cursor: &mut WebhookCursor) {
    cursor.disabled = None;
    cursor.failing_since = None;
    cursor.throttled_until = None;
}

fn delete(tx: &mut Tx<'_>, name: &PolicyName) {
    tx.delete::<Webhooks>(name);
    if tx.stored.records.webhook_cursors.contains(name) {
        tx.delete::<WebhookCursors>(name);
    }
    let keys: Vec<DeliveryKey> = deliveries(&tx.stored.records, name)
        .map(|(key, _)| key.clone())
        .collect();
    for key in keys {
        tx.delete::<WebhookDeliveries>(&key);
    }
}

/// Sends events again.
pub(super) struct Again {
    pub(super) name: PolicyName,
    pub(super) what: What,
}

pub(super) enum What {
    Failed,
    /// Everything after this place, and what was not sent yet.
    Since(AuditPosition),
    Entry(Arc<AuditEntry>),
}

impl Change for Again {
    /// The number of events, as far as it is known.
    type Done = usize;

    fn subject(&self) -> String {
        WebhookCursors::entity(&self.name).to_string()
    }

    async fn attempt(&self, mut tx: Tx<'_>) -> Result<usize, Attempt> {
        let cursor = tx.stored.records.webhook_cursors.get(&self.name);
        let Some(mut cursor) = cursor.map(|known| known.value.clone()) else {
            return Err(failed(WebhookError::Unknown(self.name.to_string())));
        };
        let now = tx.now;
        let again = |known: &Delivery| Delivery {
            attempts: 0,
            next: Some(now),
            ..known.clone()
        };
        let count = match &self.what {
            What::Failed => {
                let all = deliveries(&tx.stored.records, &self.name);
                let (alive, mut dead): (Vec<_>, Vec<_>) =
                    all.partition(|(_, known)| known.next.is_some());
                // With more, new events would wait for them.
                let room = MAX_RETRIES.saturating_sub(alive.len());
                dead.sort_by_key(|(_, known)| known.entry.revision);
                dead.truncate(room);
                let all = alive.into_iter().chain(dead);
                let all: Vec<_> = all
                    .map(|(key, known)| (key.clone(), again(known)))
                    .collect();
                for (key, delivery) in &all {
                    tx.put::<WebhookDeliveries>(key, delivery);
                }
                all.len()
            }
            What::Since(place) => {
                // Events that still wait are never skipped. Within one commit, the places have no order.
                if place.revision < cursor.position.revision {
                    cursor.position = *place;
                }
                0
            }
            What::Entry(entry) => {
                let key = DeliveryKey {
                    endpoint: self.name.clone(),
                    entry: entry.id,
                };
                let delivery = Delivery {
                    entry: entry.clone(),
                    attempts: 0,
                    next: Some(now),
                    failed_at: now,
                    error: "sent again by an operator".to_owned(),
                };
                tx.put::<WebhookDeliveries>(&key, &delivery);
                1
            }
        };
        // The process that delivers must read the record again.
        cursor.lease = None;
        cursor.throttled_until = None;
        tx.put::<WebhookCursors>(&self.name, &cursor);
        let line = tx.line(
            Action::from("webhook_replayed"),
            &format!("webhook:{}", self.name),
        );
        tx.audit(line);
        tx.commit().await?;
        Ok(count)
    }
}

/// Enables an endpoint, stored or declared.
pub(super) struct Enable {
    pub(super) name: PolicyName,
    /// This process, if its code declares the endpoint.
    pub(super) declared: Option<Declarer>,
    /// `true` if this process takes the place of another service that declares it, too.
    pub(super) takes_over: bool,
}

impl Change for Enable {
    type Done = ();

    fn subject(&self) -> String {
        WebhookCursors::entity(&self.name).to_string()
    }

    async fn attempt(&self, mut tx: Tx<'_>) -> Result<(), Attempt> {
        let Self {
            name,
            declared,
            takes_over,
        } = self;
        let cursor = tx.stored.records.webhook_cursors.get(name);
        let Some(mut cursor) = cursor.map(|known| known.value.clone()) else {
            return Err(failed(WebhookError::Unknown(name.to_string())));
        };
        let elsewhere = conflict(name, declared.as_ref(), Some(&cursor));
        let has_service = declared.as_ref().is_some_and(|own| own.service.is_some());
        match &elsewhere {
            Some(_) if *takes_over && !has_service => {
                return Err(failed(WebhookError::NoService(name.to_string())));
            }
            Some(problem) if !takes_over => {
                return Err(failed(WebhookError::Conflict(problem.clone())));
            }
            None if cursor.disabled.is_none() => return Ok(()),
            _ => {}
        }
        enable(&mut cursor);
        let mut line = tx.line(Action::from("webhook_enabled"), &format!("webhook:{name}"));
        if elsewhere.is_some() {
            line.previous = Some(json!({ "declared": cursor.declared }));
            line.new = Some(json!({ "declared": declared }));
            cursor.declared.clone_from(declared);
            cursor.lease = None;
        }
        tx.put::<WebhookCursors>(name, &cursor);
        tx.audit(line);
        tx.commit().await?;
        Ok(())
    }
}

fn failed(error: WebhookError) -> Attempt {
    Attempt::Failed(error.into())
}
