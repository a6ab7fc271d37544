use serde_json::Value;

use crate::Waygate;

/// The document, and its rendering for the current picture.
#[derive(Debug)]
pub(crate) struct LiveDocument {
    waygate: Waygate,
    base: Value,
}

impl LiveDocument {
    pub(crate) fn new(waygate: Waygate, base: Value) -> Self {
        Self { waygate, base }
    }
}
