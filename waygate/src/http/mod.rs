//! The adapter to axum: everything about HTTP requests and responses.

mod accept;
mod admitted;
mod api;
mod attached;
mod bind;
mod blocked;
mod client;
mod endpoint;
mod explain;
mod extract;
mod facts;
mod function_id;
mod future;
mod guard;
mod guarded;
mod handler_gate;
mod identity;
mod kept;
mod layer;
mod limited;
mod limits;
mod listing;
mod make_service;
// The available kinds of paths depend on features.
#[cfg_attr(not(all(feature = "admin", feature = "openapi")), allow(dead_code))]
mod mounting;
mod reach;
mod registration;
mod reply;
mod respond;
mod responses;
mod sealed;
mod service;
mod shared;
#[cfg(feature = "swagger-ui")]
mod sse;
mod step;
mod survey;
mod watch;

pub use api::{Api, IntoApi};
pub use bind::{BindError, BindErrors};
pub use blocked::{BlockReason, Blocked, ConcurrencyLimited, KeyMissing, RateLimited};
pub use client::{ClientAddr, Roles};
pub use extract::{Refusal, RouteGuard};
pub use guarded::Guarded;
pub use limits::{
    ConcurrencyLimitFunctions, Cost, CostFunction, IntoCostFunction, IntoKeyFunction, Key,
    KeyFunction, RateLimitFunctions,
};
pub use make_service::MakeService;
pub use mounting::PathError;
pub use respond::{IntoResponder, Responder};
pub use responses::Responses;

pub(crate) use attached::functions;
pub(crate) use client::client_ip;
pub(crate) use limits::DeclaredLimits;
#[cfg(feature = "admin")]
pub(crate) use mounting::check as check_mounts;
#[cfg(any(feature = "admin", feature = "openapi"))]
pub(crate) use mounting::{Mount, Serves};
#[cfg(feature = "swagger-ui")]
pub(crate) use sse::Streams;
pub(crate) use watch::Entered;
