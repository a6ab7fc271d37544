//! Values of filters in queries.

#[cfg(feature = "flags")]
use std::{fmt::Display, str::FromStr};

use serde::{
    Deserialize, Deserializer,
    de::{DeserializeOwned, Error as _, IntoDeserializer, value},
};
use waygate_core::{
    Timestamp,
    grammar::{self, Method},
    model::RouteKey,
    view::{ALL_METHODS, method_of},
};

/// The longest searched string, in characters.
const MAX_SEARCH: usize = 200;
/// The most values of one filter.
const MAX_VALUES: usize = 32;

/// A string to search for, regardless of case.
#[derive(Debug, Clone)]
pub(crate) struct Search(String);

impl Search {
    /// Returns whether one of the strings contains the searched one.
    pub(crate) fn finds<'a>(&self, strings: impl IntoIterator<Item = &'a str>) -> bool {
        let mut strings = strings.into_iter();
        strings.any(|string| string.to_lowercase().contains(&self.0))
    }
}

impl<'de> Deserialize<'de> for Search {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        match text.chars().take(MAX_SEARCH + 1).count() {
            1..=MAX_SEARCH => Ok(Self(text.to_lowercase())),
            _ => {
                let right = format!("expected 1 to {MAX_SEARCH} characters");
                Err(D::Error::custom(right))
            }
        }
    }
}

/// A value of a grammar.
#[cfg(feature = "flags")]
#[derive(Debug, Clone, Copy)]
pub(crate) struct Parsed<T>(pub(crate) T);

#[cfg(feature = "flags")]
impl<'de, T: FromStr<Err: Display>> Deserialize<'de> for Parsed<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map(Self).map_err(D::Error::custom)
    }
}

/// A time, as RFC 3339.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Time(pub(crate) Timestamp);

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let time = grammar::parse_instant(&text).map(Self);
        time.map_err(|_| {
            D::Error::custom("expected a time as in RFC 3339, such as `2026-11-30T08:00:00Z`, where `+` is `%2B`")
        })
    }
}

/// Values separated by commas, of which one must match.
#[derive(Debug, Clone)]
pub(crate) struct OneOf<T>(pub(crate) Vec<T>);

impl<'de, T: DeserializeOwned> Deserialize<'de> for OneOf<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        if text.split(',').count() > MAX_VALUES {
            let right = format!("expected at most {MAX_VALUES} values");
            return Err(D::Error::custom(right));
        }
        let read = |part: &str| {
            let part: value::StringDeserializer<value::Error> = part.to_owned().into_deserializer();
            T::deserialize(part)
        };
        let values: Result<Vec<T>, value::Error> = text.split(',').map(read).collect();
        values.map(Self).map_err(D::Error::custom)
    }
}

/// The method of a route, or `ALL` for one that takes all methods.
#[derive(Debug, Clone)]
pub(crate) struct RouteMethod(String);

impl RouteMethod {
    pub(crate) fn is_of(&self, route: &RouteKey) -> bool {
        method_of(route) == self.0
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl<'de> Deserialize<'de> for RouteMethod {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?.to_ascii_uppercase();
        if text == ALL_METHODS || text.parse::<Method>().is_ok() {
            return Ok(Self(text));
        }
        let right = format!("expected a method, such as `GET`, or `{ALL_METHODS}`");
        Err(D::Error::custom(right))
    }
}
