//! The admin REST API, through its public interface.

mod access;
mod announcements;
mod changes;
mod concurrency;
mod contract;
mod devices;
mod document;
mod dry_run;
mod external;
#[cfg(feature = "flags")]
mod flags;
mod gate;
mod global;
mod idempotency;
mod limit_methods;
mod limits;
mod lists;
mod login;
mod malformed;
mod matrix;
mod mistakes;
mod no_credentials;
mod openapi;
mod patch;
mod preconditions;
mod probes;
mod revert;
mod routes;
mod services;
mod sessions;
mod socket;
mod store;
mod support;
mod tokens;
mod traces;
mod traffic;
mod unmatched;
mod views;
mod walk;
#[cfg(feature = "webhooks")]
mod webhooks;
mod windows;
mod within;
mod within_changes;
