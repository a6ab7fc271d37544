//! The OpenAPI document as it is true now, and where it is served.
//!
//! `parts` takes the document apart once; `render` puts it together for a picture of the engine, with what `filter` and
//! `annotate` say about each operation and without what `prune` finds to be of no use any more; `cache` keeps the newest.

mod annotate;
mod cache;
mod conditional;
mod document;
mod filter;
mod json;
mod parts;
mod prune;
mod render;
mod serve;
#[cfg(feature = "swagger-ui")]
mod ui;

pub(crate) use document::LiveDocument;
pub(crate) use serve::Endpoints;
