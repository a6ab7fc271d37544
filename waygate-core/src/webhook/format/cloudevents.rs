use serde_json::json;

use super::message::Message;
use crate::webhook::WebhookEvent;

/// An event in structured mode (CloudEvents 1.0, JSON format 1.0).
pub(super) fn message(event: &WebhookEvent) -> Result<Message, String> {
    let source = match event.data["service"].as_str() {
        Some(service) => format!("/waygate/{}", segment(service)),
        None => "/waygate".to_owned(),
    };
    let mut body = json!({
        "specversion": "1.0",
        "id": event.id(),
        "source": source,
        "type": format!("dev.waygate.{}", event.event),
        "subject": event.data["subject"],
        "time": event.timestamp,
        "datacontenttype": "application/json",
        "data": event.data,
    });
    // The extension of CloudEvents for distributed tracing.
    if let Some(parent) = event.data.get("traceparent") {
        body["traceparent"] = parent.clone();
    }
    let message = Message::json(&body)?;
    Ok(Message {
        content_type: "application/cloudevents+json".to_owned(),
        ..message
    })
}

/// A source is a URI reference.
fn segment(name: &str) -> String {
    let bytes = name.bytes().map(|byte| match byte {
        b'-' | b'_' | b'.' | b'~' => char::from(byte).to_string(),
        byte if byte.is_ascii_alphanumeric() => char::from(byte).to_string(),
        byte => format!("%{byte:02X}"),
    });
    bytes.collect()
}
