use std::borrow::Cow;

use serde::{Deserialize, Serialize};

/// The response of an operation without a result.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Done {
    /// Always `true`.
    pub ok: bool,
    /// The reason if nothing has changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schema(nullable = false))]
    pub warning: Option<String>,
}

/// The response to a reset of rate limits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct ResetRateLimits {
    /// Always `true`.
    pub ok: bool,
    /// The target of the path key: a path, or `METHOD:/path`.
    pub path: String,
}

/// The response to the deletion of a limit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct DeletedLimit {
    /// Always `true`.
    pub ok: bool,
    /// The route's path.
    pub path: String,
    /// The route's method.
    #[cfg_attr(feature = "schema", schema(example = "GET"))]
    pub method: String,
    /// The name of the limit.
    pub name: String,
    /// The reason if nothing has changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schema(nullable = false))]
    pub warning: Option<String>,
}

/// The response to a reseed of the store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Reseeded {
    /// Always `true`.
    pub ok: bool,
    /// `false` if the store has lost nothing.
    pub reseeded: bool,
}

/// Problem details (RFC 9457).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Problem {
    /// The kind of the problem: a stable URN.
    #[serde(rename = "type")]
    #[cfg_attr(feature = "schema", schema(example = "urn:waygate:problem:not-found"))]
    pub kind: String,
    /// The kind in words.
    pub title: Cow<'static, str>,
    /// The status code of the response.
    pub status: u16,
    /// The exact cause, and a correction.
    pub detail: String,
    /// The cause, in the words of the wire contract.
    pub error: String,
    /// The keys that an ambiguous path could mean; otherwise missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schema(nullable = false))]
    pub ambiguous_matches: Option<Vec<String>>,
    /// All mistakes of a definition. Missing otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schema(nullable = false))]
    pub errors: Option<Vec<Mistake>>,
}

/// A mistake in a request body.
///
/// ```
/// use waygate_core::view::Mistake;
///
/// let mistake: Mistake = serde_json::from_str(
///     r#"{"pointer": "/off_variation", "code": "unknown_variation", "message": "did you mean `off`?"}"#,
/// )?;
/// assert_eq!(mistake.code, "unknown_variation");
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Mistake {
    /// The place, as a JSON pointer (RFC 6901); empty for the whole.
    #[cfg_attr(feature = "schema", schema(example = "/rules/0/clauses/1/values/0"))]
    pub pointer: String,
    /// The name of the mistake, for programs.
    #[cfg_attr(feature = "schema", schema(example = "unknown_variation"))]
    pub code: String,
    /// The mistake, and what would be right.
    pub message: String,
}
