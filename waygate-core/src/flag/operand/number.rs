use std::cmp::Ordering;

use serde_json::{Number as Json, Value};

use crate::flag::context::AttributeValue;

/// A number, compared exactly: a whole number of any size in use is not rounded to a floating-point one.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Number {
    Whole(i128),
    Float(f64),
}

impl Number {
    /// Reads a number or a text of one. `true` is 1 if `booleans`, as in Python.
    pub(crate) fn of(value: AttributeValue<'_>, booleans: bool) -> Option<Self> {
        match value {
            AttributeValue::Integer(integer) => Some(Self::Whole(integer.into())),
            AttributeValue::Float(float) => Some(Self::Float(float)),
            AttributeValue::String(text) => Self::parse(text),
            AttributeValue::Bool(value) if booleans => Some(Self::Whole(value.into())),
            AttributeValue::Json(Value::Number(number)) => Self::json(number),
            _ => None,
        }
    }

    pub(crate) fn json(number: &Json) -> Option<Self> {
        match (number.as_i64(), number.as_u64()) {
            (Some(integer), _) => Some(Self::Whole(integer.into())),
            (_, Some(integer)) => Some(Self::Whole(integer.into())),
            _ => number.as_f64().map(Self::Float),
        }
    }

    /// Reads a text as `float()` of Python does: blanks around it, exponents, `inf`, `nan` and underscores between
    /// digits are accepted.
    fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let without;
        let text = match text.contains('_') {
            true => {
                without = without_underscores(text)?;
                &without
            }
            false => text,
        };
        match text.parse() {
            Ok(whole) => Some(Self::Whole(whole)),
            Err(_) => text.parse().ok().map(Self::Float),
        }
    }

    /// Compares two numbers; `None` if one is none.
    pub(crate) fn compare(self, other: Self) -> Option<Ordering> {
        match (self, other) {
            (Self::Whole(one), Self::Whole(other)) => Some(one.cmp(&other)),
            (Self::Float(one), Self::Float(other)) => one.partial_cmp(&other),
            (Self::Whole(one), Self::Float(other)) => whole_to_float(one, other),
            (Self::Float(one), Self::Whole(other)) => {
                whole_to_float(other, one).map(Ordering::reverse)
            }
        }
    }
}

fn whole_to_float(whole: i128, float: f64) -> Option<Ordering> {
    /// 2^126: above all whole numbers that occur, and exact.
    const MOST: f64 = (1_u128 << 126) as f64;
    if float.is_nan() {
        return None;
    }
    if float.abs() >= MOST {
        let (one, other) = (whole as f64, float);
        return one.partial_cmp(&other);
    }
    let truncated = float.trunc();
    let by_fraction = 0.0.partial_cmp(&(float - truncated));
    match whole.cmp(&(truncated as i128)) {
        Ordering::Equal => by_fraction,
        different => Some(different),
    }
}

fn without_underscores(text: &str) -> Option<String> {
    let bytes = text.as_bytes();
    let digit = |at: Option<usize>| {
        at.and_then(|at| bytes.get(at))
            .is_some_and(u8::is_ascii_digit)
    };
    let between = |(at, _): (usize, &str)| digit(at.checked_sub(1)) && digit(Some(at + 1));
    let fine = text.match_indices('_').all(between);
    fine.then(|| text.replace('_', ""))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(text: &str) -> Option<Number> {
        Number::parse(text)
    }

    #[test]
    fn texts_are_read_as_python_does() {
        for text in [
            "5",
            " 6 ",
            "1e3",
            "-1.5",
            "+5",
            ".5",
            "5.",
            "1_000",
            "inf",
            "-Infinity",
            "nan",
        ] {
            assert!(number(text).is_some(), "{text}");
        }
        for text in ["", "abc", "0x10", "1__0", "_1", "1_", "1_.5", "5 6", "٥"] {
            assert!(number(text).is_none(), "{text}");
        }
    }

    #[test]
    fn comparisons_are_exact() {
        let order = |one: &str, other: &str| number(one).unwrap().compare(number(other).unwrap());
        for (one, other) in [
            ("9007199254740992", "9007199254740993"),
            ("9007199254740992.0", "9007199254740993"),
            ("9007199254740993", "9007199254740994.0"),
            ("18446744073709551614", "18446744073709551615"),
            ("5", "5.5"),
            ("-5.5", "-5"),
            ("-1e300", "5"),
            ("5", "inf"),
            ("-inf", "-5"),
            ("5.5", "6"),
        ] {
            assert_eq!(order(one, other), Some(Ordering::Less), "{one} {other}");
            assert_eq!(order(other, one), Some(Ordering::Greater), "{one} {other}");
        }
        assert_eq!(order("5", "5.0"), Some(Ordering::Equal));
        assert_eq!(order("nan", "5"), None);
        assert_eq!(order("5", "nan"), None);
    }
}
