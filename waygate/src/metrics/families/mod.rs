//! The families, one file for each part. A new part adds a file, and a line to `ALL`.

mod engine;
#[cfg(feature = "flags")]
mod flags;
mod http;
mod limits;
mod own;
mod routes;
mod store;
#[cfg(feature = "webhooks")]
mod webhooks;
mod windows;

use std::fmt;

use super::{exposition::Exposition, scrape::Scrape};

type Collect = fn(&mut Scrape<'_>, &mut Exposition<'_>) -> fmt::Result;

/// The parts in the order of their output. The last one counts what the others have left out.
const ALL: &[Collect] = &[
    http::collect,
    routes::collect,
    limits::collect,
    windows::collect,
    store::collect,
    engine::collect,
    #[cfg(feature = "flags")]
    flags::collect,
    #[cfg(feature = "webhooks")]
    webhooks::collect,
    own::collect,
];

pub(super) fn collect(scrape: &mut Scrape<'_>, out: &mut Exposition<'_>) -> fmt::Result {
    ALL.iter().try_for_each(|collect| collect(scrape, out))
}
