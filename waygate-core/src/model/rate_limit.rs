use std::num::NonZeroU32;

use ipnet::IpNet;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

use super::{ExemptPath, text};
use crate::grammar::{
    Algorithm, Invalid, KeySource, Limit, OnMissingKey, OnStoreFailure, Percentage, Period,
    PolicyName, Rate, RoleName, TierLimit, TimeZoneName,
};

/// A rate limit: how much, counted how, by what, and for whom not (wire contract section 2.4, and more).
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
    pub const DEFAULT_NAME: &str = "default";
    /// The attribute of the caller that names the tier, where the policy does not say.
    pub const DEFAULT_RESOLVER: &str = "plan";
    /// How many tiers one policy may have.
    pub const MAX_TIERS: usize = 64;
    /// The largest moving window: it keeps every request.
    pub const MAX_MOVING: u64 = crate::limit::MovingLog::MAX_LIMIT;

    /// A policy of this limit, and everything else as it is when nobody says.
    ///
    /// # Errors
    /// [`Invalid`] when the limit does not go with the default algorithm, a fixed window.
    pub fn new(limit: Limit) -> Result<Self, Invalid> {
        Fields::of(limit).try_into()
    }

    /// What happens to requests without a key.
    pub fn when_missing(&self) -> OnMissingKey {
        self.on_missing_key
            .unwrap_or_else(|| self.key.when_missing())
    }

    /// The rates of a limit, each with the burst that holds for it.
    pub fn rates<'a>(&self, limit: &'a Limit) -> impl Iterator<Item = Rate> + use<'a> {
        let burst = (self.burst > 0).then_some(self.burst);
        let rates = limit.rates().iter();
        rates.map(move |rate| rate.with_burst(rate.burst().or(burst)))
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
    /// [`Invalid`] naming the limit and what would be right. A policy that was read has been checked; one whose fields
    /// were set by hand has not.
    pub fn check(&self) -> Result<(), Invalid> {
        for limit in self.limits() {
            for rate in self.rates(limit) {
                self.check_rate(rate)
                    .map_err(|problem| Invalid::new("rate limit", limit.as_str(), problem))?;
            }
        }
        for (at, tier) in self.tiers.iter().enumerate() {
            if self.tiers[..at].iter().any(|other| other.name == tier.name) {
                return Err(Invalid::new(
                    "tier",
                    tier.name.as_str(),
                    "it is given twice",
                ));
            }
        }
        if self.tiers.len() > Self::MAX_TIERS {
            let problem = format!("a policy has at most {} tiers", Self::MAX_TIERS);
            return Err(Invalid::new("tier", "", problem));
        }
        Ok(())
    }

    fn check_rate(&self, rate: Rate) -> Result<(), String> {
        let capacity = rate.amount().saturating_add(rate.burst().unwrap_or(0));
        let Some(seconds) = rate.period().seconds() else {
            return match self.algorithm {
                Algorithm::FixedWindow => Ok(()),
                other => Err(format!("a calendar quota is a fixed window, not a {other}")),
            };
        };
        match self.algorithm {
            Algorithm::MovingWindow if capacity > Self::MAX_MOVING => Err(format!(
                "a moving window remembers every request, and takes {} at most; use sliding_window or token_bucket",
                Self::MAX_MOVING
            )),
            Algorithm::SlidingWindow if capacity > u64::from(u32::MAX) => {
                Err(format!("a sliding window takes {} at most", u32::MAX))
            }
            Algorithm::TokenBucket if rate.amount() == 0 => {
                Err("a token bucket that never refills takes nothing; use fixed_window".to_owned())
            }
            Algorithm::TokenBucket if rate.amount() / 1_000_000_000 >= seconds => {
                Err("a token bucket refills a billion times a second at most".to_owned())
            }
            Algorithm::FixedWindow
            | Algorithm::SlidingWindow
            | Algorithm::MovingWindow
            | Algorithm::TokenBucket => Ok(()),
        }
    }

    /// What the policy does, in words.
    ///
    /// ```
    /// # use waygate_core::model::RateLimitPolicy;
    /// let mut policy = RateLimitPolicy::new("100/minute".parse()?)?;
    /// assert_eq!(policy.meaning(), "at most 100 in a minute from the first on, for each client address");
    /// policy.algorithm = waygate_core::grammar::Algorithm::TokenBucket;
    /// policy.burst = 20;
    /// assert_eq!(policy.meaning(), "20 at once, and 100 per minute in the long run, for each client address");
    /// # Ok::<(), waygate_core::grammar::Invalid>(())
    /// ```
    pub fn meaning(&self) -> String {
        let own = self.rates(&self.limit).map(|rate| self.rate_in_words(rate));
        let mut words = own.collect::<Vec<_>>().join("; ");
        words.push_str(", ");
        words.push_str(&self.key_in_words());
        for tier in &self.tiers {
            let limit = match &tier.limit {
                TierLimit::Unlimited => "no limit".to_owned(),
                TierLimit::Limited(limit) => {
                    let rates = self.rates(limit).map(|rate| self.rate_in_words(rate));
                    rates.collect::<Vec<_>>().join("; ")
                }
            };
            words.push_str(&format!("; {}: {limit}", tier.name));
        }
        words
    }

    fn rate_in_words(&self, rate: Rate) -> String {
        let (amount, period) = (rate.amount(), rate.period());
        let capacity = amount + rate.burst().unwrap_or(0);
        let article = match period {
            Period::Rolling { count: 1, .. } => "a ",
            _ => "",
        };
        match (self.algorithm, period) {
            (_, Period::Calendar(_)) => {
                format!("at most {capacity} per {period} ({})", self.time_zone)
            }
            (Algorithm::FixedWindow, _) => {
                format!("at most {capacity} in {article}{period} from the first on")
            }
            (Algorithm::SlidingWindow, _) => format!("at most about {capacity} in any {period}"),
            (Algorithm::MovingWindow, _) => format!("at most {capacity} in any {period}"),
            (Algorithm::TokenBucket, _) => {
                let depth = rate.burst().unwrap_or(amount);
                format!("{depth} at once, and {amount} per {period} in the long run")
            }
        }
    }

    fn key_in_words(&self) -> String {
        use crate::grammar::KeyPart;
        let KeySource::Parts(parts) = &self.key else {
            return "for each key that the code tells".to_owned();
        };
        let parts = parts.iter().map(|part| match part {
            KeyPart::Ip => "client address".to_owned(),
            KeyPart::User => "user".to_owned(),
            KeyPart::ApiKey => "API key".to_owned(),
            KeyPart::Global => String::new(),
            KeyPart::Header(name) => format!("value of the header {name}"),
            KeyPart::Path(name) => format!("{{{name}}}"),
        });
        match &*parts.collect::<Vec<_>>().join(" and ") {
            "" => "for all requests together".to_owned(),
            parts => format!("for each {parts}"),
        }
    }
}

