//! YAML that parsers of YAML 1.1 and of YAML 1.2 read in the same way.

use std::fmt::Write as _;

use serde_json::{Map, Number, Value};

/// Writes a document in block style.
pub(super) fn of(document: &Value) -> String {
    let mut text = String::new();
    match document {
        Value::Object(members) if !members.is_empty() => mapping(members, 0, &mut text),
        Value::Array(items) if !items.is_empty() => sequence(items, 0, &mut text),
        other => {
            text.push_str(&flat(other));
            text.push('\n');
        }
    }
    text
}

/// Writes the members of a mapping; the first line is indented already.
fn mapping(members: &Map<String, Value>, indent: usize, text: &mut String) {
    for (at, (name, value)) in members.iter().enumerate() {
        if at > 0 {
            text.extend(std::iter::repeat_n(' ', indent));
        }
        let name = string(name);
        match name.len() <= MAX_KEY {
            true => text.push_str(&name),
            false => {
                let _ = write!(text, "? {name}\n{:indent$}", "");
            }
        }
        text.push(':');
        nested(value, indent, text);
    }
}

/// Longer names need the form `? name`.
const MAX_KEY: usize = 1_000;

/// Writes the value of a member, after its colon.
fn nested(value: &Value, indent: usize, text: &mut String) {
    match value {
        Value::Object(members) if !members.is_empty() => {
            let _ = write!(text, "\n{:1$}", "", indent + 2);
            mapping(members, indent + 2, text);
        }
        // Its dashes are an indentation.
        Value::Array(items) if !items.is_empty() => {
            let _ = write!(text, "\n{:indent$}", "");
            sequence(items, indent, text);
        }
        other => {
            text.push(' ');
            text.push_str(&flat(other));
            text.push('\n');
        }
    }
}

/// Writes the items of a sequence; the first line is indented already.
fn sequence(items: &[Value], indent: usize, text: &mut String) {
    for (at, item) in items.iter().enumerate() {
        if at > 0 {
            text.extend(std::iter::repeat_n(' ', indent));
        }
        text.push_str("- ");
        match item {
            Value::Object(members) if !members.is_empty() => mapping(members, indent + 2, text),
            Value::Array(items) if !items.is_empty() => sequence(items, indent + 2, text),
            other => {
                text.push_str(&flat(other));
                text.push('\n');
            }
        }
    }
}

/// A value on one line. Others are written by their callers.
fn flat(value: &Value) -> String {
    match value {
        Value::String(value) => string(value),
        Value::Number(value) => number(value),
        other => other.to_string(),
    }
}

/// YAML 1.1 reads an exponent only after a fraction, and with its sign: `1e20` is a string.
fn number(number: &Number) -> String {
    let number = number.to_string();
    let Some((mantissa, exponent)) = number.split_once('e') else {
        return number;
    };
    let fraction = if mantissa.contains('.') { "" } else { ".0" };
    let sign = if exponent.starts_with(['-', '+']) {
        ""
    } else {
        "+"
    };
    format!("{mantissa}{fraction}e{sign}{exponent}")
}

/// A string without quotes if no parser reads anything else, and in double quotes otherwise.
fn string(value: &str) -> String {
    match is_plain(value) {
        true => value.to_owned(),
        false => quoted(value),
    }
}

fn is_plain(value: &str) -> bool {
    let is_safe =
        |char: char| char.is_ascii_alphanumeric() || matches!(char, ' ' | '_' | '-' | '.' | '/');
    value.starts_with(|char: char| char.is_ascii_alphabetic())
        && !value.ends_with(' ')
        && value.chars().all(is_safe)
        && !WORDS.iter().any(|word| word.eq_ignore_ascii_case(value))
}

/// Booleans, null and numbers of YAML 1.1 and of parsers that add to it.
const WORDS: [&str; 13] = [
    "y", "n", "yes", "no", "on", "off", "true", "false", "null", "none", "nan", "inf", "infinity",
];

