use serde::Serialize;

/// A detail of a translated definition.
///
/// ```
/// use serde_json::json;
/// use waygate_core::flag::exchange::{ImportNote, from_flagd, FlagdOptions};
///
/// # let now = "2030-01-01T00:00:00Z".parse().unwrap();
/// let document = json!({"flags": {"search": {
///     "state": "ENABLED", "variants": {"on": true, "off": false}, "defaultVariant": "off",
///     "metadata": {"owner": "payments"},
/// }}});
/// let import = from_flagd(&document, FlagdOptions::new(now));
/// let note: &ImportNote = &import.notes[0];
/// assert_eq!((&*note.key, &*note.pointer), ("search", "/flags/search/metadata"));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[non_exhaustive]
pub struct ImportNote {
    /// The key of the flag or segment; empty for the whole document.
    pub key: String,
    /// The place in the given document, as a JSON pointer (RFC 6901).
    pub pointer: String,
    /// The difference.
    pub message: String,
}
