use serde::{Deserialize, Serialize};

use crate::{
    grammar::OnMissingKey,
    model::{ConcurrencyPolicy, ExemptPath, LimitKey},
};

/// A concurrency limit of a route.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct RouteConcurrencyLimit {
    /// The route's path.
    #[cfg_attr(feature = "schema", schema(example = "/search"))]
    pub path: String,
    /// The route's method; `ALL` if it handles all of them.
    #[cfg_attr(feature = "schema", schema(example = "GET"))]
    pub method: String,
    /// The limit.
    #[serde(flatten)]
    pub limit: ConcurrencyLimit,
}

/// A concurrency limit that several routes share.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct SharedConcurrencyLimit {
    /// The limit without its exemptions of routes.
    #[serde(flatten)]
    pub limit: ConcurrencyLimit,
    /// Exempt routes: `/path`, `METHOD:/path`, or `/prefix/{*rest}` for every path below.
    pub exempt_routes: Vec<ExemptPath>,
    /// `true` if the limit counts force-active routes as well.
    pub include_force_active: bool,
}

/// A concurrency limit, with its key, effect and counts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct ConcurrencyLimit {
    /// The policy.
    #[serde(flatten)]
    pub policy: ConcurrencyPolicy,
    /// The key of the limit.
    pub key: LimitKey,
    /// The effect of the limit, in words.
    pub meaning: String,
    /// The number of requests in this process that currently hold a permit, over all keys.
    pub in_use: u64,
    /// The number of requests refused since the process started.
    pub refused: u64,
    /// The handling of requests without a key.
    pub effective_on_missing_key: OnMissingKey,
    /// The number of requests that passed uncounted for this reason since the process started.
    pub skipped: u64,
    /// The reason the limit does not count as intended, if that is known without a request.
    #[cfg_attr(feature = "schema", schema(required))]
    pub warning: Option<String>,
    /// `true` if an operator has set the limit.
    pub overridden: bool,
    /// `true` if the declaration in the code has changed since an operator set the limit.
    pub drifted: bool,
    /// The entity tag, for `If-Match`.
    pub etag: String,
}
