//! The engine behind axum: everything that knows of requests and responses.

mod accept;
mod api;
mod bind;
mod blocked;
mod client;
mod extract;
mod facts;
mod future;
mod guard;
mod identity;
mod layer;
mod limits;
mod probe;
mod reply;
mod respond;
mod responses;
mod service;

pub use api::Api;
pub use bind::{BindError, BindErrors};
pub use blocked::{BlockReason, Blocked, ConcurrencyLimited, RateLimited};
pub use client::{ClientAddr, Roles};
pub use extract::RouteGuard;
pub use guard::Guarded;
pub use limits::{Cost, CostFunction, IntoCostFunction, IntoKeyFunction, Key, KeyFunction};
pub use respond::{IntoResponder, Responder};
pub use responses::Responses;

pub(crate) use client::client_ip;
pub(crate) use limits::DeclaredLimits;

/// Whether every route is open: by configuration, or for the test that makes the request.
#[inline]
fn bypassed(engine: &crate::engine::Inner) -> bool {
    engine.bypass_lifecycle || in_test()
}

/// Whether nothing is counted: by configuration, or for the test that makes the request.
#[inline]
fn uncounted(engine: &crate::engine::Inner) -> bool {
    engine.bypass_rate_limits || in_test()
}

#[inline]
fn in_test() -> bool {
    #[cfg(feature = "testing")]
    let in_test = crate::testing::is_bypassed();
    #[cfg(not(feature = "testing"))]
    let in_test = false;
    in_test
}
