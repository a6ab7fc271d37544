//! JSON values in TOML, which has no null and no integer above 2⁶³ − 1.
//!
//! A value that TOML cannot represent is written as its JSON text: `{ "$json" = "null" }`. So is an object that looks
//! like such a text, which makes the mapping reversible for every value.

use serde_json::{Map, Number, Value};
use toml::{Table, Value as Toml};

const AS_JSON: &str = "$json";

pub(super) fn to_string(document: Value) -> Result<String, String> {
    match to_toml(document) {
        Toml::Table(table) => toml::to_string_pretty(&table).map_err(|e| e.to_string()),
        _ => Err("the top level of a TOML document must be a table".to_owned()),
    }
}

pub(super) fn from_str(text: &str) -> Result<Value, String> {
    let table: Table = text.parse().map_err(|e: toml::de::Error| e.to_string())?;
    from_toml(Toml::Table(table))
}

fn to_toml(value: Value) -> Toml {
    match value {
        Value::Bool(truth) => Toml::Boolean(truth),
        Value::String(text) => Toml::String(text),
        Value::Array(items) => Toml::Array(items.into_iter().map(to_toml).collect()),
        Value::Number(number) => match (number.as_i64(), number.as_f64()) {
            (Some(integer), _) => Toml::Integer(integer),
            (None, Some(float)) if number.is_f64() => Toml::Float(float),
            _ => as_json(Value::Number(number)),
        },
        Value::Object(members) if members.len() == 1 && members.contains_key(AS_JSON) => {
            as_json(Value::Object(members))
        }
        Value::Object(members) => {
            let members = members.into_iter();
            Toml::Table(
                members
                    .map(|(name, value)| (name, to_toml(value)))
                    .collect(),
            )
        }
        Value::Null => as_json(Value::Null),
    }
}

fn as_json(value: Value) -> Toml {
    Toml::Table(Table::from_iter([(
        AS_JSON.to_owned(),
        Toml::String(value.to_string()),
    )]))
}

fn from_toml(value: Toml) -> Result<Value, String> {
    Ok(match value {
        Toml::Boolean(truth) => Value::Bool(truth),
        Toml::String(text) => Value::String(text),
        Toml::Integer(integer) => Value::from(integer),
        Toml::Float(float) => Number::from_f64(float)
            .map(Value::Number)
            .ok_or_else(|| format!("`{float}` is not a number in JSON"))?,
        Toml::Datetime(instant) => Value::String(instant.to_string()),
        Toml::Array(items) => items.into_iter().map(from_toml).collect::<Result<_, _>>()?,
        Toml::Table(table) => match table.get(AS_JSON) {
            Some(Toml::String(text)) if table.len() == 1 => serde_json::from_str(text)
                .map_err(|e| format!("`{AS_JSON} = {text:?}` is not JSON: {e}"))?,
            _ => {
                let mut members = Map::new();
                for (name, value) in table {
                    members.insert(name, from_toml(value)?);
                }
                Value::Object(members)
            }
        },
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn values_without_toml_syntax_are_json_text() {
        let document = json!({ "a": null, "b": u64::MAX, "c": { "$json": "1" } });
        let text = to_string(document.clone()).unwrap();
        assert!(text.contains(r#""$json" = "null""#), "{text}");
        assert!(
            text.contains(r#""$json" = "18446744073709551615""#),
            "{text}"
        );
        assert_eq!(from_str(&text).unwrap(), document);
    }

    #[test]
    fn a_hand_written_date_is_text_and_a_bad_number_is_refused() {
        let read = from_str("until = 2030-01-01T00:00:00Z").unwrap();
        assert_eq!(read, json!({ "until": "2030-01-01T00:00:00Z" }));
        assert!(
            from_str("a = nan")
                .unwrap_err()
                .contains("not a number in JSON")
        );
        assert!(
            from_str("a = { \"$json\" = \"{\" }")
                .unwrap_err()
                .contains("is not JSON")
        );
    }
}
