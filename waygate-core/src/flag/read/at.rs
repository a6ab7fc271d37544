use std::str::FromStr;

use jiff::Timestamp;
use serde_json::Value;

use crate::{
    flag::{
        hash::TOTAL,
        place::Place,
        problem::{ProblemCode, Problems},
    },
    grammar::{Invalid, parse_instant},
};

/// A value at a place.
#[derive(Debug, Clone, Copy)]
pub(super) struct At<'a> {
    pub(super) value: &'a Value,
    pub(super) place: Place<'a>,
}

/// Reads a value, or reports problems and returns something in its place.
pub(super) type Reader<T> = fn(At<'_>, &mut Problems) -> T;

impl At<'_> {
    pub(super) fn wrong(&self, expected: &str, problems: &mut Problems) {
        let found = match self.value {
            Value::Null => "null".to_owned(),
            Value::Bool(_) => "a boolean".to_owned(),
            Value::Number(number) => format!("the number {number}"),
            Value::String(_) => "a string".to_owned(),
            Value::Array(_) => "a list".to_owned(),
            Value::Object(_) => "an object".to_owned(),
        };
        let message = format!("expected {expected}, found {found}");
        problems.add(self.place, ProblemCode::WrongType, message);
    }

    /// Returns the elements of a list, up to the last problem that is listed: what follows is not used.
    pub(super) fn list<T>(self, read: Reader<T>, problems: &mut Problems) -> Vec<T> {
        let Value::Array(items) = self.value else {
            self.wrong("a list", problems);
            return Vec::new();
        };
        let read = |(index, value)| {
            let place = Place::Index(&self.place, index);
            (!problems.is_full()).then(|| read(At { value, place }, problems))
        };
        items.iter().enumerate().map_while(read).collect()
    }
}

pub(super) fn text(at: At<'_>, problems: &mut Problems) -> String {
    match at.value {
        Value::String(text) => text.clone(),
        _ => {
            at.wrong("a string", problems);
            String::new()
        }
    }
}

pub(super) fn flag(at: At<'_>, problems: &mut Problems) -> bool {
    at.value.as_bool().unwrap_or_else(|| {
        at.wrong("true or false", problems);
        false
    })
}

pub(super) fn any(at: At<'_>, _: &mut Problems) -> Value {
    at.value.clone()
}

pub(super) fn texts(at: At<'_>, problems: &mut Problems) -> Vec<String> {
    at.list(text, problems)
}

pub(super) fn values(at: At<'_>, problems: &mut Problems) -> Vec<Value> {
    at.list(any, problems)
}

/// Reads a number of buckets: 0 to 100,000.
pub(super) fn weight(at: At<'_>, problems: &mut Problems) -> u32 {
    let weight = at.value.as_u64().and_then(|weight| weight.try_into().ok());
    let weight = weight.filter(|weight| *weight <= TOTAL);
    weight.unwrap_or_else(|| {
        at.wrong(
            "a whole number from 0 to 100000, in thousandths of a percent",
            problems,
        );
        0
    })
}

pub(super) fn seconds(at: At<'_>, problems: &mut Problems) -> u64 {
    at.value.as_u64().unwrap_or_else(|| {
        at.wrong("a whole number of seconds", problems);
        0
    })
}

/// Reads a string with a grammar; `None` if it does not follow it.
pub(super) fn parsed<T: FromStr<Err = Invalid>>(at: At<'_>, problems: &mut Problems) -> Option<T> {
    let Value::String(text) = at.value else {
        at.wrong("a string", problems);
        return None;
    };
    let parsed = text.parse().map_err(|invalid: Invalid| {
        problems.add(at.place, ProblemCode::InvalidText, invalid.to_string());
    });
    parsed.ok()
}

pub(super) fn instant(at: At<'_>, problems: &mut Problems) -> Option<Timestamp> {
    let Value::String(text) = at.value else {
        at.wrong(
            "a string in RFC 3339, such as `2030-01-01T04:00:00Z`",
            problems,
        );
        return None;
    };
    let parsed = parse_instant(text).map_err(|invalid| {
        problems.add(at.place, ProblemCode::InvalidText, invalid.to_string());
    });
    parsed.ok()
}
