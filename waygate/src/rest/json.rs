//! A strict JSON parser (RFC 8259): names are unique, nesting is bounded, and whole numbers are exact.

use std::{collections::HashSet, fmt};

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::Value;
use waygate_core::{InexactNumber, view};

use super::problem::{Problem, ProblemKind};

/// The deepest nesting of arrays and objects.
const MAX_DEPTH: usize = 64;

/// A document that is refused.
#[derive(Debug)]
pub(crate) enum Refused {
    /// Not JSON, or beyond the limits. Names line and column.
    Json(serde_json::Error),
    Number(InexactNumber),
}

impl From<serde_json::Error> for Refused {
    fn from(error: serde_json::Error) -> Self {
        Self::Json(error)
    }
}

impl Refused {
    /// The problem of a body, with the contract's `error` for one that is not JSON.
    pub(super) fn into_problem(self, no_json: &str) -> Problem {
        match self {
            Self::Json(error) => {
                Problem::new(ProblemKind::InvalidBody, no_json).detail(error.to_string())
            }
            Self::Number(number) => {
                let text = number.to_string();
                let mistake = view::Mistake {
                    pointer: number.pointer,
                    code: "inexact_number".to_owned(),
                    message: text.clone(),
                };
                Problem::new(ProblemKind::InvalidBody, text).mistakes(vec![mistake])
            }
        }
    }
}

/// Parses a whole document.
pub(crate) fn parse(text: &[u8]) -> Result<Value, Refused> {
    let mut reader = serde_json::Deserializer::from_slice(text);
    Checked(MAX_DEPTH).deserialize(&mut reader)?;
    reader.end()?;
    match InexactNumber::find(text) {
        Some(number) => Err(Refused::Number(number)),
        None => Ok(serde_json::from_slice(text)?),
    }
}

/// Rejects what `serde_json` accepts: repeated names and deep nesting. Holds the levels that are left.
#[derive(Clone, Copy)]
struct Checked(usize);

impl Checked {
    fn inner<E: Error>(self) -> Result<Self, E> {
        let too_deep = || {
            E::custom(format_args!(
                "arrays and objects nest deeper than {MAX_DEPTH} levels"
            ))
        };
        self.0.checked_sub(1).map(Self).ok_or_else(too_deep)
    }
}

impl<'de> DeserializeSeed<'de> for Checked {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Checked {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let inner = self.inner()?;
        let mut names = HashSet::new();
        while let Some(name) = map.next_key::<String>()? {
            if names.contains(&name) {
                let shown: String = name.chars().take(64).collect();
                return Err(A::Error::custom(format_args!(
                    "the name {shown:?} occurs twice in one object"
                )));
            }
            names.insert(name);
            map.next_value_seed(inner)?;
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        let inner = self.inner()?;
        while items.next_element_seed(inner)?.is_some() {}
        Ok(())
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E: Error>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(text: &str) -> String {
        match parse(text.as_bytes()).unwrap_err() {
            Refused::Json(error) => error.to_string(),
            Refused::Number(number) => number.to_string(),
        }
    }

    #[test]
    fn plain_json_is_accepted() {
        let text = r#"{"a":[1,-2,3.5,true,null,"é"],"b":{"a":{}}}"#;
        assert_eq!(parse(text.as_bytes()).unwrap().to_string(), text);
    }

    #[test]
    fn names_are_unique_within_their_object() {
        assert_eq!(
            problem(r#"{"a":1,"b":{"a":2},"a":3}"#),
            "the name \"a\" occurs twice in one object at line 1 column 22"
        );
        // The same name in another notation.
        assert!(problem(r#"{"a":1,"\u0061":3}"#).contains("occurs twice"));
    }

    #[test]
    fn nesting_is_bounded() {
        let nested = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
        assert!(parse(nested(64).as_bytes()).is_ok());
        assert!(problem(&nested(65)).contains("deeper than 64 levels"));
        assert!(problem(&r#"{"":"#.repeat(1_000_000)).contains("deeper than 64 levels"));
    }

    #[test]
    fn invalid_json_is_refused_with_its_location() {
        assert_eq!(
            problem("{not json"),
            "key must be a string at line 1 column 2"
        );
        assert!(problem("{} {}").contains("trailing characters at line 1 column 4"));
        for text in [
            "",
            " ",
            "\u{feff}{}",
            "NaN",
            "{'a':1}",
            "[1,]",
            "1e999",
            "\"\\ud800\"",
        ] {
            assert!(parse(text.as_bytes()).is_err(), "{text:?}");
        }
        assert!(parse(b"\"\xff\"").is_err());
    }
}
