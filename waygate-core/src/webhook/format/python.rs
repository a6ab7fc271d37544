//! The three events of Python Waygate (wire contract, section 13).

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use crate::model::{Action, AuditEntry, RouteState, RouteView};

/// The fields of a state in the contract, in its order.
const FIELDS: [&str; 12] = [
    "path",
    "service",
    "status",
    "reason",
    "allowed_envs",
    "allowed_roles",
    "allowed_ips",
    "window",
    "sunset_date",
    "successor_path",
    "rollout_percentage",
    "force_active",
];

/// The name of the event; `None` for any other.
pub(super) fn name(entry: &AuditEntry) -> Option<&'static str> {
    match entry.action {
        // In Python, the end of maintenance is `enable`.
        Action::Enable | Action::MaintenanceOff => Some("enable"),
        Action::Disable => Some("disable"),
        Action::MaintenanceOn => Some("maintenance_on"),
        _ => None,
    }
}

pub(super) fn body(entry: &AuditEntry) -> Option<Value> {
    Some(json!({
        "event": name(entry)?,
        "path": entry.path,
        "reason": entry.reason,
        "timestamp": isoformat(entry.timestamp),
        "state": state(entry),
    }))
}

/// `2026-11-22T22:31:12.632706+00:00`, without the fraction if it is zero, as Python writes it.
fn isoformat(at: Timestamp) -> String {
    let form = match at.subsec_microsecond() + at.subsec_millisecond() * 1_000 {
        0 => "%Y-%m-%dT%H:%M:%S+00:00",
        _ => "%Y-%m-%dT%H:%M:%S.%6f+00:00",
    };
    at.strftime(form).to_string()
}

/// The state after the change. The scheduler's entries have it in `state`.
fn state(entry: &AuditEntry) -> Value {
    let new = entry.new.as_ref();
    let stored = new.and_then(|new| new.get("state").or(Some(new)));
    let known = stored.and_then(|stored| serde_json::from_value::<RouteState>(stored.clone()).ok());
    let key = entry.path.parse();
    let mut all = match (known, key) {
        (known, Ok(key)) => {
            let view = RouteView::new(&key, &known.unwrap_or_default(), entry.timestamp);
            match serde_json::to_value(view) {
                Ok(Value::Object(view)) => view,
                _ => Map::new(),
            }
        }
        _ => Map::new(),
    };
    all.insert("path".to_owned(), entry.path.clone().into());
    all.insert("service".to_owned(), json!(entry.service));
    all.insert("reason".to_owned(), entry.reason.clone().into());
    if let Some(status) = entry.new_status {
        all.insert("status".to_owned(), json!(status));
    }
    let field = |name: &str| Some((name.to_owned(), all.get(name)?.clone()));
    FIELDS
        .iter()
        .copied()
        .filter_map(field)
        .collect::<Map<_, _>>()
        .into()
}
