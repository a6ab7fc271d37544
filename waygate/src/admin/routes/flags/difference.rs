//! The values that differ between two definitions.

use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

/// A value that differs between two definitions.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub(super) struct FieldChange {
    /// The place, as a JSON pointer (RFC 6901).
    pointer: String,
    /// The old value; missing if it is added.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    old: Option<Value>,
    /// The new value; missing if it is removed.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    new: Option<Value>,
}

/// Compares two definitions member by member.
pub(super) fn difference(old: &Value, new: &Value) -> Vec<FieldChange> {
    let (Value::Object(old), Value::Object(new)) = (old, new) else {
        return Vec::new();
    };
    let names: std::collections::BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    let differs = names
        .into_iter()
        .filter(|name| old.get(*name) != new.get(*name));
    let changes = differs.map(|name| FieldChange {
        pointer: format!("/{}", name.replace('~', "~0").replace('/', "~1")),
        old: old.get(name).cloned(),
        new: new.get(name).cloned(),
    });
    changes.collect()
}
