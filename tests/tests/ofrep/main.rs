//! Public OpenFeature clients of other languages, unmodified, against the flags server.

mod client;
mod javascript;
mod python;
mod readme;
mod server;
mod together;
