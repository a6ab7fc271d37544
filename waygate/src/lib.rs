//! A runtime control layer for axum APIs.
#![cfg_attr(docsrs, feature(doc_cfg))]
#![deny(missing_docs)]

#[cfg(feature = "admin")]
mod admin;
#[cfg(feature = "engine")]
mod engine;
#[cfg(feature = "axum")]
mod http;
#[cfg(feature = "openapi")]
mod openapi;
#[cfg(feature = "engine")]
mod registry;
#[cfg(feature = "testing")]
pub mod testing;

#[doc(hidden)]
#[path = "private.rs"]
pub mod __private;

#[cfg(feature = "admin")]
pub use admin::{Admin, CredentialError, Credentials, NoCredentials};
#[cfg(feature = "engine")]
pub use engine::{
    Blocking, BlockingOperator, BuildError, ChangeError, Component, Degraded, Event, Events,
    Health, OnStoreReset, Operator, Report, ResolveError, RouteRecord, Source, Waygate,
    WaygateBuilder,
};
#[cfg(feature = "axum")]
pub use http::{
    Api, BindError, BindErrors, BlockReason, Blocked, ClientAddr, Guarded, IntoResponder,
    Responder, Responses, Roles, RouteGuard,
};
#[cfg(feature = "engine")]
pub use waygate_core::{
    Secret, Timestamp,
    grammar::{EnvName, Interval, Invalid, LinkTarget, Method, Reason, RoleName},
    model::{
        Access, Action, AuditEntry, Deprecation, GlobalMaintenance, Origin, Revision, RouteKey,
        RouteState, RouteStatus, Window, WindowId,
    },
    net::TrustedProxies,
    port::AuditQuery,
    transition::RouteCommand,
};
#[cfg(feature = "macros")]
pub use waygate_macros::{
    allowed_ips, allowed_roles, deprecated, deprecated as sunset, disabled, env_only, force_active,
    maintenance,
};

/// What most applications need, in one `use`.
///
/// `#[deprecated]` is not among it: glob-imported, it would break the language's own attribute of that name.
/// Use `#[sunset]`, which is the same, or `#[waygate::deprecated]`.
pub mod prelude {
    #[cfg(feature = "admin")]
    pub use crate::Credentials;
    #[cfg(feature = "macros")]
    pub use crate::{
        allowed_ips, allowed_roles, disabled, env_only, force_active, maintenance, sunset,
    };
}
