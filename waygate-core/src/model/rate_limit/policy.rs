use std::num::NonZeroU32;

use ipnet::IpNet;
use serde::{Deserialize, Serialize, Serializer};

use super::super::{ExemptPath, text};
use crate::grammar::{
    Algorithm, Invalid, KeySource, Limit, MAX_MOVING, MAX_TIERS, OnMissingKey, OnStoreFailure,
    Percentage, PolicyName, Rate, RoleName, TierLimit, TimeZoneName, check_cost, check_limit,
    check_resolver, check_tier, rates_with_burst,
};

/// A rate limit: quota, algorithm, key and exemptions (wire contract, section 2.4, and extensions).
///
/// Contradictory combinations are refused when a policy is deserialized.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[non_exhaustive]
pub struct RateLimitPolicy {
    /// The name of the policy, unique within its scope.
    pub name: PolicyName,
    /// The quota for callers without a tier.
    pub limit: Limit,
    /// The algorithm that counts requests.
    pub algorithm: Algorithm,
    /// The key: each of its values has its own counter.
    #[serde(rename = "key_strategy")]
    pub key: KeySource,
    /// The handling of requests without a key. The default depends on the key.
    #[cfg_attr(feature = "schema", schema(required))]
    pub on_missing_key: Option<OnMissingKey>,
    /// The additional units of a window, or the size of a token bucket, for rates without their own burst. 0: none.
    pub burst: u64,
    /// The cost of one request.
    #[cfg_attr(feature = "schema", schema(value_type = u32))]
    pub cost: NonZeroU32,
    /// Quotas by the plan of the caller. The first tier of that name applies.
    pub tiers: Vec<Tier>,
    /// The attribute of the caller that names the tier.
    #[cfg_attr(feature = "schema", schema(value_type = String, example = "plan"))]
    pub tier_resolver: Box<str>,
    /// Clients in these networks pass uncounted.
    #[serde(with = "text::networks")]
    #[cfg_attr(feature = "schema", schema(value_type = Vec<String>))]
    pub exempt_ips: Vec<IpNet>,
    /// Callers with one of these roles pass uncounted.
    pub exempt_roles: Vec<RoleName>,
    /// Routes that a global or service policy skips.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "schema", schema(ignore))]
    pub exempt_routes: Vec<ExemptPath>,
    /// `true` if a global or service policy counts force-active routes as well.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    #[cfg_attr(feature = "schema", schema(ignore))]
    pub include_force_active: bool,
    /// `false` if the policy is paused and does not count requests.
    pub enabled: bool,
    /// `true` for shadow mode: the policy only reports the requests that it would refuse.
    pub shadow: bool,
    /// The share of keys that the policy applies to. A key is always in or always out.
    #[serde(serialize_with = "percent")]
    pub rollout: Percentage,
    /// The behaviour while the counter store is unreachable.
    pub on_store_failure: OnStoreFailure,
    /// `true` if processes lease blocks from the shared counter in advance.
    pub lease: bool,
    /// The time zone of calendar days and months.
    pub time_zone: TimeZoneName,
}

/// A limit for the callers of one plan.
///
/// ```
/// use waygate_core::model::{RateLimitPolicy, Tier};
///
/// let mut policy = RateLimitPolicy::new("100/minute".parse()?)?;
/// policy.tiers.push(Tier::new("pro".parse()?, "1000/minute".parse()?));
/// policy.check()?;
/// # Ok::<(), waygate_core::grammar::Invalid>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(
    deny_unknown_fields,
    expecting = "a tier, such as `{\"name\": \"pro\", \"limit\": \"1000/minute\"}`"
)]
#[non_exhaustive]
pub struct Tier {
    /// The plan.
    pub name: PolicyName,
    /// Its quota, or `unlimited`.
    pub limit: TierLimit,
}

impl Tier {
    /// Creates the limit of a plan.
    pub fn new(name: PolicyName, limit: TierLimit) -> Self {
        Self { name, limit }
    }
}

impl RateLimitPolicy {
    /// The name of a policy that sets no name.
    pub const DEFAULT_NAME: &str = PolicyName::DEFAULT;
    /// The default attribute of the caller that names the tier.
    pub const DEFAULT_RESOLVER: &str = "plan";
    /// The most tiers of one policy.
    pub const MAX_TIERS: usize = MAX_TIERS;
    /// The largest moving window, which stores every request.
    pub const MAX_MOVING: u64 = MAX_MOVING;

    /// Returns the policy for requests without a key.
    pub fn when_missing(&self) -> OnMissingKey {
        self.on_missing_key
            .unwrap_or_else(|| self.key.when_missing())
    }

    /// Iterates over the rates of a limit, each with its effective burst.
    pub fn rates<'a>(&self, limit: &'a Limit) -> impl Iterator<Item = Rate> + use<'a> {
        rates_with_burst(limit, self.burst)
    }

    /// Iterates over the limits of the policy: its own, and those of its tiers.
    pub fn limits(&self) -> impl Iterator<Item = &Limit> {
        let tiers = self.tiers.iter().filter_map(|tier| match &tier.limit {
            TierLimit::Limited(limit) => Some(limit),
            TierLimit::Unlimited => None,
        });
        std::iter::once(&self.limit).chain(tiers)
    }

    /// Checks that the policy is consistent.
    ///
    /// A deserialized policy has been checked, except for its cost, since policies stored before costs were checked
    /// must stay readable. A policy with fields set by hand has not been checked.
    ///
    /// # Errors
    /// [`Invalid`] with the limit and the fix.
    pub fn check(&self) -> Result<(), Invalid> {
        self.check_shape()?;
        self.check_cost()
    }

    /// Checks that a request at the policy's cost can pass in every tier.
    pub(super) fn check_cost(&self) -> Result<(), Invalid> {
        let cost = self.cost.get();
        self.limits()
            .try_for_each(|limit| check_cost(limit, self.algorithm, self.burst, cost))
    }

    pub(super) fn check_shape(&self) -> Result<(), Invalid> {
        for limit in self.limits() {
            check_limit(limit, self.algorithm, self.burst)?;
        }
        let mut names: Vec<PolicyName> = Vec::new();
        for tier in &self.tiers {
            check_tier(&names, &tier.name)?;
            names.push(tier.name.clone());
        }
        check_resolver(&self.tier_resolver)
    }
}

/// Serializes a number in percent.
fn percent<S: Serializer>(share: &Percentage, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(f64::from(share.basis_points()) / 100.0)
}
