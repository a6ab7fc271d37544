//! The requirements of the specification, one by one; `docs/openfeature.md` names the tests of each.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

mod api;
mod checklist;
mod client;
mod context;
mod events;
mod flags;
mod gherkin;
mod hooks;
mod lifecycle;
mod memory;
mod observability;
mod support;
mod tracking;
mod transaction;
