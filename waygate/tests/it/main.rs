//! Integration tests of `waygate-rs`: one binary, with a module per topic.
#![allow(missing_docs, clippy::expect_used, clippy::panic, clippy::unwrap_used)]

#[cfg(feature = "admin")]
mod admin;
mod admit;
mod agreement;
mod apart;
mod batch;
mod bind;
#[cfg(feature = "file")]
mod boot_cache;
mod bypass;
mod concurrency;
#[cfg(feature = "file")]
mod counter_snapshot;
mod declared_limits;
mod differential;
#[cfg(feature = "swagger-ui")]
mod docs;
mod documented;
mod endpoints;
mod engine;
mod environment;
mod errors;
mod events;
mod explain;
mod extractor;
mod faults;
#[cfg(feature = "flags")]
mod flags;
mod force_active;
mod guard_all;
mod hints;
mod layer;
mod limit_attributes;
mod limits;
mod log;
mod maintenance;
#[cfg(all(feature = "admin", feature = "metrics"))]
mod metrics;
mod named_routes;
#[cfg(feature = "ofrep")]
mod ofrep;
mod openapi;
#[cfg(feature = "otel")]
mod otel;
mod out_of_range;
mod outer_layers;
#[cfg(all(feature = "admin", feature = "swagger-ui"))]
mod paths;
mod preflight;
mod recurring;
mod register;
mod register_functions;
mod reseed;
mod same_name;
#[cfg(feature = "swagger-ui")]
mod shutdown;
mod spans;
mod support;
mod test_app;
mod traffic;
#[cfg(unix)]
mod unix_socket;
mod unmatched;
mod unreadable;
mod whole_paths;
mod windows;
