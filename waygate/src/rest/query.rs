use axum::extract::{FromRequestParts, Query};
use http::{Uri, request::Parts};
use serde::{
    Deserialize, Deserializer,
    de::{DeserializeOwned, Error as _},
};
use serde_json::{Map, Value};

use super::{
    fields,
    problem::{Problem, ProblemKind},
};

/// Extracts query parameters. Unknown and repeated ones are errors; values are text.
#[derive(Debug)]
pub(crate) struct Params<T>(pub(crate) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Params<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        match fields::read(values(&parts.uri)?, "parameter") {
            Ok(params) => Ok(Self(params)),
            Err(wrong) => Err(invalid(wrong.text)),
        }
    }
}

/// Splits a query into its parameters, each once.
pub(super) fn values(uri: &Uri) -> Result<Map<String, Value>, Problem> {
    let Query(pairs) = Query::<Vec<(String, String)>>::try_from_uri(uri)
        .map_err(|error| invalid(error.body_text()))?;
    let mut values = Map::new();
    for (name, value) in pairs {
        let shown: String = name.chars().take(64).collect();
        if values.insert(name, Value::String(value)).is_some() {
            return Err(invalid(format!("the parameter `{shown}` is given twice")));
        }
    }
    Ok(values)
}

/// Removes a parameter that is `true` or `false`, and returns its value.
pub(crate) fn take_flag(uri: &mut Uri, name: &str) -> Result<bool, Problem> {
    let Some(query) = uri.query() else {
        return Ok(false);
    };
    let is_named = |pair: &&str| pair.split('=').next() == Some(name);
    let (taken, left): (Vec<&str>, Vec<&str>) = query.split('&').partition(is_named);
    let flag = match taken[..] {
        [] => return Ok(false),
        [one] => match one.split_once('=').map(|(_, value)| value) {
            Some("true") => true,
            Some("false") => false,
            _ => return Err(invalid(format!("{name}: expected `true` or `false`"))),
        },
        _ => return Err(invalid(format!("the parameter `{name}` is given twice"))),
    };
    let path = match left.is_empty() {
        true => uri.path().to_owned(),
        false => format!("{}?{}", uri.path(), left.join("&")),
    };
    let mut parts = std::mem::take(uri).into_parts();
    let rest = path
        .parse()
        .map_err(|_| invalid("the query is malformed".to_owned()))?;
    parts.path_and_query = Some(rest);
    *uri = Uri::from_parts(parts).map_err(|error| invalid(error.to_string()))?;
    Ok(flag)
}

pub(super) fn invalid(text: String) -> Problem {
    Problem::new(ProblemKind::InvalidQuery, text)
}

/// Rejects parameters of an operation without any, since they were meant to have an effect.
pub(crate) fn ensure_empty(uri: &Uri) -> Result<(), Problem> {
    #[derive(Deserialize)]
    struct NoParams {}

    let read = fields::read(values(uri)?, "parameter");
    read.map(|NoParams {}| ())
        .map_err(|wrong| invalid(wrong.text))
}

/// A number in decimal digits. More than `MOST` counts as `MOST`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct AtMost<const MOST: usize>(pub(crate) usize);

impl<'de, const MOST: usize> Deserialize<'de> for AtMost<MOST> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let number = whole_number(&text, MOST).map_err(D::Error::custom)?;
        Ok(Self(number.min(MOST)))
    }
}

/// Parses a whole number; too large ones saturate.
pub(super) fn whole_number(text: &str, most: usize) -> Result<usize, String> {
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(format!("expected a whole number from 0 to {most}"));
    }
    Ok(text.parse().unwrap_or(usize::MAX))
}

/// `true` or `false`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Flag(pub(crate) bool);

impl<'de> Deserialize<'de> for Flag {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match String::deserialize(deserializer)?.as_str() {
            "true" => Ok(Self(true)),
            "false" => Ok(Self(false)),
            _ => Err(D::Error::custom("expected `true` or `false`")),
        }
    }
}
