use serde::Serialize;

use super::document::FlagDocument;

/// The definitions of another product, translated. Nothing is stored: pass the document to
/// [`plan`](crate::flag::exchange::plan).
#[derive(Debug, Clone, PartialEq, Default)]
#[non_exhaustive]
pub struct Import {
    /// The translated definitions.
    pub document: FlagDocument,
    /// The definitions that are left out, each with the reason.
    pub refused: Vec<Refusal>,
    /// Details of translated definitions that are lost, or differ.
    pub notes: Vec<ImportNote>,
}

/// A definition that has no equivalent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, thiserror::Error)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[error("`{key}`: {pointer}: {message}")]
#[non_exhaustive]
pub struct Refusal {
    /// The key of the flag or segment.
    pub key: String,
    /// The place in the given document, as a JSON pointer (RFC 6901).
    pub pointer: String,
    /// The operator that has no equivalent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub operator: Option<String>,
    /// The reason, and what would be right.
    pub message: String,
}

/// A detail of a translated definition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[non_exhaustive]
pub struct ImportNote {
    /// The key of the flag or segment.
    pub key: String,
    /// The place in the given document, as a JSON pointer (RFC 6901).
    pub pointer: String,
    /// The difference.
    pub message: String,
}

impl ImportNote {
    pub(super) fn new(key: &str, pointer: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            key: key.to_owned(),
            pointer: pointer.into(),
            message: message.into(),
        }
    }
}
