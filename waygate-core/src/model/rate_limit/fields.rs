//! Conversions from declarations and unchecked policies, and defaults.

use std::{fmt, num::NonZeroU32};

use ipnet::IpNet;
use serde::{
    Deserialize, Deserializer,
    de::{Error, SeqAccess, Visitor, value::SeqAccessDeserializer},
};

use super::{
    super::{
        ExemptPath,
        declared::{name, networks, parsed, roles},
        text,
    },
    policy::{RateLimitPolicy, Tier},
};
use crate::{
    decl,
    grammar::{
        Algorithm, Invalid, KeySource, Limit, OnMissingKey, OnStoreFailure, Percentage, PolicyName,
        RoleName, TierLimit, TimeZoneName,
    },
};

impl RateLimitPolicy {
    /// Creates a policy of this limit, with defaults for all other fields.
    ///
    /// # Errors
    /// [`Invalid`] if the limit does not suit the default algorithm, a fixed window.
    pub fn new(limit: Limit) -> Result<Self, Invalid> {
        GivenRateLimitPolicy::of(limit).try_into()
    }

    /// Converts a declaration of `#[rate_limit]`. Without an algorithm, it is counted by `algorithm` (a calendar
    /// quota in fixed windows); without a name, it is named by its position among the handler's attributes.
    ///
    /// # Errors
    /// [`Invalid`] for a value that does not follow its grammar or does not suit `algorithm`. The attribute checks
    /// everything else at compile time.
    #[doc(hidden)]
    pub fn declared(declared: &decl::RateLimit, algorithm: Algorithm) -> Result<Self, Invalid> {
        let policy = GivenRateLimitPolicy::declared(declared)?.or_algorithm(algorithm)?;
        policy.check_cost().map(|()| policy)
    }
}

/// Reads the list. Errors show its form.
fn tiers<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Tier>, D::Error> {
    struct Tiers;
    impl<'de> Visitor<'de> for Tiers {
        type Value = Vec<Tier>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str(r#"a list of tiers, such as `[{"name": "pro", "limit": "1000/minute"}]`"#)
        }

        fn visit_seq<A: SeqAccess<'de>>(self, tiers: A) -> Result<Self::Value, A::Error> {
            Vec::deserialize(SeqAccessDeserializer::new(tiers))
        }
    }
    deserializer.deserialize_seq(Tiers)
}

impl<'de> Deserialize<'de> for RateLimitPolicy {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        GivenRateLimitPolicy::deserialize(deserializer)?
            .try_into()
            .map_err(D::Error::custom)
    }
}

/// An unchecked policy, as in requests and stores. Missing fields have defaults.
#[derive(Debug, Clone, Deserialize)]
#[cfg_attr(
    feature = "schema",
    derive(utoipa::ToSchema),
    schema(as = GivenRateLimit)
)]
#[serde(deny_unknown_fields)]
pub struct GivenRateLimitPolicy {
    /// The name within the scope. Default: `default`.
    #[serde(default)]
    name: Option<PolicyName>,
    limit: Limit,
    /// Default: the one configured by the application, else `fixed_window`.
    #[serde(default)]
    algorithm: Option<Algorithm>,
    /// Default: `ip`, with tiers `user`.
    #[serde(default)]
    key_strategy: Option<KeySource>,
    /// Default: that of the key.
    #[serde(default)]
    on_missing_key: Option<OnMissingKey>,
    /// Default: 0.
    #[serde(default)]
    #[cfg_attr(feature = "schema", schema(value_type = Option<u64>))]
    burst: u64,
    /// Default: 1.
    #[serde(default)]
    #[cfg_attr(feature = "schema", schema(value_type = Option<u32>))]
    cost: Option<NonZeroU32>,
    /// Default: none.
    #[serde(default, deserialize_with = "tiers")]
    #[cfg_attr(feature = "schema", schema(value_type = Option<Vec<Tier>>))]
    tiers: Vec<Tier>,
    /// Default: `plan`.
    #[serde(default)]
    #[cfg_attr(feature = "schema", schema(value_type = Option<String>))]
    tier_resolver: Option<Box<str>>,
    /// Addresses and networks. Default: none.
    #[serde(default, with = "text::networks")]
    #[cfg_attr(feature = "schema", schema(value_type = Option<Vec<String>>))]
    exempt_ips: Vec<IpNet>,
    /// Default: none.
    #[serde(default)]
    #[cfg_attr(feature = "schema", schema(value_type = Option<Vec<RoleName>>))]
    exempt_roles: Vec<RoleName>,
    #[serde(default)]
    #[cfg_attr(feature = "schema", schema(ignore))]
    exempt_routes: Vec<ExemptPath>,
    #[serde(default)]
    #[cfg_attr(feature = "schema", schema(ignore))]
    include_force_active: bool,
    #[serde(default = "yes")]
    #[cfg_attr(feature = "schema", schema(ignore))]
    enabled: bool,
    /// Default: `false`.
    #[serde(default)]
    #[cfg_attr(feature = "schema", schema(value_type = Option<bool>))]
    shadow: bool,
    /// In percent. Default: 100.
    #[serde(default, deserialize_with = "share")]
    #[cfg_attr(feature = "schema", schema(value_type = Option<Percentage>))]
    rollout: Percentage,
    /// Default: `local`.
    #[serde(default)]
    on_store_failure: Option<OnStoreFailure>,
    /// Default: `false`.
    #[serde(default)]
    #[cfg_attr(feature = "schema", schema(value_type = Option<bool>))]
    lease: bool,
    /// Default: `UTC`.
    #[serde(default)]
    time_zone: Option<TimeZoneName>,
}

