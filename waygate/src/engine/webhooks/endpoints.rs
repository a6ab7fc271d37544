//! The endpoints of code and of the store.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use waygate_core::{
    grammar::PolicyName,
    model::Revision,
    webhook::{EventType, WebhookDefinition, event_id},
};

use super::{
    counts::WebhookCounts,
    error::WebhookError,
    progress::Settle,
    queue::{Endpoint, conflict},
    records::{WebhookAttempt, WebhookDelivery, WebhookRecord},
};
use crate::engine::{
    ChangeError, Inner, Waygate,
    kinds::{Declarer, Delivery, DeliveryKey, Records, WebhookCursor},
    stored::Stored,
};

/// The oldest commit with audit entries that an endpoint still needs.
pub(crate) fn needed_from(records: &Records) -> Option<u64> {
    let cursors = records
        .webhook_cursors
        .iter()
        .map(|(_, known)| &known.value);
    let active = cursors.filter(|cursor| cursor.disabled.is_none());
    active.map(|cursor| cursor.position.revision).min()
}

/// The deliveries of an endpoint, in the order of their entries' ids.
pub(super) fn deliveries<'a>(
    records: &'a Records,
    name: &PolicyName,
) -> impl Iterator<Item = (&'a DeliveryKey, &'a Delivery)> + use<'a> {
    let start = DeliveryKey {
        endpoint: name.clone(),
        entry: uuid::Uuid::nil(),
    };
    let from = records.webhook_deliveries.from(&start);
    let of_name = from.take_while(|(key, _)| key.endpoint == *name);
    let all: Vec<_> = of_name.map(|(key, known)| (key, &known.value)).collect();
    all.into_iter()
}

impl Inner {
    /// The definition of an endpoint: that of the application, or else the stored one.
    pub(super) fn definition(
        &self,
        stored: &Stored,
        name: &PolicyName,
    ) -> Option<Arc<WebhookDefinition>> {
        let declared = self.webhooks.declared.get(name).cloned();
        declared.or_else(|| {
            stored
                .records
                .webhooks
                .get(name)
                .map(|known| known.value.clone())
        })
    }

    /// This process, if its code declares the endpoint.
    pub(super) fn declarer(&self, name: &PolicyName) -> Option<Declarer> {
        let service = || self.service.as_ref().map(|service| service.as_str().into());
        let is_declared = self.webhooks.declared.contains_key(name);
        is_declared.then(|| Declarer { service: service() })
    }

    /// The change that creates the record of an endpoint, or renews it.
    pub(super) fn settle(&self, name: &PolicyName) -> Settle {
        Settle {
            name: name.clone(),
            declared: self.declarer(name),
        }
    }

    pub(super) async fn endpoint(&self, name: &PolicyName) -> Option<Endpoint> {
        let stored = self.stored.lock().await;
        let all = deliveries(&stored.records, name);
        Some(Endpoint {
            name: name.clone(),
            definition: self.definition(&stored, name)?,
            declared: self.declarer(name),
            cursor: stored.records.webhook_cursors.get(name).cloned(),
            deliveries: all
                .map(|(key, known)| (key.clone(), known.clone()))
                .collect(),
            revision: stored.revision,
        })
    }

    /// Returns whether an endpoint still has the same definition.
    pub(super) async fn is_current(&self, endpoint: &Endpoint) -> bool {
        let stored = self.stored.lock().await;
        let definition = self.definition(&stored, &endpoint.name);
        definition.is_some_and(|definition| {
            Arc::ptr_eq(&definition, &endpoint.definition) || definition == endpoint.definition
        })
    }

    /// The counters of each webhook. Read from the snapshot, since a scrape cannot wait for the store.
    pub(crate) fn webhook_counts(&self) -> BTreeMap<String, WebhookCounts> {
        let records = &self.snapshot.load().records;
        let declared = self.webhooks.declared.keys();
        let names: BTreeSet<&PolicyName> = declared.chain(records.webhooks.keys()).collect();
        let counts = names.into_iter().map(|name| {
            let mut counts = self.webhooks.read_counts(name);
            deliveries(records, name).for_each(|(_, failed)| counts.add(failed));
            (name.to_string(), counts)
        });
        counts.collect()
    }

