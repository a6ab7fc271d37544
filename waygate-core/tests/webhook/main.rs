//! Tests of webhooks: everything about them that needs no network.
#![allow(clippy::expect_used, clippy::unwrap_used)]

mod definitions;
mod events;
mod formats;
mod retries;
mod signatures;
mod targets;
