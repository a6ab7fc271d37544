//! The commits of a dispatcher. The record of a webhook's place moves by compare-and-set, so that one process delivers.

use std::time::Duration;

use uuid::Uuid;
use waygate_core::{
    Timestamp,
    grammar::PolicyName,
    model::Action,
    port::{AuditPosition, AuditQuery},
    webhook::DISABLE_AFTER,
};

use crate::engine::{
    kinds::{
        Declarer, Delivery, DeliveryKey, DisabledEndpoint, Lease, WebhookCursor, WebhookCursors,
        WebhookDeliveries,
    },
    store::Kind,
    tx::{Attempt, Change, Tx},
};

/// The time after which another process takes over from one that died. Renewed while attempts run.
pub(super) const LEASE: Duration = Duration::from_secs(10);

/// The most dead letters of an endpoint; the oldest are dropped.
const MAX_DEAD_LETTERS: usize = 1_000;

/// The result of [`Acquire`].
#[derive(Debug, PartialEq)]
pub(super) enum Acquired {
    Yes,
    /// Another process delivers.
    Busy(Timestamp),
    /// The record was changed since it was read.
    Moved,
}

/// Makes this process the one that delivers, if nothing has changed since the record was read.
pub(super) struct Acquire {
    pub(super) name: PolicyName,
    pub(super) instance: Uuid,
    /// The commit that wrote the record when it was read.
    pub(super) revision: u64,
}

impl Change for Acquire {
    type Done = Acquired;

    fn subject(&self) -> String {
        WebhookCursors::entity(&self.name).to_string()
    }

    async fn attempt(&self, mut tx: Tx<'_>) -> Result<Acquired, Attempt> {
        let Some(known) = tx.stored.records.webhook_cursors.get(&self.name).cloned() else {
            return Ok(Acquired::Moved);
        };
        if known.revision != self.revision {
            return Ok(Acquired::Moved);
        }
        let mut cursor = known.value;
        match &cursor.lease {
            Some(lease) if lease.holder != self.instance && lease.until > tx.now => {
                return Ok(Acquired::Busy(lease.until));
            }
            _ => {}
        }
        cursor.lease = Some(Lease {
            holder: self.instance,
            until: later(tx.now, LEASE),
        });
        tx.put::<WebhookCursors>(&self.name, &cursor);
        tx.commit().await?;
        Ok(Acquired::Yes)
    }
}

/// Creates the record of a new endpoint, which gets what happens from now on; or moves the place to another store; or
/// notes who declares it.
pub(super) struct Settle {
    pub(super) name: PolicyName,
    pub(super) declared: Option<Declarer>,
}

impl Change for Settle {
    type Done = ();

    fn subject(&self) -> String {
        WebhookCursors::entity(&self.name).to_string()
    }

    async fn attempt(&self, mut tx: Tx<'_>) -> Result<(), Attempt> {
        let store = tx.stored.revision;
        let known = tx.stored.records.webhook_cursors.get(&self.name);
        let mut cursor = match known.map(|known| known.value.clone()) {
            None => WebhookCursor::at(end_of_log(&tx).await?, store),
            Some(known) => match known.rebased(store) {
                None => known,
                Some(position) => WebhookCursor {
                    epoch: store.epoch,
                    position,
                    lease: None,
                    ..known
                },
            },
        };
        if let Some(own) = self.declared.clone() {
            cursor.declared = Some(own.after(cursor.declared));
        }
        if tx
            .stored
            .records
            .webhook_cursors
            .get(&self.name)
            .map(|known| &known.value)
            == Some(&cursor)
        {
            return Ok(());
        }
        tx.put::<WebhookCursors>(&self.name, &cursor);
        tx.commit().await?;
        Ok(())
    }
}

/// The end of the audit log, as the place of its last entry: so that it is noticed if the log drops later ones.
pub(super) async fn end_of_log(tx: &Tx<'_>) -> Result<AuditPosition, Attempt> {
    let newest = tx.engine.backend.audit(AuditQuery::newest(1)).await;
    let newest = newest.map_err(|error| Attempt::Failed(error.into()))?;
    let end = || AuditPosition::end_of(tx.stored.revision.number);
    Ok(newest.first().map_or_else(end, AuditPosition::of))
}

/// Moves the place over events that the endpoint does not get, so that the log need not keep them.
pub(super) struct Skip {
    pub(super) name: PolicyName,
    pub(super) revision: u64,
    pub(super) to: AuditPosition,
}

impl Change for Skip {
    type Done = ();

    fn subject(&self) -> String {
        WebhookCursors::entity(&self.name).to_string()
    }

    async fn attempt(&self, mut tx: Tx<'_>) -> Result<(), Attempt> {
        let known = tx.stored.records.webhook_cursors.get(&self.name).cloned();
        if let Some(known) = known.filter(|known| known.revision == self.revision) {
            let mut cursor = known.value;
            cursor.position = self.to;
            tx.put::<WebhookCursors>(&self.name, &cursor);
            tx.commit().await?;
        }
        Ok(())
    }
}

