//! The domain of Waygate, free of HTTP, runtimes and I/O.
//!
//! Two groups of readers use this crate directly: authors of a storage backend, who implement `port::Backend`, and
//! the attribute macros, which share its [`grammar`], so that a mistake has the same message at compile time and in
//! an admin request. Applications use the `waygate` facade instead.
//!
//! | Module | Contents |
//! |---|---|
//! | [`grammar`] | parsers from text to always-valid values; no feature needed |
//! | [`decl`] | const-constructible declarations that attributes register; no feature needed |
//! | `model` | stored state, audit entries, revisions (feature `model`) |
//! | `view` | responses of the admin API, for servers and clients |
//! | `flag` | feature flags: definitions and the evaluator (feature `flags`) |
//! | `transition` | the pure function from a state and a command to the next state |
//! | `decision` | the pure function from a state and a request to a verdict |
//! | `port` | the traits for storage and time |
//! | `webhook` | events, signatures and formats of webhooks (feature `webhooks`) |
//! | `net` | the client's address behind proxies |
#![cfg_attr(docsrs, feature(doc_cfg))]
#![deny(missing_docs)]

pub mod decl;
#[cfg(feature = "flags")]
pub mod flag;
pub mod grammar;
#[cfg(feature = "model")]
pub mod limit;

#[cfg(feature = "model")]
mod deadline;
#[cfg(feature = "model")]
pub mod decision;
#[cfg(feature = "model")]
mod exact_numbers;
#[cfg(feature = "model")]
pub mod model;
#[cfg(feature = "model")]
pub mod net;
#[cfg(feature = "model")]
pub mod port;
#[cfg(feature = "model")]
mod printable;
mod readable;
#[cfg(feature = "schema")]
mod schema;
#[cfg(feature = "model")]
mod secret;
pub mod similar;
#[cfg(feature = "model")]
mod strict_json;
#[cfg(feature = "model")]
pub mod transition;
#[cfg(feature = "model")]
pub mod view;
#[cfg(feature = "webhooks")]
pub mod webhook;

#[cfg(feature = "model")]
pub use deadline::Deadline;
#[cfg(feature = "model")]
pub use exact_numbers::InexactNumber;
#[cfg(feature = "model")]
pub use printable::{Printable, without_credentials};
#[doc(hidden)]
pub use readable::write_readable;
#[cfg(feature = "model")]
pub use secret::Secret;
#[cfg(feature = "model")]
pub use strict_json::StrictJson;

/// A point in time, to the nanosecond, in UTC ([`jiff::Timestamp`]).
pub use jiff::Timestamp;
/// A day of the calendar ([`jiff::civil::Date`]).
pub use jiff::civil::Date;
