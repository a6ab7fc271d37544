use std::fmt::{self, Write};

use serde_json::Value;

use crate::flag::context::AttributeValue;

/// Memory for the text of an attribute that is none, such as a number; only a long one is allocated.
#[derive(Debug)]
pub(crate) struct Buffer {
    short: [u8; 40],
    len: usize,
    long: String,
}

impl Buffer {
    pub(crate) fn new() -> Self {
        Self {
            short: [0; 40],
            len: 0,
            long: String::new(),
        }
    }

    /// Returns the text of an attribute; `None` for lists and objects, unless in the form of Python.
    pub(crate) fn text<'a>(
        &'a mut self,
        value: AttributeValue<'a>,
        python: bool,
    ) -> Option<&'a str> {
        let written = match value {
            AttributeValue::String(text) => return Some(text),
            AttributeValue::Bool(value) => match (value, python) {
                (true, true) => return Some("True"),
                (true, false) => return Some("true"),
                (false, true) => return Some("False"),
                (false, false) => return Some("false"),
            },
            AttributeValue::Integer(integer) => write!(self, "{integer}"),
            // As Python, with a fraction in any case: `1.0`.
            AttributeValue::Float(float) => write!(self, "{float:?}"),
            AttributeValue::Instant(instant) => write!(self, "{instant}"),
            AttributeValue::Json(Value::Number(number)) => write!(self, "{number}"),
            AttributeValue::Json(value) if python => repr(value, self),
            AttributeValue::Strings(texts) if python => {
                let texts = texts.iter().map(|text| Value::from(text.as_str()));
                repr(&Value::Array(texts.collect()), self)
            }
            _ => return None,
        };
        written.ok().map(|()| self.written())
    }

    /// Returns the canonical text of an attribute with a bucket: texts, whole numbers in decimal.
    pub(crate) fn bucketed<'a>(&'a mut self, value: AttributeValue<'a>) -> Option<&'a str> {
        /// Floating-point numbers are exact below.
        const EXACT: f64 = (1_u64 << 53) as f64;
        let written = match value {
            AttributeValue::String(text) => return Some(text),
            AttributeValue::Integer(integer) => write!(self, "{integer}"),
            AttributeValue::Float(float) if float.fract() == 0.0 && float.abs() <= EXACT => {
                write!(self, "{}", float as i64)
            }
            AttributeValue::Json(Value::Number(number)) => match number.as_u64() {
                Some(whole) => write!(self, "{whole}"),
                None => return None,
            },
            _ => return None,
        };
        written.ok().map(|()| self.written())
    }

    fn written(&self) -> &str {
        match self.long.is_empty() {
            // Only whole texts are added.
            true => str::from_utf8(&self.short[..self.len]).unwrap_or_default(),
            false => &self.long,
        }
    }
}

impl Write for Buffer {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let end = self.len + text.len();
        match self.short.get_mut(self.len..end) {
            Some(free) if self.long.is_empty() => {
                free.copy_from_slice(text.as_bytes());
                self.len = end;
            }
            _ => {
                if self.long.is_empty() {
                    self.long = self.written().to_owned();
                }
                self.long.push_str(text);
            }
        }
        Ok(())
    }
}

/// Writes a value as `str()` of Python does.
fn repr(value: &Value, out: &mut Buffer) -> fmt::Result {
    match value {
        Value::Null => out.write_str("None"),
        Value::Bool(true) => out.write_str("True"),
        Value::Bool(false) => out.write_str("False"),
        Value::Number(number) => write!(out, "{number}"),
        Value::String(text) => quoted(text, out),
        Value::Array(items) => {
            out.write_str("[")?;
            for (at, item) in items.iter().enumerate() {
                out.write_str(if at == 0 { "" } else { ", " })?;
                repr(item, out)?;
            }
            out.write_str("]")
        }
        Value::Object(members) => {
            out.write_str("{")?;
            for (at, (name, value)) in members.iter().enumerate() {
                out.write_str(if at == 0 { "" } else { ", " })?;
                quoted(name, out)?;
                out.write_str(": ")?;
                repr(value, out)?;
            }
            out.write_str("}")
        }
    }
}

fn quoted(text: &str, out: &mut Buffer) -> fmt::Result {
    let quote = match text.contains('\'') && !text.contains('"') {
        true => '"',
        false => '\'',
    };
    out.write_char(quote)?;
    for c in text.chars() {
        match c {
            '\n' => out.write_str("\\n")?,
            '\r' => out.write_str("\\r")?,
            '\t' => out.write_str("\\t")?,
            '\\' => out.write_str("\\\\")?,
            c if c == quote => write!(out, "\\{c}")?,
            c => out.write_char(c)?,
        }
    }
    out.write_char(quote)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn texts_of_other_values() {
        let text = |value: Value, python| {
            let mut buffer = Buffer::new();
            let value = AttributeValue::from(&value);
            buffer.text(value, python).map(str::to_owned)
        };
        let cases = [
            (json!("a"), Some("a"), Some("a")),
            (json!(5), Some("5"), Some("5")),
            (json!(1.0), Some("1.0"), Some("1.0")),
            (
                json!(u64::MAX),
                Some("18446744073709551615"),
                Some("18446744073709551615"),
            ),
            (json!(true), Some("true"), Some("True")),
            (
                json!(["a", 1, null, "it's"]),
                None,
                Some("['a', 1, None, \"it's\"]"),
            ),
            (json!({"k": [true]}), None, Some("{'k': [True]}")),
            (
                json!(["a text that is longer than the buffer of forty bytes", "ä"]),
                None,
                Some("['a text that is longer than the buffer of forty bytes', 'ä']"),
            ),
        ];
        for (value, plain, python) in cases {
            assert_eq!(text(value.clone(), false).as_deref(), plain);
            assert_eq!(text(value, true).as_deref(), python);
        }
    }

    #[test]
    fn whole_numbers_have_one_form_in_buckets() {
        let bucketed = |value: AttributeValue<'_>| Buffer::new().bucketed(value).map(str::to_owned);
        assert_eq!(bucketed(5_i64.into()).as_deref(), Some("5"));
        assert_eq!(bucketed(5.0.into()).as_deref(), Some("5"));
        assert_eq!(bucketed("5".into()).as_deref(), Some("5"));
        for refused in [5.5.into(), f64::NAN.into(), 1e300.into(), true.into()] {
            assert_eq!(bucketed(refused), None);
        }
    }
}
