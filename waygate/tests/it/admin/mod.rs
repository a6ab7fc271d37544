//! The admin REST API, seen from outside.

mod contract;
mod gate;
mod global;
mod login;
mod malformed;
mod no_credentials;
mod openapi;
mod preconditions;
mod routes;
mod socket;
mod store;
mod support;
mod tokens;
