//! Notices what no command causes: rate limits that are nearly used up, and outages of the store.

use std::{
    sync::{Arc, Weak},
    time::Duration,
};

use waygate_core::{
    grammar::PolicyName,
    webhook::{EventType, WebhookDefinition},
};

use super::{outages::Outages, progress::later, thresholds::Thresholds};
use crate::engine::Inner;

/// The time between two looks.
const PERIOD: Duration = Duration::from_secs(1);

/// Runs while the engine lives, without keeping it alive.
pub(crate) async fn watch(engine: Weak<Inner>) {
    let Some(inner) = engine.upgrade() else {
        return;
    };
    let (clock, mut version) = (inner.clock.clone(), inner.channels.versions());
    drop(inner);
    let gone = async { while version.changed().await.is_ok() {} };
    let mut gone = std::pin::pin!(gone);
    let (mut thresholds, mut outages) = (Thresholds::default(), Outages::default());
    loop {
        tokio::select! {
            () = clock.sleep_until(later(clock.now(), PERIOD)) => {}
            () = &mut gone => return,
        }
        let Some(inner) = engine.upgrade() else {
            return;
        };
        thresholds.look(&inner).await;
        outages.look(&inner).await;
    }
}

impl Inner {
    /// The endpoints that may get events of this type, from the snapshot: the store may be unavailable.
    pub(super) fn endpoints_for(
        &self,
        event: EventType,
    ) -> Vec<(PolicyName, Arc<WebhookDefinition>)> {
        let snapshot = self.snapshot.load();
        let records = &snapshot.records;
        let stored = records.webhooks.iter();
        let stored = stored.map(|(name, known)| (name, &known.value));
        let declared = &self.webhooks.declared;
        let stored = stored.filter(|(name, _)| !declared.contains_key(*name));
        let is_active = |name: &PolicyName| {
            let cursor = records.webhook_cursors.get(name);
            cursor.is_none_or(|cursor| cursor.value.disabled.is_none())
        };
        let all = declared.iter().chain(stored);
        all.filter(|(name, endpoint)| {
            !endpoint.paused && endpoint.filter.wants(event) && is_active(name)
        })
        .map(|(name, endpoint)| (name.clone(), endpoint.clone()))
        .collect()
    }
}
