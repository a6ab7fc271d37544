use super::note::ImportNote;
use serde::Serialize;

use super::document::FlagDocument;
use crate::flag::model::{Flag, Segment};

/// The definitions of another product, translated. Nothing is stored: pass the document to
/// [`plan`](crate::flag::exchange::plan).
///
/// ```
/// use serde_json::json;
/// use waygate_core::flag::exchange::{Import, from_flagd, FlagdOptions};
///
/// # let now = "2030-01-01T00:00:00Z".parse().unwrap();
/// let document = json!({"flags": {"search": {
///     "state": "ENABLED", "variants": {"on": true, "off": false}, "defaultVariant": "off",
///     "metadata": {"owner": "payments"},
/// }}});
/// let import: Import = from_flagd(&document, FlagdOptions::new(now));
/// assert_eq!((import.document.flags.len(), import.refused.len(), import.notes.len()), (1, 0, 1));
/// ```
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
///
/// ```
/// use serde_json::json;
/// use waygate_core::flag::exchange::{Refusal, from_flagd, FlagdOptions};
///
/// # let now = "2030-01-01T00:00:00Z".parse().unwrap();
/// let document = json!({"flags": {"search": {
///     "state": "ENABLED", "variants": {"on": true, "off": false}, "defaultVariant": "off",
///     "targeting": {"if": [{"%": [{"var": "age"}, 2]}, "on"]},
/// }}});
/// let import = from_flagd(&document, FlagdOptions::new(now));
/// let refusal: &Refusal = &import.refused[0];
/// assert_eq!((&*refusal.key, refusal.operator.as_deref()), ("search", Some("%")));
/// assert_eq!(refusal.to_string(), "`search`: /flags/search/targeting/if/0: Waygate has no such operator");
/// ```
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

impl Import {
    /// Adds a flag, unless its key is there already.
    pub(super) fn add_flag(&mut self, flag: Flag, pointer: &str) {
        let mut known = self.document.flags.iter();
        match known.any(|known| known.key == flag.key) {
            true => self.twice(flag.key.as_str(), pointer),
            false => self.document.flags.push(flag),
        }
    }

    /// Adds a segment, unless its key is there already.
    pub(super) fn add_segment(&mut self, segment: Segment, pointer: &str) {
        let mut known = self.document.segments.iter();
        match known.any(|known| known.key == segment.key) {
            true => self.twice(segment.key.as_str(), pointer),
            false => self.document.segments.push(segment),
        }
    }

    fn twice(&mut self, key: &str, pointer: &str) {
        self.refused.push(Refusal {
            key: key.to_owned(),
            pointer: pointer.to_owned(),
            operator: None,
            message: format!("`{key}` is there twice; the first one is translated"),
        });
    }
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
