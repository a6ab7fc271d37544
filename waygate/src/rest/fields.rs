//! Reads structs from named values. Errors name the field, and suggest the correct spelling of a misspelled name.

use serde::{
    Deserializer,
    de::{DeserializeOwned, Error as _, Visitor, value::Error},
    forward_to_deserialize_any,
};
use serde_json::{Map, Value};
use waygate_core::{StrictJson, similar::typing_errors};

/// An invalid value.
#[derive(Debug)]
pub(crate) struct Wrong {
    /// The top-level field, if one is at fault.
    pub(crate) field: Option<String>,
    pub(crate) text: String,
}

/// The longest message; longer ones quote too much.
const MAX_CHARS: usize = 300;

impl Wrong {
    fn new(field: Option<String>, text: String) -> Self {
        let mut shown: String = text.chars().take(MAX_CHARS).collect();
        if shown.len() < text.len() {
            shown.push('…');
        }
        Self { field, text: shown }
    }
}

/// Reads a `T`. `noun` names the values in errors: `field`, `parameter`.
pub(crate) fn read<T: DeserializeOwned>(
    values: Map<String, Value>,
    noun: &str,
) -> Result<T, Wrong> {
    read_known(values, noun, names::<T>())
}

/// Reads a `T` with these fields.
pub(super) fn read_known<T: DeserializeOwned>(
    values: Map<String, Value>,
    noun: &str,
    known: &[&str],
) -> Result<T, Wrong> {
    if let Some(unknown) = values.keys().find(|name| !known.contains(&name.as_str())) {
        let shown: String = unknown.chars().take(64).collect();
        return Err(Wrong::new(
            None,
            format!("unknown {noun} `{shown}`: {}", hint(unknown, known)),
        ));
    }
    serde_path_to_error::deserialize(StrictJson(Value::Object(values))).map_err(|error| {
        let path = error.path().to_string();
        let field = path.split(['.', '[']).next().unwrap_or_default().to_owned();
        let text = in_words(error.into_inner().to_string());
        if field.is_empty() {
            return Wrong::new(None, text);
        }
        Wrong::new(Some(field), format!("{path}: {text}"))
    })
}

/// Describes the expected type in words, where serde names a Rust type.
fn in_words(text: String) -> String {
    let types = [
        ("a nonzero u32", "a whole number from 1 to 4294967295"),
        ("u32", "a whole number from 0 to 4294967295"),
        ("u64", "a whole number, 0 or more"),
    ];
    for (name, words) in types {
        if let Some(start) = text.strip_suffix(name)
            && start.ends_with("expected ")
        {
            return format!("{start}{words}");
        }
    }
    text
}

/// The kind of a JSON value, in words.
pub(crate) fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

/// Suggests a known name.
fn hint(unknown: &str, known: &[&str]) -> String {
    if known.is_empty() {
        return "none is expected here".to_owned();
    }
    let meant = meant(unknown, known);
    let known = known.join("`, `");
    match meant {
        Some(meant) => format!("did you mean `{meant}`? Known are `{known}`"),
        None => format!("known are `{known}`"),
    }
}

/// The known name that is most similar to an unknown one, if any is.
pub(crate) fn meant<'a>(unknown: &str, known: &[&'a str]) -> Option<&'a str> {
    // A prefix of a name counts as no error.
    let errors = |name: &&str| match unknown.len() > 2 && name.starts_with(unknown) {
        true => 0,
        false => typing_errors(unknown, name),
    };
    // The comparison takes quadratic time.
    Some(unknown)
        .filter(|text| text.len() <= 64)
        .and_then(|_| known.iter().copied().min_by_key(errors))
        .filter(|name| errors(name) * 3 <= unknown.len())
}

/// The field names of a struct.
pub(crate) fn names<T: DeserializeOwned>() -> &'static [&'static str] {
    let mut names: &'static [&'static str] = &[];
    // This always fails, after recording the names.
    let _ = T::deserialize(Question(&mut names));
    names
}

struct Question<'a>(&'a mut &'static [&'static str]);

impl<'de> Deserializer<'de> for Question<'_> {
    type Error = Error;

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        _: V,
    ) -> Result<V::Value, Error> {
        *self.0 = fields;
        Err(Error::custom("asked"))
    }

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Error> {
        Err(Error::custom("asked"))
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit
        unit_struct newtype_struct seq tuple tuple_struct map enum identifier ignored_any
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;
    use serde_json::json;

    use super::*;

    #[derive(Debug, Deserialize)]
    struct Nothing {}

    #[derive(Debug, Deserialize)]
    struct Example {
        #[serde(default)]
        reason: String,
        exempt_paths: Vec<String>,
        #[serde(default)]
        inner: Option<Inner>,
    }

    #[derive(Debug, Default, Deserialize)]
    #[serde(default)]
    struct Inner {
        _name: String,
    }

    fn wrong(values: Value) -> String {
        let Value::Object(values) = values else {
            panic!("not an object");
        };
        read::<Example>(values, "field").unwrap_err().text
    }

    #[test]
    fn unknown_names_get_a_suggestion() {
        assert_eq!(
            wrong(json!({ "reasons": 1 })),
            "unknown field `reasons`: did you mean `reason`? Known are `reason`, `exempt_paths`, `inner`"
        );
        assert_eq!(
            wrong(json!({ "zzz": 1 })),
            "unknown field `zzz`: known are `reason`, `exempt_paths`, `inner`"
        );
        let long = "x".repeat(200_000);
        assert!(wrong(json!({ long: 1 })).len() < 200);
    }

    #[test]
    fn wrong_types_are_reported_with_their_location() {
        assert_eq!(
            wrong(json!({ "exempt_paths": ["/a", 5] })),
            "exempt_paths[1]: invalid type: integer `5`, expected a string"
        );
        assert_eq!(
            wrong(json!({ "exempt_paths": [], "inner": [] })),
            "inner: invalid type: sequence, expected struct Inner"
        );
        assert_eq!(wrong(json!({})), "missing field `exempt_paths`");
        let long = json!({ "exempt_paths": "x".repeat(200_000) });
        assert!(wrong(long).chars().count() <= MAX_CHARS + 1);
        let fine: Map<_, _> = [("exempt_paths".to_owned(), json!([]))]
            .into_iter()
            .collect();
        let fine: Example = read(fine, "field").unwrap();
        assert_eq!((fine.reason.len(), fine.exempt_paths.len()), (0, 0));
        assert!(fine.inner.is_none());
    }

    #[test]
    fn structs_without_fields_expect_none() {
        let values = [("a".to_owned(), Value::Null)].into_iter().collect();
        let text = read::<Nothing>(values, "field").unwrap_err().text;
        assert_eq!(text, "unknown field `a`: none is expected here");
    }
}