/// The results of attempts.
#[derive(Debug, Clone)]
pub(super) struct Progress {
    pub(super) name: PolicyName,
    pub(super) instance: Uuid,
    pub(super) position: Option<AuditPosition>,
    /// Failed events: to send again, or dead letters.
    pub(super) kept: Vec<(DeliveryKey, Delivery)>,
    /// Events that were delivered at last.
    pub(super) done: Vec<DeliveryKey>,
    pub(super) has_success: bool,
    pub(super) has_failure: bool,
    pub(super) throttled_until: Option<Timestamp>,
    /// The receiver is gone.
    pub(super) gone: Option<String>,
    /// More attempts follow.
    pub(super) goes_on: bool,
}

impl Progress {
    pub(super) fn new(name: PolicyName, instance: Uuid) -> Self {
        Self {
            name,
            instance,
            position: None,
            kept: Vec::new(),
            done: Vec::new(),
            has_success: false,
            has_failure: false,
            throttled_until: None,
            gone: None,
            goes_on: true,
        }
    }

    fn apply(&self, cursor: &mut WebhookCursor, now: Timestamp) {
        if let Some(position) = self.position {
            cursor.position = position;
        }
        cursor.lease = self.goes_on.then(|| Lease {
            holder: self.instance,
            until: later(now, LEASE),
        });
        if self.throttled_until.is_some() || self.has_success {
            cursor.throttled_until = self.throttled_until;
        }
        if self.has_success {
            cursor.failing_since = None;
        } else if self.has_failure {
            cursor.failing_since.get_or_insert(now);
        }
        let reason = match (&self.gone, cursor.failing_since) {
            (Some(gone), _) => Some(gone.clone()),
            (None, Some(since)) if self.has_failure && later(since, DISABLE_AFTER) <= now => {
                Some("every attempt has failed for 5 days".to_owned())
            }
            _ => None,
        };
        if let Some(reason) = reason
            && cursor.disabled.is_none()
        {
            cursor.disabled = Some(DisabledEndpoint { at: now, reason });
        }
    }
}

impl Change for Progress {
    /// `false` if another process delivers by now, or an operator has changed the place.
    type Done = bool;

    fn subject(&self) -> String {
        WebhookCursors::entity(&self.name).to_string()
    }

    async fn attempt(&self, mut tx: Tx<'_>) -> Result<bool, Attempt> {
        let known = tx.stored.records.webhook_cursors.get(&self.name).cloned();
        let is_ours = |cursor: &WebhookCursor| {
            let lease = cursor.lease.as_ref();
            lease.is_some_and(|lease| lease.holder == self.instance)
        };
        let Some(mut cursor) = known.map(|known| known.value).filter(is_ours) else {
            return Ok(false);
        };
        let was_enabled = cursor.disabled.is_none();
        self.apply(&mut cursor, tx.now);
        tx.put::<WebhookCursors>(&self.name, &cursor);
        for (key, delivery) in &self.kept {
            tx.put::<WebhookDeliveries>(key, delivery);
        }
        for key in &self.done {
            tx.delete::<WebhookDeliveries>(key);
        }
        self.drop_oldest(&mut tx);
        if let Some(disabled) = cursor.disabled.filter(|_| was_enabled) {
            let action = Action::from("webhook_disabled");
            let mut line = tx.line(action, &format!("webhook:{}", self.name));
            line.reason = disabled.reason;
            tx.audit(line);
        }
        tx.commit().await?;
        Ok(true)
    }
}

impl Progress {
    /// Makes room for new dead letters.
    fn drop_oldest(&self, tx: &mut Tx<'_>) {
        let new = self
            .kept
            .iter()
            .filter(|(_, kept)| kept.next.is_none())
            .count();
        if new == 0 {
            return;
        }
        let changed = |key: &DeliveryKey| {
            self.kept.iter().any(|(kept, _)| kept == key) || self.done.contains(key)
        };
        let dead = tx
            .stored
            .records
            .webhook_deliveries
            .iter()
            .filter(|(key, known)| {
                key.endpoint == self.name && known.value.next.is_none() && !changed(key)
            });
        let mut dead: Vec<_> = dead
            .map(|(key, known)| (known.value.failed_at, key.clone()))
            .collect();
        let excess = (dead.len() + new).saturating_sub(MAX_DEAD_LETTERS);
        dead.sort();
        for (_, key) in dead.into_iter().take(excess) {
            tx.delete::<WebhookDeliveries>(&key);
        }
    }
}

pub(super) fn later(from: Timestamp, by: Duration) -> Timestamp {
    from.saturating_add(by).unwrap_or(Timestamp::MAX)
}
