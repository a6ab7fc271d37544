use std::num::NonZeroU32;

use ipnet::IpNet;
use serde::{Deserialize, Serialize, Serializer};

use super::super::{ExemptPath, text};
use crate::grammar::{
    Algorithm, Invalid, KeySource, Limit, MAX_MOVING, MAX_TIERS, OnMissingKey, OnStoreFailure,
    Percentage, PolicyName, Rate, RoleName, TierLimit, TimeZoneName, check_cost, check_limit,
    check_resolver, check_tier, rates_with_burst,
};

/// A rate limit: amount, algorithm, key and exemptions (wire contract, section 2.4, and more).
///
/// Deserializing refuses policies that contradict themselves.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RateLimitPolicy {
    /// Distinguishes several policies of one route.
    pub name: PolicyName,
    /// The limit of callers without a tier.
    pub limit: Limit,
    /// The algorithm that counts.
    pub algorithm: Algorithm,
    /// The key: each value has its own counter.
    #[serde(rename = "key_strategy")]
    pub key: KeySource,
    /// The policy for requests without a key; `None` is [`KeySource::when_missing`].
    pub on_missing_key: Option<OnMissingKey>,
    /// The burst of every rate without its own: units beyond a window, or the depth of a token bucket. 0 is none.
    pub burst: u64,
    /// The cost of one request.
    pub cost: NonZeroU32,
    /// Limits for some callers. The first tier of the caller's plan applies, else `limit`.
    pub tiers: Vec<Tier>,
    /// The attribute of the caller that names the tier.
    pub tier_resolver: Box<str>,
    /// Clients in these networks pass uncounted.
    #[serde(with = "text::networks")]
    pub exempt_ips: Vec<IpNet>,
    /// Callers with one of these roles pass uncounted.
    pub exempt_roles: Vec<RoleName>,
    /// Routes that a global or service policy excludes.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub exempt_routes: Vec<ExemptPath>,
    /// Includes force-active routes in a global or service policy.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub include_force_active: bool,
    /// `false` pauses the policy.
    pub enabled: bool,
    /// Reports refusals without enforcing them.
    pub shadow: bool,
    /// The share of keys that the policy applies to; a key is always in or always out.
    #[serde(serialize_with = "percent")]
    pub rollout: Percentage,
    /// The behaviour while the store of the counters is unavailable.
    pub on_store_failure: OnStoreFailure,
    /// Lets processes lease blocks from the shared counter in advance.
    pub lease: bool,
    /// The time zone of calendar days and months.
    pub time_zone: TimeZoneName,
}

/// A limit for the callers of one plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tier {
    /// The plan.
    pub name: PolicyName,
    /// Its limit, or `unlimited`.
    pub limit: TierLimit,
}

impl RateLimitPolicy {
    /// The name of a policy without a name of its own.
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

    /// Checks that the policy does not contradict itself.
    ///
    /// A deserialized policy has been checked except for its cost, since one stored before costs were checked can still be
    /// read. A policy with fields set by hand has not.
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