    fn webhook_record(&self, stored: &Stored, name: &PolicyName) -> Option<WebhookRecord> {
        let definition = self.definition(stored, name)?;
        let cursor = stored
            .records
            .webhook_cursors
            .get(name)
            .map(|known| &known.value);
        let disabled = cursor.and_then(|cursor: &WebhookCursor| cursor.disabled.clone());
        let is_dead = |(_, known): &(&DeliveryKey, &Delivery)| known.next.is_none();
        let dead_letters = deliveries(&stored.records, name).filter(is_dead).count();
        Some(WebhookRecord {
            name: name.to_string(),
            definition: WebhookDefinition::clone(&definition),
            is_declared: self.webhooks.declared.contains_key(name),
            revision: Revision {
                number: stored.records.webhooks.revision(name),
                ..stored.revision
            },
            disabled: disabled.map(|disabled| (disabled.at, disabled.reason)),
            failing_since: cursor.and_then(|cursor| cursor.failing_since),
            throttled_until: cursor.and_then(|cursor| cursor.throttled_until),
            conflict: conflict(name, self.declarer(name).as_ref(), cursor),
            retries: deliveries(&stored.records, name).count() - dead_letters,
            dead_letters,
        })
    }
}

/// Webhooks.
impl Waygate {
    /// Returns the webhooks, by name.
    pub async fn webhooks(&self) -> Vec<WebhookRecord> {
        let names = self.inner.webhook_names().await;
        let stored = self.inner.stored.lock().await;
        let records = names.iter();
        records
            .filter_map(|name| self.inner.webhook_record(&stored, name))
            .collect()
    }

    /// Returns a webhook.
    ///
    /// # Errors
    /// There is no such webhook.
    ///
    /// ```
    /// # async fn show(waygate: &waygate::Waygate) -> Result<(), waygate::ChangeError> {
    /// let ops = waygate.webhook("ops").await?;
    /// println!("{} events wait", ops.retries);
    /// # Ok(())
    /// # }
    /// ```
    pub async fn webhook(&self, name: &str) -> Result<WebhookRecord, ChangeError> {
        self.webhook_of(&*self.inner.stored.lock().await, name)
    }

    /// Returns a webhook of this state.
    pub(super) fn webhook_of(
        &self,
        stored: &Stored,
        name: &str,
    ) -> Result<WebhookRecord, ChangeError> {
        let name = name.parse()?;
        let record = self.inner.webhook_record(stored, &name);
        record.ok_or_else(|| WebhookError::Unknown(name.to_string()).into())
    }

    /// Returns the last attempts of this process, at most 100, newest first.
    ///
    /// # Errors
    /// There is no such webhook.
    ///
    /// ```
    /// # async fn count(waygate: &waygate::Waygate) -> Result<(), waygate::ChangeError> {
    /// println!("{}", waygate.webhook_attempts("ops").await?.len());
    /// # Ok(())
    /// # }
    /// ```
    pub async fn webhook_attempts(&self, name: &str) -> Result<Vec<WebhookAttempt>, ChangeError> {
        self.webhook(name).await?;
        Ok(self.inner.webhooks.attempts(&name.parse()?))
    }

    /// Returns the events that are sent again, and the dead letters, oldest first.
    ///
    /// # Errors
    /// There is no such webhook.
    ///
    /// ```
    /// # async fn count(waygate: &waygate::Waygate) -> Result<(), waygate::ChangeError> {
    /// println!("{}", waygate.webhook_deliveries("ops").await?.len());
    /// # Ok(())
    /// # }
    /// ```
    pub async fn webhook_deliveries(
        &self,
        name: &str,
    ) -> Result<Vec<WebhookDelivery>, ChangeError> {
        self.webhook(name).await?;
        let (stored, name) = (self.inner.stored.lock().await, name.parse()?);
        let mut all: Vec<_> = deliveries(&stored.records, &name)
            .map(|(_, known)| known)
            .collect();
        all.sort_by_key(|known| known.entry.revision);
        let shown = all.into_iter().map(|known| WebhookDelivery {
            id: event_id(known.entry.id),
            entry: known.entry.id,
            event: EventType::of(&known.entry)
                .map_or("", EventType::as_str)
                .to_owned(),
            subject: known.entry.path.clone(),
            attempts: known.attempts,
            next: known.next,
            failed_at: known.failed_at,
            error: known.error.clone(),
        });
        Ok(shown.collect())
    }

    /// Returns the counters of each webhook in this process, for metrics.
    pub fn webhook_counts(&self) -> BTreeMap<String, WebhookCounts> {
        self.inner.webhook_counts()
    }
}
