//! Definitions of flagd, with JSONLogic as their language.

mod alternatives;
mod clauses;
mod condition;
mod definition;
mod evaluators;
mod export;
mod expression;
mod fractional;
mod operations;
mod options;
mod outcome;
mod parse;
mod parts;
mod targeting;
mod timetable;

use serde_json::{Map, Value};

use self::{definition::Definition, evaluators::Evaluators};
use super::{
    import::{Import, Refusal},
    note::ImportNote,
};
use crate::flag::{check::needed_segments, place::Place};

pub use export::{Exported, to_flagd};
pub use options::FlagdOptions;

/// Translates flag definitions of flagd (`https://flagd.dev/schema/v0/flags.json`) to rules and segments. No context
/// changes its variation (hash `flagd-v2`).
///
/// | flagd | Waygate |
/// |---|---|
/// | `if`, `?:` with `and`, `or`, `!`, `!!` | a rule for each alternative |
/// | `==`, `!=`, `===`, `!==`, `<`, `<=`, `>`, `>=` of an attribute and a constant | a clause |
/// | `in` of an attribute and a list, `in` of a string and an attribute | `in`, `contains` |
/// | `starts_with`, `ends_with`, `sem_ver` | the same |
/// | `fractional`, also with conditions in it | a rollout |
/// | `$evaluators` | segments, where they are conditions |
/// | comparisons of `$flagd.timestamp` | their result now, and scheduled changes |
/// | `defaultVariant` | the fallthrough, and the off variation |
///
/// The rest is refused by name: other operators, comparisons of two attributes, results that are no constant, flags
/// without a default variant if it can be the result. These differ:
///
/// - A disabled flag has its default variant, where flagd leaves the value to the caller's code.
/// - A missing attribute satisfies no order, where some implementations of JSONLogic take it for zero.
/// - A list satisfies a clause if an element does; for `in` with a string before it, if an element has the string as a
///   part, which a note says.
/// - `metadata` is lost, except for the `description` of a flag; a note names it.
/// - Versions have up to four numbers.
/// - `cat` of constants and a missing attribute is the constants alone; the engine for JavaScript adds `null`.
/// - A rollout by the key fails without a key (`TARGETING_KEY_MISSING`), where flagd has the default variant.
///
/// ```
/// use serde_json::json;
/// use waygate_core::flag::exchange::{FlagdOptions, from_flagd};
///
/// let document = json!({"flags": {
///     "search": {
///         "state": "ENABLED", "variants": {"on": true, "off": false}, "defaultVariant": "off",
///         "targeting": {"if": [{"in": ["@example.com", {"var": "email"}]}, "on"]},
///     },
///     "sum": {
///         "state": "ENABLED", "variants": {"on": true}, "defaultVariant": "on",
///         "targeting": {"if": [{"+": [1, {"var": "age"}]}, "on"]},
///     },
/// }});
/// let now = "2030-01-01T00:00:00Z".parse().unwrap();
/// let import = from_flagd(&document, FlagdOptions::new(now));
/// assert_eq!(import.document.flags[0].rules[0].clauses[0].operator.as_str(), "contains");
/// assert_eq!(import.refused[0].pointer, "/flags/sum/targeting/if/0");
/// assert_eq!(import.refused[0].operator.as_deref(), Some("+"));
/// ```
pub fn from_flagd(document: &Value, options: FlagdOptions) -> Import {
    let mut import = Import::default();
    let none = Map::new();
    let evaluators = match document.get("$evaluators") {
        Some(Value::Object(evaluators)) => evaluators,
        Some(Value::Null) | None => &none,
        Some(_) => {
            import.refuse("", "/$evaluators", "expected an object");
            &none
        }
    };
    let evaluators = Evaluators::new(evaluators, options.now);
    if let Some(Value::Object(metadata)) = document.get("metadata")
        && !metadata.is_empty()
    {
        let names: Vec<&str> = metadata.keys().map(String::as_str).collect();
        let message = format!(
            "sets of flags have no metadata: `{}` is lost",
            names.join("`, `")
        );
        import.notes.push(ImportNote::new("", "/metadata", message));
    }
    let list = Place::Member(&Place::Root, "flags");
    match document.get("flags") {
        Some(Value::Object(flags)) => {
            for (key, flag) in flags {
                let place = Place::Member(&list, key);
                read(key, flag, place, &evaluators, options, &mut import);
            }
        }
        // The form of the sync API.
        Some(Value::Array(flags)) => {
            for (at, flag) in flags.iter().enumerate() {
                let place = Place::Index(&list, at);
                match flag.get("key") {
                    Some(Value::String(key)) => {
                        read(key, flag, place, &evaluators, options, &mut import);
                    }
                    _ => import.refuse("", place.to_string(), "expected the member `key`"),
                }
            }
        }
        _ => import.refuse("", "/flags", "expected an object from keys to flags"),
    }
    let rules = import.document.flags.iter().flat_map(|flag| &flag.rules);
    let clauses = rules.flat_map(|rule| &rule.clauses);
    let used = clauses
        .flat_map(needed_segments)
        .map(|(_, key)| key.to_owned());
    let used = used.collect();
    import.document.segments = evaluators.segments(used, &mut import.refused);
    import
}

fn read(
    key: &str,
    flag: &Value,
    place: Place<'_>,
    evaluators: &Evaluators<'_>,
    options: FlagdOptions,
    import: &mut Import,
) {
    let definition = Definition {
        key,
        flag,
        pointer: place.to_string(),
        evaluators,
        options,
    };
    match definition.translate(&mut import.notes) {
        Ok(flag) => import.add_flag(flag, &definition.pointer),
        Err(wrong) => import.refused.push(Refusal {
            key: key.to_owned(),
            pointer: wrong.pointer,
            operator: wrong.operator,
            message: wrong.message,
        }),
    }
}

impl Import {
    fn refuse(&mut self, key: &str, pointer: impl Into<String>, message: &str) {
        self.refused.push(Refusal {
            key: key.to_owned(),
            pointer: pointer.into(),
            operator: None,
            message: message.to_owned(),
        });
    }
}
