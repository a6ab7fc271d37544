use serde_json::{Map, Value, json};

use crate::flag::{
    check::misfit,
    key::FlagKey,
    model::FlagType,
    place::Place,
    problem::{ProblemCode, Problems},
};

/// A flag as an application declares it.
///
/// ```
/// use waygate_core::flag::{FlagType, exchange::ManifestFlag};
///
/// let limit = ManifestFlag::new("limit".parse()?, FlagType::Integer, 5, "The most results");
/// # Ok::<(), waygate_core::grammar::Invalid>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct ManifestFlag {
    key: FlagKey,
    value_type: FlagType,
    default: Value,
    description: String,
}

impl ManifestFlag {
    /// Creates a declaration. `default` is the value of the code, which is served if an evaluation fails.
    ///
    /// ```
    /// use waygate_core::flag::{FlagType, exchange::{ManifestFlag, manifest}};
    ///
    /// let limit = ManifestFlag::new("limit".parse()?, FlagType::Integer, 5, "The most results");
    /// assert_eq!(manifest(&[limit]).unwrap()["flags"]["limit"]["defaultValue"], 5);
    /// # Ok::<(), waygate_core::grammar::Invalid>(())
    /// ```
    pub fn new(
        key: FlagKey,
        value_type: FlagType,
        default: impl Into<Value>,
        description: impl Into<String>,
    ) -> Self {
        Self {
            key,
            value_type,
            default: default.into(),
            description: description.into(),
        }
    }
}

/// Returns the flag manifest of the OpenFeature command line, which generates typed accessors for other languages from
/// it (`schema/v0/flag-manifest.json` of `open-feature/cli`).
///
/// ```
/// use waygate_core::flag::{FlagType, exchange::{ManifestFlag, manifest}};
///
/// let search = ManifestFlag::new("search".parse()?, FlagType::Boolean, false, "The new search");
/// let manifest = manifest(&[search]).unwrap();
/// assert_eq!(manifest["flags"]["search"]["flagType"], "boolean");
/// assert_eq!(manifest["flags"]["search"]["defaultValue"], false);
/// # Ok::<(), waygate_core::grammar::Invalid>(())
/// ```
///
/// # Errors
/// A default of another type than the flag's, and two flags of one key. The places are those in the manifest.
pub fn manifest(flags: &[ManifestFlag]) -> Result<Value, Problems> {
    let mut problems = Problems::default();
    let mut members = Map::new();
    let list = Place::Member(&Place::Root, "flags");
    for flag in flags {
        let place = Place::Member(&list, flag.key.as_str());
        let default = Place::Member(&place, "defaultValue");
        match misfit(&flag.default, flag.value_type) {
            Some(short) => {
                let message = format!("{short} is not of the type `{}`", flag.value_type);
                problems.add(default, ProblemCode::WrongValueType, message);
            }
            None if flag.default.is_array() => {
                let message = "a list: the manifest has objects only; wrap it in one";
                problems.add(default, ProblemCode::WrongValueType, message);
            }
            None => {}
        }
        let word = match flag.value_type {
            FlagType::Json => "object",
            other => other.as_str(),
        };
        let declaration = json!({
            "flagType": word, "defaultValue": flag.default, "description": flag.description,
        });
        let key = flag.key.to_string();
        if members.insert(key, declaration).is_some() {
            problems.push(place, ProblemCode::Duplicate, "the flag is declared twice");
        }
    }
    problems.or(json!({
        "$schema": "https://raw.githubusercontent.com/open-feature/cli/refs/heads/main/schema/v0/flag-manifest.json",
        "flags": members,
    }))
}
