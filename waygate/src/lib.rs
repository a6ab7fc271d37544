//! A runtime control layer for axum APIs.
#![cfg_attr(docsrs, feature(doc_cfg))]
#![deny(missing_docs)]

#[cfg(feature = "axum")]
mod http;

#[doc(hidden)]
#[path = "private.rs"]
pub mod __private;

#[cfg(feature = "axum")]
pub use http::{BlockReason, Blocked, IntoResponder, Responder};
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
    #[cfg(feature = "macros")]
    pub use crate::{
        allowed_ips, allowed_roles, disabled, env_only, force_active, maintenance, sunset,
    };
}