impl GivenRateLimitPolicy {
    pub(super) fn of(limit: Limit) -> Self {
        Self {
            name: None,
            limit,
            algorithm: None,
            key_strategy: None,
            on_missing_key: None,
            burst: 0,
            cost: None,
            tiers: Vec::new(),
            tier_resolver: None,
            exempt_ips: Vec::new(),
            exempt_roles: Vec::new(),
            exempt_routes: Vec::new(),
            include_force_active: false,
            enabled: true,
            shadow: false,
            rollout: Percentage::ALL,
            on_store_failure: None,
            lease: false,
            time_zone: None,
        }
    }

    fn declared(declared: &decl::RateLimit) -> Result<Self, Invalid> {
        let cost = NonZeroU32::new(declared.cost).unwrap_or(NonZeroU32::MIN);
        Ok(Self {
            name: Some(name(declared.name, declared.ordinal)?),
            algorithm: parsed(declared.algorithm)?,
            key_strategy: parsed(declared.key)?,
            on_missing_key: parsed(declared.on_missing_key)?,
            burst: declared.burst,
            cost: Some(cost),
            tiers: declared.tiers.iter().map(tier).collect::<Result<_, _>>()?,
            tier_resolver: declared.tier.map(Into::into),
            exempt_ips: networks(declared.exempt_ips)?,
            exempt_roles: roles(declared.exempt_roles)?,
            shadow: declared.shadow,
            rollout: parsed(declared.rollout)?.unwrap_or_default(),
            on_store_failure: parsed(declared.on_store_failure)?,
            lease: declared.lease,
            time_zone: parsed(declared.time_zone)?,
            ..Self::of(declared.limit.parse()?)
        })
    }

    /// The policy, counted by `algorithm` if it names none. A policy with a calendar quota is counted in fixed windows.
    ///
    /// # Errors
    /// [`Invalid`] for a contradictory policy.
    pub fn or_algorithm(mut self, algorithm: Algorithm) -> Result<RateLimitPolicy, Invalid> {
        if self.algorithm.is_none() && !self.has_calendar_quota() {
            self.algorithm = Some(algorithm);
        }
        self.try_into()
    }

    fn has_calendar_quota(&self) -> bool {
        let tiers = self.tiers.iter().filter_map(|tier| match &tier.limit {
            TierLimit::Limited(limit) => Some(limit),
            TierLimit::Unlimited => None,
        });
        let mut rates = std::iter::once(&self.limit)
            .chain(tiers)
            .flat_map(Limit::rates);
        rates.any(|rate| rate.period().seconds().is_none())
    }
}

fn tier((name, limit): &(&str, &str)) -> Result<Tier, Invalid> {
    Ok(Tier {
        name: name.parse()?,
        limit: limit.parse()?,
    })
}

impl TryFrom<GivenRateLimitPolicy> for RateLimitPolicy {
    type Error = Invalid;

    fn try_from(fields: GivenRateLimitPolicy) -> Result<Self, Invalid> {
        let key = match fields.key_strategy {
            Some(key) => key,
            // Plans belong to users.
            None if !fields.tiers.is_empty() => "user".parse()?,
            None => KeySource::default(),
        };
        let name = fields.name.map_or_else(|| Self::DEFAULT_NAME.parse(), Ok)?;
        let time_zone = fields.time_zone.map_or_else(|| "UTC".parse(), Ok)?;
        let policy = Self {
            name,
            limit: fields.limit,
            algorithm: fields.algorithm.unwrap_or_default(),
            key,
            on_missing_key: fields.on_missing_key,
            burst: fields.burst,
            cost: fields.cost.unwrap_or(NonZeroU32::MIN),
            tiers: fields.tiers,
            tier_resolver: fields
                .tier_resolver
                .unwrap_or_else(|| Self::DEFAULT_RESOLVER.into()),
            exempt_ips: fields.exempt_ips,
            exempt_roles: fields.exempt_roles,
            exempt_routes: fields.exempt_routes,
            include_force_active: fields.include_force_active,
            enabled: fields.enabled,
            shadow: fields.shadow,
            rollout: fields.rollout,
            on_store_failure: fields.on_store_failure.unwrap_or_default(),
            lease: fields.lease,
            time_zone,
        };
        policy.check_shape()?;
        Ok(policy)
    }
}

fn yes() -> bool {
    true
}

fn share<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Percentage, D::Error> {
    let number = serde_json::Number::deserialize(deserializer)?;
    number
        .to_string()
        .trim_end_matches(".0")
        .parse()
        .map_err(D::Error::custom)
}
