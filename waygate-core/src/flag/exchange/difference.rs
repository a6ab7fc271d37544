use serde::Serialize;
use serde_json::{Map, Value};

/// A value that differs between two documents.
///
/// ```
/// use serde_json::json;
/// use waygate_core::flag::exchange::{FieldChange, difference};
///
/// let changes: Vec<FieldChange> = difference(&json!({"a": 1}), &json!({"a": 2}));
/// assert_eq!((&changes[0].old, &changes[0].new), (&Some(json!(1)), &Some(json!(2))));
/// ```
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[non_exhaustive]
pub struct FieldChange {
    /// The place, as a JSON pointer (RFC 6901): of a removed value in the old document, otherwise in the new one.
    pub pointer: String,
    /// The old value; `None` if it is added.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub old: Option<Value>,
    /// The new value; `None` if it is removed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub new: Option<Value>,
}

/// Compares two documents, and returns the values that differ: as deep as possible, in the order of the documents.
///
/// Numbers are equal by value: `5` and `5.0`. Entries that are the same at the start and at the end of two lists are left
/// out, so an entry that is inserted is one change.
///
/// ```
/// use serde_json::json;
/// use waygate_core::flag::exchange::difference;
///
/// let old = json!({"enabled": true, "tags": ["a", "c"]});
/// let new = json!({"enabled": false, "tags": ["a", "b", "c"]});
/// let changes = difference(&old, &new);
/// assert_eq!(changes[0].pointer, "/enabled");
/// assert_eq!((changes[1].pointer.as_str(), &changes[1].new), ("/tags/1", &Some(json!("b"))));
/// assert_eq!(changes.len(), 2);
/// ```
pub fn difference(old: &Value, new: &Value) -> Vec<FieldChange> {
    let mut changes = Vec::new();
    compare(old, new, &mut String::new(), &mut changes);
    changes
}

fn compare(old: &Value, new: &Value, pointer: &mut String, changes: &mut Vec<FieldChange>) {
    match (old, new) {
        (Value::Object(old), Value::Object(new)) => objects(old, new, pointer, changes),
        (Value::Array(old), Value::Array(new)) => lists(old, new, pointer, changes),
        _ if same(old, new) => {}
        _ => changes.push(FieldChange {
            pointer: pointer.clone(),
            old: Some(old.clone()),
            new: Some(new.clone()),
        }),
    }
}

fn objects(
    old: &Map<String, Value>,
    new: &Map<String, Value>,
    pointer: &mut String,
    changes: &mut Vec<FieldChange>,
) {
    for (name, old) in old {
        within(pointer, name, |pointer| match new.get(name) {
            Some(new) => compare(old, new, pointer, changes),
            None => changes.push(removed(pointer, old)),
        });
    }
    for (name, new) in new.iter().filter(|(name, _)| !old.contains_key(*name)) {
        within(pointer, name, |pointer| changes.push(added(pointer, new)));
    }
}

fn lists(old: &[Value], new: &[Value], pointer: &mut String, changes: &mut Vec<FieldChange>) {
    let both = || old.iter().zip(new);
    let start = both().take_while(|(old, new)| same(old, new)).count();
    let ends = old[start..].iter().rev().zip(new[start..].iter().rev());
    let end = ends.take_while(|(old, new)| same(old, new)).count();
    let (old, new) = (&old[start..old.len() - end], &new[start..new.len() - end]);
    for at in 0..old.len().max(new.len()) {
        let name = (start + at).to_string();
        within(pointer, &name, |pointer| match (old.get(at), new.get(at)) {
            (Some(old), Some(new)) => compare(old, new, pointer, changes),
            (Some(old), None) => changes.push(removed(pointer, old)),
            (None, Some(new)) => changes.push(added(pointer, new)),
            (None, None) => {}
        });
    }
}

fn within(pointer: &mut String, name: &str, go: impl FnOnce(&mut String)) {
    let len = pointer.len();
    pointer.push('/');
    pointer.push_str(&name.replace('~', "~0").replace('/', "~1"));
    go(pointer);
    pointer.truncate(len);
}

fn removed(pointer: &str, old: &Value) -> FieldChange {
    FieldChange {
        pointer: pointer.to_owned(),
        old: Some(old.clone()),
        new: None,
    }
}

fn added(pointer: &str, new: &Value) -> FieldChange {
    FieldChange {
        pointer: pointer.to_owned(),
        old: None,
        new: Some(new.clone()),
    }
}

fn same(old: &Value, new: &Value) -> bool {
    match (old, new) {
        (Value::Number(old), Value::Number(new)) => old == new || old.as_f64() == new.as_f64(),
        (Value::Array(old), Value::Array(new)) => {
            old.len() == new.len() && old.iter().zip(new).all(|(old, new)| same(old, new))
        }
        (Value::Object(old), Value::Object(new)) => {
            let equal =
                |(name, old): (&String, &Value)| new.get(name).is_some_and(|new| same(old, new));
            old.len() == new.len() && old.iter().all(equal)
        }
        _ => old == new,
    }
}
