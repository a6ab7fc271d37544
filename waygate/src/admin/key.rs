use std::str::FromStr;

use axum::extract::{FromRequestParts, RawPathParams};
use base64ct::{Base64UrlUnpadded, Encoding};
use http::request::Parts;
use waygate_core::{
    grammar::{Invalid, PolicyName},
    model::RouteKey,
};

use crate::{
    ResolveError,
    rest::{PATH_KEYS, Problem, ProblemKind},
};

/// The longest path key.
const MAX_CHARS: usize = 4_096;

/// A route key in a URL: percent-encoded, or base64url (RFC 4648 section 5) of its UTF-8 bytes, with or without padding.
#[derive(Debug)]
pub(super) struct PathKey(pub(super) RouteKey);

impl<S: Send + Sync> FromRequestParts<S> for PathKey {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let PathText(text) = PathText::from_request_parts(parts, state).await?;
        let key = text.parse().map_err(ResolveError::Invalid)?;
        Ok(Self(key))
    }
}

/// The text of a route key in a URL, for operations that report errors in it themselves.
#[derive(Debug)]
pub(super) struct PathText(pub(super) String);

impl<S: Send + Sync> FromRequestParts<S> for PathText {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let text = segment(parts, state, "pk").await?;
        decode(&text.unwrap_or_default()).map(Self)
    }
}

/// The id of a token in a URL.
#[derive(Debug)]
pub(super) struct Id(pub(super) String);

impl<S: Send + Sync> FromRequestParts<S> for Id {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let text = segment(parts, state, "id").await?;
        Ok(Self(text.unwrap_or_default()))
    }
}

/// The id of an entry of the audit log in a URL.
#[derive(Debug)]
pub(super) struct EntryId(pub(super) uuid::Uuid);

impl<S: Send + Sync> FromRequestParts<S> for EntryId {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let text = segment(parts, state, "entry").await?.unwrap_or_default();
        let id = text.parse().map_err(|_| {
            let text = "Invalid id of an entry: expected a UUID.";
            Problem::new(ProblemKind::InvalidPath, text)
        });
        id.map(Self)
    }
}

/// The name of a setting in a URL.
#[derive(Debug)]
pub(super) struct Name(pub(super) PolicyName);

impl<S: Send + Sync> FromRequestParts<S> for Name {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let name = parsed(parts, state, "name").await?;
        name.map(Self)
            .ok_or_else(|| Problem::new(ProblemKind::InvalidPath, "The path has no name."))
    }
}

/// The key of a flag or a segment in a URL.
#[cfg(feature = "flags")]
#[derive(Debug)]
pub(super) struct DefinitionKey<K>(pub(super) K);

#[cfg(feature = "flags")]
impl<K: FromStr<Err = Invalid>, S: Send + Sync> FromRequestParts<S> for DefinitionKey<K> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let key = parsed(parts, state, "key").await?;
        key.map(Self)
            .ok_or_else(|| Problem::new(ProblemKind::InvalidPath, "The path has no key."))
    }
}

/// The text of a segment of the path.
#[cfg(feature = "flags")]
pub(super) async fn text<S: Send + Sync>(
    parts: &mut Parts,
    state: &S,
    name: &str,
) -> Result<String, Problem> {
    Ok(segment(parts, state, name).await?.unwrap_or_default())
}

/// Parses a [`segment`] with a grammar.
pub(super) async fn parsed<T: FromStr<Err = Invalid>, S: Send + Sync>(
    parts: &mut Parts,
    state: &S,
    name: &str,
) -> Result<Option<T>, Problem> {
    let text = segment(parts, state, name).await?;
    let value = text.map(|text| text.parse()).transpose();
    value.map_err(|invalid: Invalid| Problem::new(ProblemKind::InvalidPath, invalid.to_string()))
}

/// The segment of the path that a template names, if it does.
async fn segment<S: Send + Sync>(
    parts: &mut Parts,
    state: &S,
    name: &str,
) -> Result<Option<String>, Problem> {
    let params = RawPathParams::from_request_parts(parts, state)
        .await
        .map_err(|error| Problem::new(ProblemKind::InvalidPath, error.body_text()))?;
    let value = params.iter().find(|(known, _)| *known == name);
    Ok(value.map(|(_, value)| value.to_owned()))
}

fn decode(text: &str) -> Result<String, Problem> {
    let invalid = |problem: String| {
        Problem::new(
            ProblemKind::InvalidPath,
            format!("Invalid path key: {problem}."),
        )
        .detail(PATH_KEYS)
    };
    if text.len() > MAX_CHARS {
        return Err(invalid(format!("it is longer than {MAX_CHARS} characters")));
    }
    // Every route key has a slash, and base64url has none.
    if text.contains('/') {
        return Ok(text.to_owned());
    }
    let bare = text.trim_end_matches('=');
    if let Some(foreign) = bare
        .chars()
        .find(|c| !matches!(c, 'A'..='Z' | 'a'..='z' | '0'..='9' | '-' | '_'))
    {
        return Err(invalid(format!("{foreign:?} is no base64url character")));
    }
    let bytes = Base64UrlUnpadded::decode_vec(bare)
        .map_err(|error| invalid(format!("it is no base64url ({error})")))?;
    String::from_utf8(bytes).map_err(|_| invalid("it does not decode to UTF-8".to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn padding_is_optional() {
        for text in ["R0VUOi9wYXltZW50cw", "R0VUOi9wYXltZW50cw=="] {
            assert_eq!(decode(text).unwrap(), "GET:/payments");
        }
    }

    #[test]
    fn a_key_with_a_slash_is_not_decoded() {
        for text in [
            "GET:/payments",
            "/payments",
            "billing:GET:/orders/{id}",
            "/",
        ] {
            assert_eq!(decode(text).unwrap(), text);
        }
    }

    #[test]
    fn invalid_keys_are_refused() {
        let long = "A".repeat(5_000);
        for text in [
            "!!!",
            "R0VU+",
            "A",
            "gA",
            "R0VUOi9wYXltZW50cx",
            "a b",
            &long,
        ] {
            assert!(decode(text).is_err(), "{text}");
        }
    }
}
