//! The admin REST API (wire contract, sections 3 and 4, and more).
//!
//! | Module | What it does |
//! |---|---|
//! | `auth` | who gets in: credentials, tokens, the login throttle, the gate |
//! | `policy` | what there is and which scope it needs, read from the OpenAPI document |
//! | `routes` | the endpoints |
//! | `body`, `readers`, `fields`, `json`, `query`, `key` | what comes in, checked |
//! | `error`, `disclosure`, `etag`, `headers`, `reply` | what goes out |
//! | `docs`, `schema` | the OpenAPI document |

mod auth;
mod author;
mod body;
mod config;
mod disclosure;
mod docs;
mod error;
mod etag;
mod fields;
mod headers;
mod issue;
mod json;
mod key;
mod policy;
mod query;
mod readers;
mod reply;
mod routes;
mod schema;
mod service;
mod state;

pub use auth::{CredentialError, Credentials, NoCredentials};
pub use config::Admin;
