//! The axum adapter: everything about HTTP requests and responses.

mod admitted;
mod api;
mod attached;
mod bind;
#[cfg(feature = "flags")]
mod canary;
mod client;
#[cfg(feature = "openapi")]
mod documentation;
mod endpoint;
mod extract;
mod facts;
#[cfg(feature = "flags")]
mod flags;
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
// The kinds of paths that exist depend on features.
#[cfg_attr(not(all(feature = "admin", feature = "openapi")), allow(dead_code))]
mod mounting;
mod part;
mod reach;
mod recorded;
mod registration;
mod reply;
mod respond;
mod responses;
mod sealed;
mod service;
mod shared;
mod spans;
#[cfg(any(
    feature = "ofrep",
    feature = "swagger-ui",
    all(feature = "admin", feature = "flags")
))]
mod sse;
mod step;
mod survey;
mod watch;

pub use api::{Api, IntoApi};
pub use bind::{BindError, BindErrors};
#[cfg(feature = "flags")]
pub use canary::{ArmFuture, canary};
pub use client::ClientAddr;
pub use extract::{RouteGuard, RouteGuardRejection};
#[cfg(feature = "flags")]
pub use flags::RequestFlags;
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
#[cfg(any(feature = "ofrep", feature = "swagger-ui"))]
pub(crate) use client::peer;
#[cfg(feature = "openapi")]
pub(crate) use documentation::Documentation;
pub(crate) use limits::DeclaredLimits;
#[cfg(any(feature = "admin", feature = "metrics"))]
pub(crate) use mounting::check as check_mounts;
#[cfg(any(feature = "admin", feature = "metrics", feature = "openapi"))]
pub(crate) use mounting::{Mount, Serves};
#[cfg(any(
    feature = "ofrep",
    feature = "swagger-ui",
    all(feature = "admin", feature = "flags")
))]
pub(crate) use sse::{Heartbeat, Streams};
pub(crate) use watch::Entered;
