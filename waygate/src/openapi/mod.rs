//! The OpenAPI document as it is true now, and where it is served.
//!
//! `parts` takes the document apart once; `render` puts it together for a picture of the engine. `select` takes what is
//! shown: `filter` says what that is and makes the `notes` about it, `annotate` writes them, with `extensions` for programs and
//! `answers` for responses, and `prune` says what is of no use any more. `cache` keeps the newest rendering.

mod annotate;
mod answers;
mod cache;
mod conditional;
mod document;
mod entity_tags;
mod extensions;
mod filter;
mod json;
mod markdown;
mod notes;
mod notices;
mod parts;
mod prune;
mod render;
mod select;
mod serve;
#[cfg(test)]
mod tests;
#[cfg(feature = "swagger-ui")]
mod ui;

#[cfg(feature = "admin")]
pub(crate) use conditional::fingerprint;
pub(crate) use document::LiveDocument;
#[cfg(feature = "admin")]
pub(crate) use entity_tags::{InvalidTags, Tag, Tags, is_known};
pub(crate) use serve::Endpoints;
