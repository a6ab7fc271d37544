mod fields;
mod meaning;

use std::num::NonZeroU32;

use ipnet::IpNet;
use serde::{Deserialize, Serialize, Serializer};

use self::fields::Fields;
use super::{ExemptPath, text};
use crate::{
    decl,
    grammar::{
        Algorithm, Invalid, KeySource, Limit, MAX_MOVING, MAX_TIERS, OnMissingKey, OnStoreFailure,
        Percentage, PolicyName, Rate, RoleName, TierLimit, TimeZoneName, check_cost, check_limit,
        check_resolver, check_tier, rates_with_burst,
    },
};

pub use self::fields::GivenRateLimitPolicy;
pub(super) use self::meaning::{key_in_words, key_summary};

/// A rate limit: how much, counted how, by what, and with which exemptions (wire contract, section 2.4, and more).
///
/// Every combination that can be read makes sense: what contradicts itself is refused on the way in.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RateLimitPolicy {
    /// Tells several policies of one route apart.
    pub name: PolicyName,
    /// How much in how much time, where no tier says otherwise.
    pub limit: Limit,
    /// How it is counted.
    pub algorithm: Algorithm,
    /// What has a counter of its own.
    #[serde(rename = "key_strategy")]
    pub key: KeySource,
    /// What happens to requests without a key; `None`: what [`KeySource::when_missing`] says.
    pub on_missing_key: Option<OnMissingKey>,
    /// For every rate without a burst of its own: how much more a window takes, or how large a token bucket is.
    /// 0: none.
    pub burst: u64,
    /// What one request costs.
    pub cost: NonZeroU32,
    /// Limits for some callers. The first tier of the caller's plan counts, the `limit` for everybody else.
    pub tiers: Vec<Tier>,
    /// The attribute of the caller that names the tier.
    pub tier_resolver: Box<str>,
    /// Clients in these networks pass, uncounted.
    #[serde(with = "text::networks")]
    pub exempt_ips: Vec<IpNet>,
    /// Callers with one of these roles pass, uncounted.
    pub exempt_roles: Vec<RoleName>,
    /// Routes that a global or service policy leaves alone.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub exempt_routes: Vec<ExemptPath>,
    /// Whether a global or service policy counts force-active routes as well.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub include_force_active: bool,
    /// Whether it counts at all; `false` is a paused policy.
    pub enabled: bool,
    /// Whether it only reports whom it would refuse.
    pub shadow: bool,
    /// For which share of keys it holds; a key is always in or always out.
    #[serde(serialize_with = "percent")]
    pub rollout: Percentage,
    /// What it does while the store of the counters is not there.
    pub on_store_failure: OnStoreFailure,
    /// Whether processes take blocks from the shared counter in advance.
    pub lease: bool,
    /// In which zone days and months of the calendar begin.
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
    /// The name of a policy that was given none.
    pub const DEFAULT_NAME: &str = PolicyName::DEFAULT;
    /// The attribute of the caller that names the tier, where the policy does not say.
    pub const DEFAULT_RESOLVER: &str = "plan";
    /// How many tiers one policy may have.
    pub const MAX_TIERS: usize = MAX_TIERS;
    /// The largest moving window: it keeps every request.
    pub const MAX_MOVING: u64 = MAX_MOVING;

    /// A policy of this limit, and everything else as it is when nobody says.
    ///
    /// # Errors
    /// [`Invalid`] when the limit does not go with the default algorithm, a fixed window.
    pub fn new(limit: Limit) -> Result<Self, Invalid> {
        Fields::of(limit).try_into()
    }

    /// What `#[rate_limit]` declares, counted by `algorithm` where it names none (a calendar quota: in fixed windows); without a
    /// name it is called by its place
    /// among the handler's attributes.
    ///
    /// # Errors
    /// [`Invalid`] for what does not follow its grammar or does not go with `algorithm`. The attribute checks all else at
    /// compile time.
    pub fn declared(declared: &decl::RateLimit, algorithm: Algorithm) -> Result<Self, Invalid> {
        let policy = Self::try_from(Fields::declared(declared)?.or_algorithm(algorithm))?;
        policy.check_cost().map(|()| policy)
    }

    /// What happens to requests without a key.
    pub fn when_missing(&self) -> OnMissingKey {
        self.on_missing_key
            .unwrap_or_else(|| self.key.when_missing())
    }

    /// The rates of a limit, each with the burst that holds for it.
    pub fn rates<'a>(&self, limit: &'a Limit) -> impl Iterator<Item = Rate> + use<'a> {
        rates_with_burst(limit, self.burst)
    }

    /// Every limit of the policy: its own, and those of its tiers.
    pub fn limits(&self) -> impl Iterator<Item = &Limit> {
        let tiers = self.tiers.iter().filter_map(|tier| match &tier.limit {
            TierLimit::Limited(limit) => Some(limit),
            TierLimit::Unlimited => None,
        });
        std::iter::once(&self.limit).chain(tiers)
    }

    /// What contradicts itself, if anything does.
    ///
    /// # Errors
    /// [`Invalid`] naming the limit and what would be right. A policy that was read has been checked, but for its cost: one
    /// that was stored before costs were checked can still be read. One whose fields were set by hand has not.
    pub fn check(&self) -> Result<(), Invalid> {
        self.check_shape()?;
        self.check_cost()
    }

    /// Whether a request at the policy's cost can pass in every tier.
    fn check_cost(&self) -> Result<(), Invalid> {
        let cost = self.cost.get();
        self.limits()
            .try_for_each(|limit| check_cost(limit, self.algorithm, self.burst, cost))
    }

    fn check_shape(&self) -> Result<(), Invalid> {
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

/// In percent, as a number.
fn percent<S: Serializer>(share: &Percentage, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(f64::from(share.basis_points()) / 100.0)
}

#[cfg(test)]
mod tests;