impl<'de> Deserialize<'de> for RateLimitPolicy {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Fields::deserialize(deserializer)?
            .try_into()
            .map_err(D::Error::custom)
    }
}

/// A policy as it is written, unchecked.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Fields {
    #[serde(default)]
    name: Option<PolicyName>,
    limit: Limit,
    #[serde(default)]
    algorithm: Option<Algorithm>,
    #[serde(default)]
    key_strategy: Option<KeySource>,
    #[serde(default)]
    on_missing_key: Option<OnMissingKey>,
    #[serde(default)]
    burst: u64,
    #[serde(default)]
    cost: Option<NonZeroU32>,
    #[serde(default)]
    tiers: Vec<Tier>,
    #[serde(default)]
    tier_resolver: Option<Box<str>>,
    #[serde(default, with = "text::networks")]
    exempt_ips: Vec<IpNet>,
    #[serde(default)]
    exempt_roles: Vec<RoleName>,
    #[serde(default)]
    exempt_routes: Vec<ExemptPath>,
    #[serde(default = "yes")]
    enabled: bool,
    #[serde(default)]
    shadow: bool,
    #[serde(default, deserialize_with = "share")]
    rollout: Percentage,
    #[serde(default)]
    on_store_failure: Option<OnStoreFailure>,
    #[serde(default)]
    lease: bool,
    #[serde(default)]
    time_zone: Option<TimeZoneName>,
}

impl Fields {
    fn of(limit: Limit) -> Self {
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
            enabled: true,
            shadow: false,
            rollout: Percentage::ALL,
            on_store_failure: None,
            lease: false,
            time_zone: None,
        }
    }
}

impl TryFrom<Fields> for RateLimitPolicy {
    type Error = Invalid;

    fn try_from(fields: Fields) -> Result<Self, Invalid> {
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
            enabled: fields.enabled,
            shadow: fields.shadow,
            rollout: fields.rollout,
            on_store_failure: fields.on_store_failure.unwrap_or_default(),
            lease: fields.lease,
            time_zone,
        };
        policy.check()?;
        Ok(policy)
    }
}

fn yes() -> bool {
    true
}

/// In percent, as a number.
fn percent<S: Serializer>(share: &Percentage, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(f64::from(share.basis_points()) / 100.0)
}

