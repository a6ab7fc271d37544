//! Import and export of definitions: documents of Waygate, flagd, Python Waygate, and the manifest of OpenFeature.
//!
//! All functions are pure: an import gives a document, and [`plan`] the changes that it would make. Another product's
//! definitions are translated so that no context changes its variation; those without an equivalent are refused by name.

mod difference;
mod document;
mod flagd;
mod import;
mod manifest;
mod note;
mod plan;
mod python;

pub use difference::{FieldChange, difference};
pub use document::FlagDocument;
pub use flagd::{Exported, FlagdOptions, from_flagd, to_flagd};
pub use import::{Import, Refusal};
pub use manifest::{ManifestFlag, manifest};
pub use note::ImportNote;
pub use plan::{ImportPlan, Planned, PlannedChange, plan};
pub use python::from_python;
