use std::path::Path;

use serde::Serialize;
use serde_json::Value;
use waygate_core::port::BackendError;

#[cfg(feature = "file-toml")]
use super::toml_value;
#[cfg(feature = "file-yaml")]
use super::yaml::read_yaml;

/// The syntax of a state file, by its extension.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    Json,
    #[cfg(feature = "file-yaml")]
    Yaml,
    #[cfg(feature = "file-toml")]
    Toml,
}

#[cfg(any(feature = "file-yaml", feature = "file-toml"))]
const HOW_TO_EDIT: &str = "\
# State of Waygate. To edit this file by hand, remove the line `checksum`; see the documentation.\n";

impl Format {
    pub(super) fn of(path: &Path) -> Result<Self, BackendError> {
        let extension = path.extension().and_then(|extension| extension.to_str());
        match extension.map(str::to_ascii_lowercase).as_deref() {
            Some("json") => Ok(Self::Json),
            #[cfg(feature = "file-yaml")]
            Some("yaml" | "yml") => Ok(Self::Yaml),
            #[cfg(not(feature = "file-yaml"))]
            Some("yaml" | "yml") => Err(lacks(path, "YAML", "file-yaml")),
            #[cfg(feature = "file-toml")]
            Some("toml") => Ok(Self::Toml),
            #[cfg(not(feature = "file-toml"))]
            Some("toml") => Err(lacks(path, "TOML", "file-toml")),
            _ => Err(BackendError::Misconfigured(format!(
                "the state file `{}` must end in `.json`, `.yaml`, `.yml` or `.toml`, which determines its format",
                path.display()
            ))),
        }
    }

    /// Writes a document. Fields keep their order.
    pub(super) fn write(self, document: &impl Serialize) -> Result<Vec<u8>, String> {
        match self {
            Self::Json => {
                let mut text = serde_json::to_vec_pretty(document).map_err(|e| e.to_string())?;
                text.push(b'\n');
                Ok(text)
            }
            #[cfg(feature = "file-yaml")]
            Self::Yaml => {
                let mut text = HOW_TO_EDIT.as_bytes().to_vec();
                yaml_serde::to_writer(&mut text, document).map_err(|e| e.to_string())?;
                Ok(text)
            }
            #[cfg(feature = "file-toml")]
            Self::Toml => {
                let document = serde_json::to_value(document).map_err(|e| e.to_string())?;
                let text = toml_value::to_string(document)?;
                Ok([HOW_TO_EDIT, &text].concat().into_bytes())
            }
        }
    }

    /// Reads a document written by [`write`](Self::write) or by hand. The parsers bound its nesting.
    pub(super) fn read(self, bytes: &[u8]) -> Result<Value, String> {
        let text = std::str::from_utf8(bytes).map_err(|e| format!("it is not UTF-8: {e}"))?;
        match self {
            Self::Json => serde_json::from_str(text).map_err(|e| e.to_string()),
            #[cfg(feature = "file-yaml")]
            Self::Yaml => read_yaml(text).map_err(|e| e.to_string()),
            #[cfg(feature = "file-toml")]
            Self::Toml => toml_value::from_str(text),
        }
    }
}

#[cfg(not(all(feature = "file-yaml", feature = "file-toml")))]
fn lacks(path: &Path, format: &str, feature: &str) -> BackendError {
    BackendError::Misconfigured(format!(
        "the state file `{}` is {format}, which needs the feature `{feature}`: turn it on in `Cargo.toml`, or let the \
         name of the file end in `.json`",
        path.display()
    ))
}

#[cfg(all(test, not(any(feature = "file-yaml", feature = "file-toml"))))]
mod json_alone {
    use super::*;

    #[test]
    fn a_missing_format_feature_is_named() {
        let of = |name: &str| Format::of(Path::new(name)).unwrap_err().to_string();
        for name in ["state.yaml", "state.YML"] {
            assert!(of(name).contains("needs the feature `file-yaml`"));
        }
        assert!(of("state.toml").contains("needs the feature `file-toml`"));
        assert_eq!(Format::of(Path::new("state.json")).unwrap(), Format::Json);
    }
}

