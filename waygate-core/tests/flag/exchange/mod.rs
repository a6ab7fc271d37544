//! Import and export.

mod differences;
mod documents;
mod flagd;
mod flagd_export;
mod flagd_rules;
mod manifests;
pub(crate) mod plans;
mod python;
mod scenarios;