fn share<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Percentage, D::Error> {
    let number = serde_json::Number::deserialize(deserializer)?;
    number
        .to_string()
        .trim_end_matches(".0")
        .parse()
        .map_err(D::Error::custom)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, from_value, json, to_value};

    use super::*;

    fn policy(value: Value) -> RateLimitPolicy {
        from_value(value).unwrap()
    }

    fn problem(value: Value) -> String {
        from_value::<RateLimitPolicy>(value)
            .unwrap_err()
            .to_string()
    }

    #[test]
    fn has_the_contracts_fields_and_its_defaults() {
        let policy = policy(json!({"limit": "5/minute"}));
        let Value::Object(mut fields) = to_value(&policy).unwrap() else {
            panic!()
        };
        for ours in [
            "name",
            "cost",
            "enabled",
            "shadow",
            "rollout",
            "on_store_failure",
            "lease",
            "time_zone",
        ] {
            assert!(fields.remove(ours).is_some(), "{ours}");
        }
        assert_eq!(
            Value::Object(fields),
            json!({
                "limit": "5/minute", "algorithm": "fixed_window", "key_strategy": "ip",
                "on_missing_key": null, "burst": 0, "tiers": [], "tier_resolver": "plan",
                "exempt_ips": [], "exempt_roles": [],
            })
        );
    }

    #[test]
    fn reads_back_what_it_writes() {
        let full = policy(json!({
            "name": "per-hour", "limit": "10/s; 1000/hour", "algorithm": "token_bucket",
            "key_strategy": "user, header:X-Tenant", "on_missing_key": "block", "burst": 30, "cost": 2,
            "tiers": [{"name": "pro", "limit": "100/s"}, {"name": "enterprise", "limit": "unlimited"}],
            "tier_resolver": "plan", "exempt_ips": ["10.0.0.0/8"], "exempt_roles": ["admin"],
            "exempt_routes": ["GET:/health"], "enabled": false, "shadow": true, "rollout": 12.5,
            "on_store_failure": "closed", "lease": true, "time_zone": "Europe/Berlin",
        }));
        assert_eq!(policy(to_value(&full).unwrap()), full);
    }

    #[test]
    fn plans_belong_to_users() {
        let tiers = json!([{"name": "free", "limit": "10/min"}]);
        let tiered = policy(json!({"limit": "1/min", "tiers": tiers}));
        assert_eq!(tiered.key.to_string(), "user");
        let by_key = policy(json!({"limit": "1/min", "tiers": tiers, "key_strategy": "api_key"}));
        assert_eq!(by_key.key.to_string(), "api_key");
    }

    #[test]
    fn refuses_what_contradicts_itself() {
        for (value, expected) in [
            (
                json!({"limit": "1001/minute", "algorithm": "moving_window"}),
                "invalid rate limit `1001/minute`: a moving window remembers every request, and takes 1000 at most; \
                 use sliding_window or token_bucket",
            ),
            (
                json!({"limit": "1000/minute", "algorithm": "moving_window", "burst": 1}),
                "invalid rate limit `1000/minute`: a moving window remembers every request",
            ),
            (
                json!({"limit": "5/calendar day", "algorithm": "sliding_window"}),
                "invalid rate limit `5/calendar day`: a calendar quota is a fixed window, not a sliding_window",
            ),
            (
                json!({"limit": "0/s", "algorithm": "token_bucket"}),
                "invalid rate limit `0/s`: a token bucket that never refills",
            ),
            (
                json!({"limit": "1/s", "tiers": [{"name": "a", "limit": "1/s"}, {"name": "a", "limit": "2/s"}]}),
                "invalid tier `a`: it is given twice",
            ),
            (
                json!({"limit": "1/s", "tiers": [{"name": "a", "limit": "2/x"}]}),
                "invalid rate limit `2/x`: `x` is no unit of time",
            ),
            (
                json!({"limit": "1/s", "rollout": 101}),
                "invalid percentage `101`",
            ),
            (
                json!({"limit": "1/s", "cost": 0}),
                "invalid value: integer `0`",
            ),
            (json!({"limit": "1/s", "extra": 0}), "unknown field `extra`"),
        ] {
            let found = problem(value);
            assert!(found.starts_with(expected), "{found}");
        }
    }

    #[test]
    fn says_what_it_means() {
        for (value, meaning) in [
            (
                json!({"limit": "10/5 minutes", "algorithm": "sliding_window", "key_strategy": "global"}),
                "at most about 10 in any 5 minutes, for all requests together",
            ),
            (
                json!({"limit": "10/s; 100/min", "burst": 5, "key_strategy": "user, path:tenant"}),
                "at most 15 in a second from the first on; at most 105 in a minute from the first on, for each user and {tenant}",
            ),
            (
                json!({"limit": "1000/calendar month", "time_zone": "Asia/Tokyo",
                       "tiers": [{"name": "pro", "limit": "unlimited"}]}),
                "at most 1000 per calendar month (Asia/Tokyo), for each user; pro: no limit",
            ),
            (
                json!({"limit": "4000/s burst 8000", "algorithm": "token_bucket", "key_strategy": "api_key"}),
                "8000 at once, and 4000 per second in the long run, for each API key",
            ),
        ] {
            assert_eq!(policy(value).meaning(), meaning);
        }
    }
}
