use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::CountingMode;
use crate::{
    grammar::OnMissingKey,
    model::{LimitKey, RouteKey},
};

/// The decision about one request: by the state of its route, and by its limits.
///
/// ```
/// use waygate_core::{
///     Timestamp,
///     view::{CountingMode, DecisionRecord},
/// };
///
/// let route = "GET:/search".parse()?;
/// let refused = DecisionRecord::refusal("req-1", Timestamp::now(), route, "GET");
/// assert!(!refused.passed && refused.mode == CountingMode::Authoritative);
/// # Ok::<(), waygate_core::grammar::Invalid>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(
    feature = "schema",
    derive(utoipa::ToSchema),
    schema(as = LimitDecision)
)]
#[non_exhaustive]
pub struct DecisionRecord {
    /// The `X-Request-Id` of the request.
    pub request_id: String,
    /// The time, in UTC.
    #[cfg_attr(feature = "schema", schema(value_type = String, format = DateTime))]
    pub at: Timestamp,
    /// The route; `/{*rest}` if everything is in maintenance and no governed route matches the URL.
    pub route: RouteKey,
    /// The request's method.
    pub method: String,
    /// `true` if the request passed.
    pub passed: bool,
    /// The limit that refused it; `null` if the route's state did.
    #[cfg_attr(feature = "schema", schema(required))]
    pub refused_by: Option<LimitKey>,
    /// The reason it was refused, or `exempt`. `null` for other requests that passed.
    #[cfg_attr(feature = "schema", schema(required))]
    pub cause: Option<DecisionCause>,
    /// Details of a refusal by the route's state: the operator's reason (may be empty), the environments, the client's
    /// address, or the roles. For an exemption, the exempt network or role. `null` for limits.
    #[cfg_attr(feature = "schema", schema(required))]
    pub reason: Option<String>,
    /// How the request was counted.
    pub mode: CountingMode,
    /// The outcome of each rate of each policy, in the order of the checks; empty if the request was not counted.
    pub steps: Vec<DecisionStep>,
    /// The policies that found no key in the request and let it pass uncounted.
    pub skipped: Vec<SkippedPolicy>,
}

impl DecisionRecord {
    /// Creates the record of a refusal, without steps.
    pub fn refusal(request_id: &str, at: Timestamp, route: RouteKey, method: &str) -> Self {
        Self {
            request_id: request_id.to_owned(),
            at,
            route,
            method: method.to_owned(),
            passed: false,
            refused_by: None,
            cause: None,
            reason: None,
            mode: CountingMode::Authoritative,
            steps: Vec::new(),
            skipped: Vec::new(),
        }
    }
}

/// A policy that did not count a request because it has no key.
///
/// ```
/// use waygate_core::{grammar::OnMissingKey, view::SkippedPolicy};
///
/// let skipped = SkippedPolicy::new("GET:/search#default".parse()?, OnMissingKey::Exempt);
/// assert_eq!(skipped.policy.name.as_str(), "default");
/// # Ok::<(), waygate_core::grammar::Invalid>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[non_exhaustive]
pub struct SkippedPolicy {
    /// The policy.
    pub policy: LimitKey,
    /// The handling of such requests: its own `on_missing_key`, or the default of its key. In shadow mode, one that
    /// would `block` only reports.
    pub on_missing_key: OnMissingKey,
}

impl SkippedPolicy {
    /// Creates the record of a policy that did not count a request.
    pub fn new(policy: LimitKey, on_missing_key: OnMissingKey) -> Self {
        Self {
            policy,
            on_missing_key,
        }
    }
}

/// The reason a request was refused, or passed during maintenance.
///
/// ```
/// use waygate_core::view::DecisionCause;
///
/// assert_eq!(serde_json::to_value(DecisionCause::Exceeded)?, "exceeded");
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum DecisionCause {
    /// There were too many.
    Exceeded,
    /// It costs more than the limit allows, so it never passes.
    TooCostly,
    /// It had no key.
    NoKey,
    /// The store of the counters was unreachable, and the policy is closed without it.
    StoreGone,
    /// Too many were served at the same time.
    Concurrency,
    /// Everything was in maintenance.
    GlobalMaintenance,
    /// Every route of the service was in maintenance.
    ServiceMaintenance,
    /// The route was in maintenance.
    Maintenance,
    /// The route was disabled.
    Disabled,
    /// The route is not served in this environment.
    EnvGated,
    /// The client's address is in none of the allowed networks.
    IpNotAllowed,
    /// The caller has none of the allowed roles.
    RoleRequired,
    /// The flag of a gate is off for the context of the request.
    FlagOff,
    /// It passed, since active maintenance exempts the client's network or a role of the caller.
    Exempt,
}

/// The outcome of one rate of one policy.
///
/// ```
/// use waygate_core::{Timestamp, view::DecisionStep};
///
/// let (policy, key) = ("GET:/search#default".parse()?, "203.0.113.7".to_owned());
/// let step = DecisionStep::new(policy, key, "GET:/search#default/0@0", Timestamp::now());
/// assert_eq!(step.key, "203.0.113.7");
/// # Ok::<(), waygate_core::grammar::Invalid>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = LimitStep))]
#[non_exhaustive]
pub struct DecisionStep {
    /// The policy.
    pub policy: LimitKey,
    /// The caller's tier, if the policy has one.
    #[cfg_attr(feature = "schema", schema(required))]
    pub tier: Option<String>,
    /// `true` if the policy has tiers and the request carried no caller, so that the policy's own quota applied.
    pub without_caller: bool,
    /// The key of the request, with secrets as digests.
    pub key: String,
    /// The key of the counter.
    pub counter: String,
    /// The cost of the request.
    pub cost: u32,
    /// The maximum units that a request can use.
    pub limit: u64,
    /// The remaining units afterwards.
    pub remaining: u64,
    /// The time when more units are available, in UTC.
    #[cfg_attr(feature = "schema", schema(value_type = String, format = DateTime))]
    pub reset_at: Timestamp,
    /// `true` if the rate let the request pass.
    pub allowed: bool,
    /// `true` if a refusal is enforced; `false` in shadow mode.
    pub enforced: bool,
}

impl DecisionStep {
    /// Creates the step of a rate that let a request of no cost pass.
    pub fn new(policy: LimitKey, key: String, counter: &str, reset_at: Timestamp) -> Self {
        Self {
            policy,
            tier: None,
            without_caller: false,
            key,
            counter: counter.to_owned(),
            cost: 0,
            limit: 0,
            remaining: 0,
            reset_at,
            allowed: true,
            enforced: true,
        }
    }
}
