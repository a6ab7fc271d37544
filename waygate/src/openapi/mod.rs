//! The live OpenAPI document, and its endpoints.
//!
//! `parts` splits the document once; `render` assembles it for a snapshot of the engine. `select` chooses the visible
//! parts: `filter` decides and creates the `notes`, `annotate` writes them, with `extensions` for programs and
//! `answers` for responses, and `prune` removes unused parts. `cache` keeps the newest rendering.

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

#[cfg(any(feature = "admin", feature = "ofrep"))]
pub(crate) use conditional::fingerprint;
#[cfg(any(feature = "admin", feature = "ofrep"))]
pub(crate) use entity_tags::is_known;
#[cfg(feature = "admin")]
pub(crate) use entity_tags::{InvalidTags, Tag, Tags};
