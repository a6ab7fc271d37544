use serde_json::Value;

use crate::sdk::Kind;

/// Reads a value of a feature file.
pub(crate) fn value(kind: Kind, text: &str) -> Result<Value, String> {
    let text = text.replace("\\\"", "\"");
    let wrong = |_| format!("`{text}` is no {kind:?}");
    match kind {
        Kind::Boolean => text.parse::<bool>().map(Value::from).map_err(|_| wrong(())),
        Kind::Integer => text.parse::<i64>().map(Value::from).map_err(|_| wrong(())),
        Kind::Float => text.parse::<f64>().map(Value::from).map_err(|_| wrong(())),
        Kind::String => Ok(text.into()),
        Kind::Object => serde_json::from_str(&text).map_err(|_| wrong(())),
    }
}

/// Reads a type of a feature file.
pub(crate) fn kind(text: &str) -> Result<Kind, String> {
    match &*text.to_lowercase() {
        "boolean" => Ok(Kind::Boolean),
        "integer" => Ok(Kind::Integer),
        "float" => Ok(Kind::Float),
        "string" => Ok(Kind::String),
        "object" => Ok(Kind::Object),
        _ => Err(format!("`{text}` is no type")),
    }
}
