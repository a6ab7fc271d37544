//! The OpenAPI document as it is true now.

mod document;

pub(crate) use document::LiveDocument;
