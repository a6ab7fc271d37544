//! The admin REST API and its authorization. [`Guarded::admin`](crate::Guarded::admin) serves it.
//!
//! Its wire contract is in `docs/wire-contract.md`, sections 3 and 4.

// | Module | Purpose |
// |---|---|
// | `config`, `service`, `state` | assemble the interface |
// | `authorize`, `policy` | the gate: operations and their scopes, read from the OpenAPI document |
// | `probes`, `probe_router` | liveness, readiness and the version, for clients without a token |
// | `routes` | the endpoints |
// | `author`, `key`, `scoped` | extractors |
// | `ofrep` | flags for the tokens of the admin API |
// | `resource` | list, get, set and delete of limits |
// | `docs`, `responses` | the OpenAPI document |

mod author;
mod authorize;
mod computations;
mod config;
mod docs;
mod dry_run;
mod form;
mod idempotency;
mod key;
#[cfg(feature = "ofrep")]
mod ofrep;
mod policy;
mod probe_router;
mod probes;
mod reach;
mod resource;
mod responses;
#[cfg(feature = "flags")]
mod revoked;
mod routes;
mod scoped;
mod searched;
mod service;
mod setting;
mod state;
mod warnings;
mod within;

pub use config::Admin;

pub use waygate_core::view::{Rights, Role, Services, TokenScope, TokenScopes};

pub use crate::auth::{
    Authenticate, AuthenticateError, CredentialError, Credentials, Identity, NoCredentials,
};
