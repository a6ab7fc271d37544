//! The admin REST API and its authorization. [`Guarded::admin`](crate::Guarded::admin) serves it.
//!
//! Its wire contract is in `docs/wire-contract.md`, sections 3 and 4.

// | Module | Purpose |
// |---|---|
// | `config`, `service`, `state` | assemble the interface |
// | `authorize`, `policy` | the gate: operations and their scopes, read from the OpenAPI document |
// | `routes` | the endpoints |
// | `author`, `key`, `scoped` | extractors |
// | `ofrep` | flags for the tokens of the admin API |
// | `resource` | list, get, set and delete of limits |
// | `docs`, `responses` | the OpenAPI document |

mod author;
mod authorize;
#[cfg(feature = "flags")]
mod computations;
mod config;
mod docs;
mod dry_run;
mod key;
#[cfg(feature = "ofrep")]
mod ofrep;
mod policy;
mod resource;
mod responses;
mod routes;
mod scoped;
mod service;
mod setting;
mod state;
mod warnings;

pub use config::Admin;

pub use crate::auth::{CredentialError, Credentials, NoCredentials};
