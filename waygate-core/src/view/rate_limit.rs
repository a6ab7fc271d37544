use serde::{Deserialize, Serialize};

use super::LimitCounts;
use crate::{
    grammar::OnMissingKey,
    model::{ExemptPath, LimitKey, RateLimitPolicy},
};

/// A rate limit of a route (wire contract, section 2.4, and more).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct RouteRateLimit {
    /// The route's path.
    #[cfg_attr(feature = "schema", schema(example = "/search"))]
    pub path: String,
    /// The route's method; `ALL` if it handles all of them.
    #[cfg_attr(feature = "schema", schema(example = "GET"))]
    pub method: String,
    /// The policy.
    #[serde(flatten)]
    pub policy: RateLimitPolicy,
    /// The policy's key, effect and counts.
    #[serde(flatten)]
    pub about: AboutRateLimit,
    /// `true` if an operator has set the policy.
    pub overridden: bool,
    /// `true` if the declaration in the code has changed since an operator set the policy.
    pub drifted: bool,
}

/// A rate limit that several routes share.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct SharedRateLimit {
    /// The policy without its exemptions of routes.
    #[serde(flatten)]
    pub policy: RateLimitPolicy,
    /// Exempt routes: `/path`, `METHOD:/path`, or `/prefix/{*rest}` for every path below.
    pub exempt_routes: Vec<ExemptPath>,
    /// `true` if the policy counts force-active routes as well.
    pub include_force_active: bool,
    /// The policy's key, effect and counts.
    #[serde(flatten)]
    pub about: AboutRateLimit,
}

/// A shared rate limit, if there is one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct SharedRateLimitState {
    /// `true` if there is one, and it is not paused.
    pub enabled: bool,
    /// The limit.
    #[cfg_attr(feature = "schema", schema(required))]
    pub policy: Option<SharedRateLimit>,
}

/// The key, the effect and the counts of a rate limit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct AboutRateLimit {
    /// The key of the policy.
    pub key: LimitKey,
    /// The effect of the policy, in words.
    pub meaning: String,
    /// `true` if a function in the code returns the cost of each request, instead of `cost`; otherwise omitted.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    #[cfg_attr(feature = "schema", schema(required = false))]
    pub cost_function: bool,
    /// The decisions of the policy.
    pub counts: LimitCounts,
    /// The handling of requests without a key.
    pub effective_on_missing_key: OnMissingKey,
    /// The number of requests that passed uncounted for this reason since the process started.
    pub skipped: u64,
    /// The number of requests without a caller since the process started; the policy's own quota applied to them,
    /// although it has tiers.
    pub without_caller: u64,
    /// The reason the policy does not count as intended, if that is known without a request.
    #[cfg_attr(feature = "schema", schema(required))]
    pub warning: Option<String>,
    /// The entity tag, for `If-Match`.
    pub etag: String,
}
