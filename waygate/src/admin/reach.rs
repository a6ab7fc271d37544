//! What users and tokens that are limited to services may do: an operation of the document says so in its extension
//! `x-waygate-services`. Without one, it concerns all services, and is refused.

use serde_json::Value;

/// The name of the extension.
pub(super) const EXTENSION: &str = "x-waygate-services";

/// What a user who is limited to services may do with an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reach {
    /// Nothing: it concerns all services.
    All,
    /// It concerns the route or the service in its path: `path`.
    Path,
    /// The handler limits what it shows and changes: `checked`.
    Checked,
}

impl Reach {
    /// Reads an operation. An unreadable extension is none.
    pub(super) fn of(operation: &Value) -> Self {
        match operation[EXTENSION].as_str() {
            Some("path") => Self::Path,
            Some("checked") => Self::Checked,
            _ => Self::All,
        }
    }

    /// The extension of an operation that has a route or a service in its path.
    pub(super) fn in_path(path: &str) -> Option<&'static str> {
        let mut segments = path.split('/');
        let is_named = segments.any(|segment| matches!(segment, "{pk}" | "{service}"));
        is_named.then_some("path")
    }
}
