use std::fmt;

use serde::Serialize;
use serde_json::Value;

use super::{yaml_depth, yaml_numbers, yaml_strict::Strict, yaml_text};

/// Text that is no YAML document, with the reason and its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidYaml(String);

impl fmt::Display for InvalidYaml {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "invalid YAML: {}", self.0)
    }
}

impl std::error::Error for InvalidYaml {}

/// Reads a YAML document as JSON, with the limits of a state file: at most 128 levels. Aliases (`*name`) are refused.
///
/// ```
/// use serde_json::json;
///
/// let flags = waygate_backends::read_yaml("version: 1\nflags: []\n")?;
/// assert_eq!(flags, json!({"version": 1, "flags": []}));
/// # Ok::<(), waygate_backends::InvalidYaml>(())
/// ```
///
/// # Errors
/// [`InvalidYaml`] for other text, for keys that are lists or mappings, for keys that are equal as strings (`1` and
/// `"1"`), and for numbers that JSON does not have (`.nan`, `.inf`) or that do not fit in 64 bits.
pub fn read_yaml(text: &str) -> Result<Value, InvalidYaml> {
    yaml_depth::check(text).map_err(InvalidYaml)?;
    yaml_depth::refuse_aliases(text).map_err(InvalidYaml)?;
    yaml_numbers::check(text).map_err(InvalidYaml)?;
    let invalid = |error: yaml_serde::Error| InvalidYaml(error.to_string());
    // It names the place of keys that are equal, unless one is a string and the other is not.
    let _: yaml_serde::Value = yaml_serde::from_str(text).map_err(invalid)?;
    let Strict(value) = yaml_serde::from_str(text).map_err(invalid)?;
    Ok(value)
}

/// Writes a YAML document. Members have the order of [`serde_json::Value`]. Parsers of YAML 1.1 and 1.2 read the same: strings such as `on` and
/// `1:30`, which are booleans and numbers in YAML 1.1, are quoted.
///
/// ```
/// use serde_json::json;
///
/// let text = waygate_backends::write_yaml(&json!({"version": 1, "name": "on"}))?;
/// assert_eq!(text, "name: \"on\"\nversion: 1\n");
/// # Ok::<(), waygate_backends::InvalidYaml>(())
/// ```
///
/// # Errors
/// [`InvalidYaml`] for a document that serde refuses.
pub fn write_yaml(document: &impl Serialize) -> Result<String, InvalidYaml> {
    let document = serde_json::to_value(document);
    let document = document.map_err(|error| InvalidYaml(error.to_string()))?;
    Ok(yaml_text::of(&document))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_of_one_name_are_refused() {
        let problem = read_yaml("a: 1\nb: {c: 2, c: 3}\n")
            .unwrap_err()
            .to_string();
        assert!(problem.contains("duplicate entry"), "{problem}");
        // JSON has only strings as names.
        for text in [
            "{1: a, \"1\": b}",
            "{true: a, \"true\": b}",
            "- {~: a, \"~\": b}",
            "{1.5: a, '1.5': b}",
        ] {
            let problem = read_yaml(text).unwrap_err().to_string();
            assert!(problem.contains("two members"), "{problem}");
        }
        let value = read_yaml("{1: a, 01: b, \"1.0\": c}").unwrap();
        assert_eq!(value, serde_json::json!({"1": "a", "01": "b", "1.0": "c"}));
    }

    #[test]
    fn hostile_documents_are_refused_in_time() {
        let deep = "[".repeat(10_000);
        let problem = read_yaml(&deep).unwrap_err().to_string();
        assert!(problem.contains("recursion limit"), "{problem}");
        let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
        for at in 1..10 {
            let before = format!("*a{}, ", at - 1).repeat(10);
            bomb.push_str(&format!("a{at}: &a{at} [{before}]\n"));
        }
        let problem = read_yaml(&bomb).unwrap_err().to_string();
        assert!(problem.contains("alias"), "{problem}");
        // A few hundred of them stand for a billion values.
        let (items, aliases) = ("x,".repeat(100_000), "*a,".repeat(10_000));
        let wide = format!("a: &a [{items}]\nb: [{aliases}]\n");
        assert!(read_yaml(&wide).is_err());
    }
}
