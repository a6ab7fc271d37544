//! The public definitions of flagd.

use std::{collections::BTreeMap, fs, path::Path};

use serde_json::{Value, json};
use waygate_core::flag::exchange::{FlagDocument, FlagdOptions, Import, from_flagd};

use crate::support::clock;
use waygate_core::port::Clock;

pub(super) fn options() -> FlagdOptions {
    FlagdOptions::new(clock().now())
}

pub(super) fn import(text: &str) -> Import {
    from_flagd(&serde_json::from_str(text).unwrap(), options())
}

macro_rules! documents {
    ($($name:literal),+ $(,)?) => {
        [$(($name, include_str!(concat!("../../data/flagd/", $name, ".json")))),+]
    };
}

/// `tests/data/flagd/refused.json` has each flag that is refused, with its operator and the reason, and no other.
#[test]
fn public_definitions_are_translated_or_refused_by_name() {
    let documents = documents![
        "schemas/example.flagd",
        "schemas/full",
        "schemas/no-default-variant",
        "schemas/null-default-variant",
        "schemas/with-array-flags",
        "schemas/with-valid-targeting",
        "testbed/custom-ops",
        "testbed/edge-case-flags",
        "testbed/evaluator-refs",
        "testbed/metadata-flags",
        "testbed/testing-flags",
        "testbed/testkit-flags",
        "testbed/zero-flags",
    ];
    let mut refused: BTreeMap<&str, BTreeMap<String, Value>> = BTreeMap::new();
    let mut translated = 0;
    for (name, text) in documents {
        let import = import(text);
        translated += import.document.flags.len();
        // What is translated is valid.
        let document = import.document.to_json();
        assert_eq!(FlagDocument::parse(&document).unwrap(), import.document);
        for refusal in import.refused {
            let pointer = &refusal.pointer;
            let document: Value = serde_json::from_str(text).unwrap();
            let is_there = document.pointer(pointer).is_some();
            assert!(is_there || pointer.ends_with("defaultVariant"), "{pointer}");
            let reason = json!({
                "pointer": pointer, "operator": refusal.operator, "message": refusal.message,
            });
            refused.entry(name).or_default().insert(refusal.key, reason);
        }
    }
    golden("refused.json", &json!(refused));
    assert!(translated > 100, "{translated} flags");
}

/// Compares with a file of `tests/data/flagd`, or writes it on request.
fn golden(name: &str, found: &Value) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/flagd");
    let found = format!("{}\n", serde_json::to_string_pretty(found).unwrap());
    if std::env::var_os("WAYGATE_TEST_BLESS").is_some() {
        fs::write(folder.join(name), &found).unwrap();
    }
    let known = fs::read_to_string(folder.join(name)).unwrap();
    assert!(found == known, "{name} differs; found\n{found}");
}

#[test]
fn what_differs_or_is_lost_is_noted() {
    let text = r#"{
        "metadata": {"flagSetId": "shop", "version": "1"},
        "$evaluators": {"crew": {"in": ["crew", {"var": "groups"}]}},
        "flags": {"menu": {
            "state": "ENABLED", "variants": {"on": true, "off": false}, "defaultVariant": "off",
            "targeting": {"if": [
                {"in": [{"var": "plan"}, ["pro"]]}, "on",
                {"and": [{"$ref": "crew"}, {"in": ["@example.", {"var": "email"}]}]}, "on"
            ]}
        }}
    }"#;
    let import = import(text);
    assert!(import.refused.is_empty(), "{:?}", import.refused);
    let part = |part: &str, name: &str| {
        format!(
            "`contains` also matches a list with an element that has `{part}` as a part; if `{name}` is a list, use \
             `in`, which matches whole elements"
        )
    };
    let notes = import.notes.into_iter();
    let notes: Vec<_> = notes.map(|it| (it.key, it.pointer, it.message)).collect();
    let expected = [
        (
            "",
            "/metadata",
            "sets of flags have no metadata: `flagSetId`, `version` is lost".to_owned(),
        ),
        ("menu", "/$evaluators/crew", part("crew", "groups")),
        (
            "menu",
            "/flags/menu/targeting/if/2/and/1",
            part("@example.", "email"),
        ),
    ];
    let expected = expected.map(|(key, at, text)| (key.to_owned(), at.to_owned(), text));
    assert_eq!(notes, expected);
}

/// The expressions of the schema's own tests.
#[test]
fn operations_of_the_schema_are_translated_or_refused_by_name() {
    let documents = documents![
        "schemas/basic-json-ops",
        "schemas/custom-ops",
        "schemas/if-shorthand",
    ];
    let mut found = Vec::new();
    for (name, text) in documents {
        let document: Value = serde_json::from_str(text).unwrap();
        let expressions = match document.get("*") {
            Some(Value::Array(expressions)) => expressions.clone(),
            _ => vec![document],
        };
        for expression in expressions {
            let document = json!({"flags": {"f": {
                "state": "ENABLED", "variants": {"true": true, "false": false}, "defaultVariant": "false",
                "targeting": {"if": [expression, "true", "false"]},
            }}});
            let import = from_flagd(&document, options());
            let refused = import.refused.first();
            let refused = refused.map(|refusal| {
                format!(
                    "{}: {}",
                    refusal.operator.as_deref().unwrap_or("-"),
                    refusal.message
                )
            });
            let expression = expression.to_string();
            found.push((
                name,
                expression,
                refused.unwrap_or_else(|| "translated".to_owned()),
            ));
        }
    }
    insta::assert_debug_snapshot!(found);
}