/// A string in double quotes: JSON, with escapes for what YAML does not print or takes for the end of a line.
fn quoted(value: &str) -> String {
    let json = Value::from(value).to_string();
    let mut text = String::with_capacity(json.len());
    for char in json.chars() {
        match char {
            '\u{7f}'..='\u{9f}'
            | '\u{2028}'
            | '\u{2029}'
            | '\u{feff}'
            | '\u{fffe}'
            | '\u{ffff}' => {
                let _ = write!(text, "\\u{:04x}", u32::from(char));
            }
            char => text.push(char),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(text: &str) -> Value {
        yaml_serde::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
    }

    #[test]
    fn documents_are_in_block_style() {
        let document = json!({
            "version": 1, "flags": [{ "key": "new.search", "tags": [], "variations": [{ "name": "on", "value": true }] }],
            "deep": { "lists": [[1, [2]], [], {}], "null": null },
        });
        let text = "\
deep:
  lists:
  - - 1
    - - 2
  - []
  - {}
  \"null\": null
flags:
- key: new.search
  tags: []
  variations:
  - name: \"on\"
    value: true
version: 1
";
        assert_eq!(of(&document), text);
        assert_eq!(read(text), document);
        for flat in [json!({}), json!([]), json!(null), json!("a"), json!(5)] {
            assert_eq!(read(&of(&flat)), flat);
        }
    }

    #[test]
    fn strings_that_yaml_1_1_reads_as_something_else_are_quoted() {
        for word in [
            "on",
            "off",
            "yes",
            "no",
            "y",
            "n",
            "Y",
            "ON",
            "No",
            "True",
            "null",
            "Null",
            "~",
            "",
            "=",
            "<<",
            "1",
            "-1",
            "+1",
            "0x1F",
            "0o17",
            "017",
            "1_000",
            "1:30",
            "1.5",
            ".5",
            "1e3",
            ".inf",
            "-.inf",
            ".nan",
            "2026-11-30",
            "2026-11-30T10:00:00Z",
            " a",
            "a ",
            "a: b",
            "a #b",
            "- a",
            "-",
            "---",
            "?",
            "#",
            "&a",
            "*a",
            "!a",
            "%a",
            "@a",
            "`a",
            "|",
            ">",
            "'a'",
            "\"a\"",
            "{a}",
            "[a]",
            "a,b",
            "a\nb",
            "a\tb",
            "é",
            "nan",
            "Infinity",
        ] {
            let text = of(&json!({ "a": word, word: 1 }));
            let quoted = serde_json::to_string(word).unwrap();
            assert!(text.contains(&format!("a: {quoted}\n")), "{text}");
            assert!(text.contains(&format!("{quoted}: 1\n")), "{text}");
            assert_eq!(read(&text), json!({ "a": word, word: 1 }));
        }
        for word in [
            "one",
            "New search",
            "new-search",
            "a.b_c/d",
            "nonsense",
            "e5",
            "x - y",
        ] {
            assert_eq!(of(&json!({ "a": word })), format!("a: {word}\n"));
        }
    }

    #[test]
    fn every_character_comes_back() {
        let chars = (0..=0x1_1000).chain([0x1_f600, 0x10_ffff]);
        let all: String = chars.filter_map(char::from_u32).collect();
        let long = "x".repeat(5_000);
        let document = json!({ "all": all, long.as_str(): [{ long.as_str(): { "a": 1 } }] });
        assert_eq!(read(&of(&document)), document);
    }

    #[test]
    fn numbers_are_numbers_in_every_version() {
        for (number, text) in [
            (json!(1e20), "1.0e+20"),
            (json!(1.5e300), "1.5e+300"),
            (json!(1e-7), "1.0e-7"),
            (json!(-2.5), "-2.5"),
            (json!(1.0), "1.0"),
            (json!(u64::MAX), "18446744073709551615"),
            (json!(i64::MIN), "-9223372036854775808"),
        ] {
            assert_eq!(of(&number), format!("{text}\n"));
            assert_eq!(read(text), number);
        }
    }
}
