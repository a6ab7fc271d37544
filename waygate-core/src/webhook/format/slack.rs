use serde_json::{Value, json};

use super::python;
use crate::{
    model::AuditEntry,
    webhook::{EventType, WebhookEvent},
};

/// The attachments of Python Waygate (wire contract, section 13).
pub(super) fn attachments(entry: &AuditEntry) -> Option<Value> {
    let event = python::name(entry)?;
    let color = match event {
        "maintenance_on" => "#FFA500",
        "enable" => "#36A64F",
        _ => "#FF0000",
    };
    let mut text = format!("*{}*: {}", event.to_ascii_uppercase(), code(&entry.path));
    if !entry.reason.is_empty() {
        text.push_str(&format!("\n> {}", escape(&entry.reason)));
    }
    let at = entry.timestamp.as_second();
    Some(json!({
        "attachments": [{ "color": color, "text": text, "footer": "waygate", "ts": at }],
    }))
}

/// Blocks, with a text for notifications.
pub(super) fn blocks(event: &WebhookEvent) -> Value {
    let text = |name: &str| event.data[name].as_str().unwrap_or_default();
    let title = format!(
        "{} *{}* {}",
        mark(event.event),
        event.event,
        code(text("subject"))
    );
    let mut blocks = vec![section(&title)];
    if !text("reason").is_empty() {
        blocks.push(section(&format!("> {}", escape(text("reason")))));
    }
    let about = format!(
        "{} by {} · {} · revision {}",
        event.timestamp.strftime("%Y-%m-%d %H:%M:%S UTC"),
        escape(text("actor")),
        escape(text("platform")),
        event.data["revision"],
    );
    let about = json!({ "type": "mrkdwn", "text": about, "verbatim": true });
    blocks.push(json!({ "type": "context", "elements": [about] }));
    let notification = format!("{}: {}", event.event, escape(text("subject")));
    json!({ "text": notification, "blocks": blocks, "unfurl_links": false, "unfurl_media": false })
}

fn section(text: &str) -> Value {
    // Verbatim: Slack links no names, channels and URLs.
    json!({ "type": "section", "text": { "type": "mrkdwn", "text": text, "verbatim": true } })
}

fn mark(event: EventType) -> &'static str {
    let name = event.as_str();
    match name.split('.').nth(1).unwrap_or_default() {
        "maintenance_started" => ":construction:",
        "maintenance_ended" | "enabled" | "resumed" => ":white_check_mark:",
        "disabled" | "deleted" | "login_failed_burst" => ":no_entry:",
        _ => ":information_source:",
    }
}

/// Escapes text for Slack: its three control characters, and the names that notify a whole channel.
fn escape(text: &str) -> String {
    let escaped = text
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;");
    // A word joiner, which is not visible.
    escaped
        .replace("@channel", "@\u{2060}channel")
        .replace("@here", "@\u{2060}here")
        .replace("@everyone", "@\u{2060}everyone")
}

/// Text in code style, which a backtick would end.
fn code(text: &str) -> String {
    format!("`{}`", escape(text).replace('`', "'"))
}
