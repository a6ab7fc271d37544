//! The OpenAPI document as it is true now, and where it is served.
//!
//! `parts` takes the document apart once; `render` puts it together for a picture of the engine. `select` takes what is
//! shown: `filter` says what that is, `annotate` what is to be said about it, and `prune` what is of no use any more.
//! `cache` keeps the newest rendering.

mod annotate;
mod cache;
mod conditional;
mod document;
mod filter;
mod json;
mod parts;
mod prune;
mod render;
mod select;
mod serve;
#[cfg(test)]
mod tests;
#[cfg(feature = "swagger-ui")]
mod ui;

pub(crate) use document::LiveDocument;
pub(crate) use serve::Endpoints;
