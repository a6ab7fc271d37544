use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Value, json};
use uuid::Uuid;

use super::event_type::EventType;
use crate::model::{AuditEntry, Origin};

/// One event, as its receivers get it in the format `standard`: `{"type", "timestamp", "data"}`.
///
/// ```
/// use waygate_core::{
///     Timestamp,
///     model::{Action, AuditEntry, Origin},
///     webhook::WebhookEvent,
/// };
///
/// let line = AuditEntry::new(&Origin::new("alice", "cli"), Action::Disable, "GET:/a", Timestamp::now());
/// let event = WebhookEvent::of(&line).unwrap();
/// assert_eq!(event.data["route"], "GET:/a");
/// assert!(!event.id().contains('.'));
/// ```
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct WebhookEvent {
    /// The type.
    #[serde(rename = "type", serialize_with = "word")]
    pub event: EventType,
    /// The time of the change.
    pub timestamp: Timestamp,
    /// The fields of the change.
    pub data: Value,
    #[serde(skip)]
    id: Uuid,
}

fn word<S: serde::Serializer>(event: &EventType, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(event.as_str())
}

/// The largest body.
pub const MAX_BODY: usize = 20_000;

impl WebhookEvent {
    /// The event about an entry of the audit log; `None` if there is none.
    pub fn of(entry: &AuditEntry) -> Option<Self> {
        let event = EventType::of(entry)?;
        let is_route = event.as_str().starts_with("route.");
        let is_limit = event.as_str().starts_with("limit.");
        let route = (is_route || is_limit && !entry.path.starts_with("__")).then_some(&entry.path);
        let mut data = json!({
            "id": entry.id,
            "revision": entry.revision,
            "subject": entry.path,
            "route": route,
            "service": entry.service,
            "tags": entry.tags,
            "action": entry.action,
            "actor": entry.actor,
            "platform": entry.platform,
            "reason": entry.reason,
            "previous_status": entry.previous_status,
            "new_status": entry.new_status,
            "previous": entry.previous,
            "new": entry.new,
        });
        if let (Some(parent), Some(data)) = (entry.traceparent, data.as_object_mut()) {
            data.insert("traceparent".to_owned(), parent.to_string().into());
        }
        let mut event = Self {
            event,
            timestamp: entry.timestamp,
            data,
            id: entry.id,
        };
        if serde_json::to_string(&event).is_ok_and(|text| text.len() > MAX_BODY) {
            event.make_thin();
        }
        Some(event)
    }

    /// Leaves out the stored values before and after the change. A receiver that needs them reads the entry `data.id`
    /// of the audit log.
    pub fn make_thin(&mut self) {
        if let Some(data) = self.data.as_object_mut() {
            data.remove("previous");
            data.remove("new");
            data.insert("thin".to_owned(), true.into());
        }
    }

    /// The id, the same over all attempts: `msg_` and the id of the entry without hyphens.
    pub fn id(&self) -> String {
        event_id(self.id)
    }
}

/// The id of the event about the entry with this id.
///
/// ```
/// use waygate_core::webhook::event_id;
///
/// let id = event_id("0b8955c8-622a-45a8-8fd8-0e57924ec972".parse()?);
/// assert_eq!(id, "msg_0b8955c8622a45a88fd80e57924ec972");
/// # Ok::<(), uuid::Error>(())
/// ```
pub fn event_id(entry: Uuid) -> String {
    format!("msg_{}", entry.simple())
}

/// An entry for a test of an endpoint. It is never in the audit log.
///
/// ```
/// use waygate_core::{Timestamp, model::Origin, webhook::{EventType, test_entry}};
///
/// let entry = test_entry(&Origin::system(), "ops", Timestamp::now());
/// assert_eq!(EventType::of(&entry), Some(EventType::EndpointTest));
/// ```
pub fn test_entry(origin: &Origin, endpoint: &str, now: Timestamp) -> AuditEntry {
    let action = "webhook_tested".into();
    AuditEntry::new(origin, action, format!("webhook:{endpoint}"), now)
}
