//! The admin REST API, through its public interface.

mod announcements;
mod changes;
mod concurrency;
mod contract;
mod document;
mod dry_run;
#[cfg(feature = "flags")]
mod flags;
mod gate;
mod global;
mod limit_methods;
mod limits;
mod login;
mod malformed;
mod mistakes;
mod no_credentials;
mod openapi;
mod patch;
mod preconditions;
mod revert;
mod routes;
mod services;
mod socket;
mod store;
mod support;
mod tokens;
mod traffic;
mod unmatched;
mod views;
mod walk;
#[cfg(feature = "webhooks")]
mod webhooks;
mod windows;