#[cfg(all(test, feature = "file-yaml", feature = "file-toml"))]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Map, json};

    use super::*;

    #[test]
    fn the_extension_selects_the_format() {
        let of = |name: &str| Format::of(Path::new(name));
        assert_eq!(of("a/state.json").unwrap(), Format::Json);
        assert_eq!(of("state.YML").unwrap(), Format::Yaml);
        assert_eq!(of("state.yaml").unwrap(), Format::Yaml);
        assert_eq!(of("state.toml").unwrap(), Format::Toml);
        for name in ["state", "state.ini", ".json"] {
            let problem = of(name).unwrap_err().to_string();
            assert!(
                problem.contains("`.json`, `.yaml`, `.yml` or `.toml`"),
                "{problem}"
            );
        }
    }

    /// Returns text that some parsers misinterpret.
    fn tricky_text() -> impl Strategy<Value = String> {
        const KNOWN: &[&str] = &[
            "",
            " ",
            "~",
            "null",
            "yes",
            "No",
            "true",
            "1",
            "-1",
            "0x1F",
            "0o17",
            "1e3",
            "1_000",
            ".inf",
            ".nan",
            "-",
            "- a",
            "---",
            "...",
            "#",
            "a: b",
            "a #b",
            "<<",
            "*a",
            "&a",
            "!t",
            "!!str a",
            "|",
            ">",
            "{",
            "[",
            "'",
            "\"",
            "\\",
            "%",
            "@",
            "`",
            "?",
            ",",
            "a\nb",
            "a\n",
            "\n",
            "\r\n",
            "\ta",
            "a\t",
            " a",
            "a ",
            "\u{0}",
            "\u{7}",
            "\u{1b}",
            "\u{7f}",
            "\u{85}",
            "\u{a0}",
            "\u{2028}",
            "\u{feff}",
            "\u{fffd}",
            "\u{1f600}",
            "2030-01-01",
            "12:30:45",
            "2030-01-01T00:00:00Z",
            "$json",
            "__proto__",
            "a.b",
            "'''",
            "\"\"\"",
            "=",
            "\u{10ffff}",
        ];
        prop_oneof![
            prop::sample::select(KNOWN).prop_map(str::to_owned),
            any::<String>(),
            "[ -~\\n\\r\\t]{0,40}",
        ]
    }

    fn value() -> impl Strategy<Value = Value> {
        let scalar = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<u64>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            prop::sample::select(&[0.0, -0.0, 1.0, 1e300, 5e-324, 0.1, f64::MAX][..])
                .prop_map(Value::from),
            tricky_text().prop_map(Value::from),
        ];
        scalar.prop_recursive(5, 40, 6, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
                prop::collection::vec((tricky_text(), inner), 0..6)
                    .prop_map(|members| Value::from(members.into_iter().collect::<Map<_, _>>())),
            ]
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(1_000))]

        #[test]
        fn every_value_round_trips(value in value(), name in tricky_text()) {
            let document = json!({ "entities": { name: { "value": value } } });
            for format in [Format::Json, Format::Yaml, Format::Toml] {
                let text = format.write(&document).unwrap();
                let back = format.read(&text);
                prop_assert_eq!(
                    back.as_ref(), Ok(&document),
                    "{:?}:\n{}", format, String::from_utf8_lossy(&text)
                );
            }
        }

        #[test]
        fn texts_full_of_brackets_round_trip(texts in prop::collection::vec(tricky_text(), 0..20)) {
            let bracketed: Vec<_> = texts.iter().map(|text| format!("{text}{}", "[{".repeat(100))).collect();
            let document = json!({ "a": bracketed, "b": texts });
            let text = Format::Yaml.write(&document).unwrap();
            let back = Format::Yaml.read(&text);
            prop_assert_eq!(back.as_ref(), Ok(&document));
        }

        #[test]
        fn garbage_is_refused_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
            for format in [Format::Json, Format::Yaml, Format::Toml] {
                let _ = format.read(&bytes);
            }
        }
    }

    #[test]
    fn nesting_is_bounded() {
        let nested = |levels| (0..levels).fold(json!("x"), |inner, _| json!({ "a": [inner] }));
        for format in [Format::Json, Format::Yaml, Format::Toml] {
            let document = json!({ "entities": { "k": { "value": nested(32) } } });
            let text = format.write(&document).unwrap();
            assert_eq!(format.read(&text).as_ref(), Ok(&document), "{format:?}");
        }
        assert!(Format::Json.read("[".repeat(100_000).as_bytes()).is_err());
        assert!(Format::Yaml.read("[".repeat(100_000).as_bytes()).is_err());
        let toml = format!("a = {}", "[".repeat(100_000));
        assert!(Format::Toml.read(toml.as_bytes()).is_err());
    }
}
