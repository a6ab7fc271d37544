//! Webhooks: their definitions, their places in the audit log, and what could not be delivered.

use std::{collections::BTreeMap, fmt, str::FromStr, sync::Arc};

use serde::{Deserialize, Serialize};
use uuid::Uuid;
use waygate_core::{
    Timestamp,
    grammar::{Invalid, PolicyName},
    model::{AuditEntry, Epoch, Revision},
    port::{AuditPosition, EntityKey},
    webhook::WebhookDefinition,
};

use crate::engine::store::{Kind, Shown, View, named, named_freely};

/// Endpoints that operators have created.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Webhooks;

impl Kind for Webhooks {
    const NAMES: &'static [&'static str] = &["webhook"];
    type Key = PolicyName;
    type Value = Arc<WebhookDefinition>;

    fn parse(kind: &str, name: Option<&str>) -> Result<PolicyName, Invalid> {
        named(kind, name)
    }

    fn entity(name: &PolicyName) -> EntityKey {
        EntityKey::of("webhook", name)
    }

    // The value contains secrets.
    fn shown(name: &PolicyName, _: Option<&Self::Value>, _: &dyn View) -> Option<Shown> {
        Some(Shown::new("webhook", name, None))
    }
}

/// How far each endpoint has got in the audit log.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct WebhookCursors;

/// The place of an endpoint, and its state.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct WebhookCursor {
    /// The store that the place is in. Another one has another log.
    pub(crate) epoch: Epoch,
    /// Everything up to here is delivered, or among the deliveries.
    pub(crate) position: AuditPosition,
    /// Who declares the endpoint in code; `None` if operators have created it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) declared: Option<Declarer>,
    /// The process that delivers, so that no other does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) lease: Option<Lease>,
    /// The receiver has asked for a pause.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) throttled_until: Option<Timestamp>,
    /// The first failure since the last success.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) failing_since: Option<Timestamp>,
    /// Nothing is sent until an operator enables it again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) disabled: Option<DisabledEndpoint>,
}

/// The processes whose code declares an endpoint.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Declarer {
    /// Their service; `None` if they belong to none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) service: Option<Box<str>>,
}

impl Declarer {
    /// Who declares an endpoint once this process does, too. A deployment may get a service later: it goes on.
    pub(crate) fn after(self, known: Option<Self>) -> Self {
        known
            .filter(|known| known.service.is_some() || self.service.is_none())
            .unwrap_or(self)
    }
}

impl fmt::Display for Declarer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.service {
            Some(service) => write!(f, "the service `{service}`"),
            None => f.write_str("processes without a service"),
        }
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Lease {
    pub(crate) holder: Uuid,
    pub(crate) until: Timestamp,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct DisabledEndpoint {
    pub(crate) at: Timestamp,
    pub(crate) reason: String,
}

impl WebhookCursor {
    /// A place in the log of the store with this revision.
    pub(crate) fn at(position: AuditPosition, store: Revision) -> Self {
        Self {
            epoch: store.epoch,
            position,
            declared: None,
            lease: None,
            throttled_until: None,
            failing_since: None,
            disabled: None,
        }
    }
}

impl WebhookCursor {
    /// Returns where to continue, if the store is another one, or was rolled back.
    pub(crate) fn rebased(&self, store: Revision) -> Option<AuditPosition> {
        if self.epoch != store.epoch {
            // Its log has nothing that was delivered.
            return Some(AuditPosition::end_of(0));
        }
        let is_ahead = self.position.revision > store.number;
        is_ahead.then(|| AuditPosition::end_of(store.number))
    }
}

impl Kind for WebhookCursors {
    const NAMES: &'static [&'static str] = &["webhook_cursor"];
    type Key = PolicyName;
    type Value = WebhookCursor;

    fn parse(kind: &str, name: Option<&str>) -> Result<PolicyName, Invalid> {
        named(kind, name)
    }

    fn entity(name: &PolicyName) -> EntityKey {
        EntityKey::of("webhook_cursor", name)
    }

    fn shown(_: &PolicyName, _: Option<&WebhookCursor>, _: &dyn View) -> Option<Shown> {
        None
    }
}

/// Events that could not be delivered yet, or at all.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct WebhookDeliveries;

/// `<endpoint>#<id of the entry>`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct DeliveryKey {
    pub(crate) endpoint: PolicyName,
    pub(crate) entry: Uuid,
}

impl fmt::Display for DeliveryKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}#{}", self.endpoint, self.entry)
    }
}

impl FromStr for DeliveryKey {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let parts = text
            .split_once('#')
            .and_then(|(name, id)| Some((name, id.parse().ok()?)));
        let (name, entry) =
            parts.ok_or_else(|| Invalid::new("delivery", text, "expected `<endpoint>#<id>`"))?;
        let endpoint = name.parse()?;
        Ok(Self { endpoint, entry })
    }
}

/// An event that is sent again, or was given up.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Delivery {
    pub(crate) entry: Arc<AuditEntry>,
    /// The number of attempts so far.
    pub(crate) attempts: u32,
    /// The time of the next attempt; `None` for a dead letter.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) next: Option<Timestamp>,
    /// The last failure.
    pub(crate) failed_at: Timestamp,
    pub(crate) error: String,
}

impl Kind for WebhookDeliveries {
    const NAMES: &'static [&'static str] = &["webhook_delivery"];
    type Key = DeliveryKey;
    type Value = Delivery;

    fn parse(kind: &str, name: Option<&str>) -> Result<DeliveryKey, Invalid> {
        named(kind, name)
    }

    fn entity(key: &DeliveryKey) -> EntityKey {
        EntityKey::of("webhook_delivery", key)
    }

    fn shown(_: &DeliveryKey, _: Option<&Delivery>, _: &dyn View) -> Option<Shown> {
        None
    }
}

/// Marks of events that every process notices, so that one of them writes each.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct EventMarks;

/// By name, the time up to which an event has been written.
#[derive(Debug, Default, Clone, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Marks(pub(crate) BTreeMap<String, Timestamp>);

impl Kind for EventMarks {
    const NAMES: &'static [&'static str] = &["event_marks"];
    type Key = Box<str>;
    type Value = Marks;

    fn parse(kind: &str, name: Option<&str>) -> Result<Box<str>, Invalid> {
        named_freely(kind, name)
    }

    fn entity(group: &Box<str>) -> EntityKey {
        EntityKey::of("event_marks", group)
    }

    fn shown(_: &Box<str>, _: Option<&Marks>, _: &dyn View) -> Option<Shown> {
        None
    }
}
