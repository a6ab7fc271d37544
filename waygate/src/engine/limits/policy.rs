use std::{net::IpAddr, sync::Arc};

use hmac_sha256::Hash;
use http::HeaderValue;
use ipnet::IpNet;
use waygate_core::{
    grammar::{
        self, CalendarUnit, KeyPart, KeySource, Limit, Percentage, Period, PolicyName, TierLimit,
        Unit, canonical_network,
    },
    limit::{Rule, quota::Nanos},
    model::{LimitKey, LimitScope, RateLimitPolicy},
    port::CounterKey,
};

use super::{
    CountersHandle, RateLimitHeaders, key::LimitedKey, number::number, overrides::Applying,
    stats::PolicyStats,
};
use crate::engine::{compiler::Compiler, stored::Stored};

/// A compiled rate limit policy.
#[derive(Debug)]
pub(crate) struct Policy {
    pub(crate) key: LimitKey,
    pub(crate) fields: RateLimitPolicy,
    /// The commit that set it; 0 for a declaration.
    pub(crate) revision: u64,
    /// `true` if the declaration in code has changed since an operator set the policy.
    pub(crate) drifted: bool,
    pub(crate) stats: Arc<PolicyStats>,
    /// `true` if the code declares a policy with this name, so that the functions of its attribute apply.
    pub(crate) is_declared: bool,
    /// `true` if a function returns the cost of each request.
    pub(crate) has_cost_function: bool,
    /// The reason why the policy does not count as intended, if known.
    pub(crate) problem: Option<String>,
    exempt_ips: ExemptNetworks,
    limits: Box<[Rates]>,
    /// `true` if the policy counts every request, by the client's address, in one tier.
    pub(super) is_plain: bool,
    pub(super) counters: CountersHandle,
    pub(super) headers: RateLimitHeaders,
}

/// The rates of the policy's own limit, or of one tier.
#[derive(Debug)]
pub(crate) struct Rates {
    /// The original text; `unlimited` without rates.
    pub(crate) text: Box<str>,
    pub(crate) list: Box<[Rate]>,
}

/// One rate, with its text in headers.
#[derive(Debug)]
pub(crate) struct Rate {
    pub(crate) counter_key: CounterKey,
    pub(crate) rule: Rule,
    /// For `X-RateLimit-Limit`.
    pub(crate) limit: HeaderValue,
    /// The name in `RateLimit` and `RateLimit-Policy`, in quotes.
    pub(crate) name: Box<str>,
    /// `RateLimit-Policy`, if this is the only rate; `None` for calendar windows, whose length varies.
    advertised: Option<HeaderValue>,
}

/// Networks of clients that are not counted.
#[derive(Debug)]
pub(crate) struct ExemptNetworks(Box<[IpNet]>);

/// The limit of a policy that applies to a caller: 0 for its own, n for its nth tier.
pub(crate) type TierIndex = u16;

impl Policy {
    /// Compiles the effective policy of a key.
    pub(crate) fn compile(
        applying: Applying<RateLimitPolicy>,
        stored: &Stored,
        compiler: Compiler<'_>,
    ) -> Self {
        let Applying {
            key,
            fields,
            revision,
            drifted,
            declared,
        } = applying;
        let (generation, stats) = (
            stored.generation(&key, compiler.service),
            compiler.book.of(&key),
        );
        let has_tiers = !fields.tiers.is_empty();
        let sources = compiler.sources;
        let label = label(&key, compiler.is_part);
        let tiers = fields.tiers.iter();
        let tiers = tiers.map(|tier| (Some(&tier.name), &tier.limit));
        let own = TierLimit::Limited(fields.limit.clone());
        let limits = std::iter::once((None, &own))
            .chain(tiers)
            .map(|(tier, limit)| Rates::compile(&key, &label, &fields, tier, limit, generation))
            .collect();
        let problem = sources.problem(&fields.key, &key, declared.as_ref(), has_tiers);
        stats
            .problem
            .note(problem.as_deref(), &key, compiler.service);
        Self {
            exempt_ips: ExemptNetworks::new(&fields.exempt_ips),
            limits,
            is_plain: is_plain(&fields),
            counters: compiler.counters.clone(),
            headers: compiler.headers,
            is_declared: declared.is_some(),
            has_cost_function: false,
            problem,
            key,
            fields,
            revision,
            drifted,
            stats,
        }
    }

    /// The length of its shortest window in seconds.
    #[cfg(feature = "webhooks")]
    pub(crate) fn shortest_window(&self, now: Nanos) -> Option<u64> {
        let rates = self.limits.iter().flat_map(|rates| &rates.list);
        rates.map(|rate| rate.rule.window_seconds(now)).min()
    }

    /// Describes the policy in words.
    pub(crate) fn meaning(&self) -> String {
        self.with_costs(self.fields.meaning())
    }

    /// Summarizes the policy for clients.
    #[cfg(feature = "openapi")]
    pub(crate) fn summary(&self) -> String {
        match self.has_cost_function {
            true => self.with_costs(self.fields.summary_in_units()),
            false => self.fields.summary(),
        }
    }

    /// Summarizes one of its limits for clients.
    #[cfg(feature = "openapi")]
    pub(crate) fn limit_summary(&self, limit: &Limit) -> String {
        match self.has_cost_function {
            true => self.fields.limit_summary_in_units(limit),
            false => self.fields.limit_summary(limit),
        }
    }

    fn with_costs(&self, mut words: String) -> String {
        if self.has_cost_function {
            words.push_str("; a function returns the cost of each request");
        }
        words
    }

    /// The rates for one tier.
    #[inline]
    pub(crate) fn rates(&self, tier: TierIndex) -> &Rates {
        // The policy's own limit is always present.
        self.limits
            .get(usize::from(tier))
            .unwrap_or(&self.limits[0])
    }

    /// The rates of all tiers. Each has its own counters.
    pub(crate) fn all_rates(&self) -> impl Iterator<Item = &Rate> {
        self.limits.iter().flat_map(|rates| &rates.list)
    }

    /// The tier of a plan; the policy's own limit for all others.
    pub(crate) fn tier_of(&self, plan: Option<&str>) -> TierIndex {
        let tiers = &self.fields.tiers;
        let found = plan.and_then(|plan| tiers.iter().position(|tier| tier.name.as_str() == plan));
        found.map_or(0, |index| u16::try_from(index + 1).unwrap_or(0))
    }

    /// The name of a tier; `None` for the policy's own limit.
    pub(crate) fn tier_name(&self, tier: TierIndex) -> Option<&PolicyName> {
        let index = usize::from(tier).checked_sub(1)?;
        self.fields.tiers.get(index).map(|tier| &tier.name)
    }

    /// Returns `true` if clients with this address are not counted.
    pub(crate) fn exempts_ip(&self, ip: impl FnOnce() -> Option<IpAddr>) -> bool {
        self.exempt_ips.contain(ip)
    }

    /// Returns `true` if the roll-out includes this key. An included key stays included when the share grows.
    #[inline]
    pub(crate) fn is_rolled_out_to(&self, key: &LimitedKey) -> bool {
        let share = self.fields.rollout.basis_points();
        share == Percentage::ALL.basis_points() || bucket(&self.key, key) < share
    }

    /// Returns `true` if every limit of the policy has at most one rate.
    pub(crate) fn has_one_rate(&self) -> bool {
        self.limits.iter().all(|rates| rates.list.len() <= 1)
    }

    /// Returns `true` unless the policy is in shadow mode.
    #[inline]
    pub(crate) fn is_enforced(&self) -> bool {
        !self.fields.shadow
    }
}

fn is_plain(fields: &RateLimitPolicy) -> bool {
    fields.enabled
        && fields.exempt_ips.is_empty()
        && fields.exempt_roles.is_empty()
        && fields.tiers.is_empty()
        && fields.rollout.basis_points() == Percentage::ALL.basis_points()
        && matches!(&fields.key, KeySource::Parts(parts) if **parts == [KeyPart::Ip])
}

impl ExemptNetworks {
    pub(crate) fn new(networks: &[IpNet]) -> Self {
        Self(networks.iter().copied().map(canonical_network).collect())
    }

    /// Returns `true` if the address is in one of them. It is not computed if there are none.
    pub(crate) fn contain(&self, ip: impl FnOnce() -> Option<IpAddr>) -> bool {
        !self.0.is_empty()
            && ip()
                .map(|ip| ip.to_canonical())
                .is_some_and(|ip| self.0.iter().any(|network| network.contains(&ip)))
    }
}

impl Rates {
    fn compile(
        key: &LimitKey,
        label: &str,
        fields: &RateLimitPolicy,
        tier: Option<&PolicyName>,
        limit: &TierLimit,
        generation: u64,
    ) -> Self {
        let TierLimit::Limited(limit) = limit else {
            return Self {
                text: limit.to_string().into(),
                list: Box::default(),
            };
        };
        let rules = Rule::compile(fields, limit).into_iter().enumerate();
        // Each tier has its own counters: requests of one change no counter of another, whatever their key.
        let name = match tier {
            Some(tier) => format!("{}:{tier}", key.name),
            None => key.name.to_string(),
        };
        let counter_key =
            |index| CounterKey::new(&key.scope, &name, rank(limit, index), generation);
        let list = rules.map(|(index, rule)| {
            Rate::new(counter_key(index), item_name(label, limit, index), rule)
        });
        Self {
            text: limit.as_str().into(),
            list: list.collect(),
        }
    }
}

impl Rate {
    fn new(counter_key: CounterKey, name: String, rule: Rule) -> Self {
        let rate = Self {
            counter_key,
            limit: number(rule.capacity()),
            name: name.into(),
            advertised: None,
            rule,
        };
        let fixed = !matches!(rate.rule, Rule::Calendar(_));
        let advertised = fixed.then(|| HeaderValue::try_from(rate.policy_item(0)).ok());
        Self {
            advertised: advertised.flatten(),
            ..rate
        }
    }

    /// The item of `RateLimit-Policy`: quota and window (draft-ietf-httpapi-ratelimit-headers, section 3).
    pub(crate) fn policy_item(&self, now: Nanos) -> String {
        let (quota, window) = (self.rule.capacity(), self.rule.window_seconds(now));
        format!("{};q={quota};w={window}", self.name)
    }

    /// The complete `RateLimit-Policy`, if this is the only rate.
    pub(crate) fn advertised(&self) -> Option<&HeaderValue> {
        self.advertised.as_ref()
    }
}

/// The position of a key among ten thousand, stable across processes and time.
#[cold]
fn bucket(policy: &LimitKey, key: &LimitedKey) -> u16 {
    let mut hasher = Hash::new();
    hasher.update(policy.to_string());
    hasher.update(key.as_bytes());
    let digest = hasher.finalize();
    let number = digest
        .iter()
        .take(8)
        .fold(0u64, |number, byte| number << 8 | u64::from(*byte));
    (number % u64::from(Percentage::ALL.basis_points())) as u16
}

/// The counter of a rate within its policy: the longest period has the first, so that adding or removing a shorter
/// rate keeps the consumption of the others.
fn rank(limit: &Limit, index: usize) -> usize {
    let length = |rate: &grammar::Rate| match rate.period() {
        Period::Calendar(CalendarUnit::Day) => Unit::Day.seconds(),
        Period::Calendar(CalendarUnit::Month) => Unit::Month.seconds(),
        rolling => rolling.seconds().unwrap_or(0),
    };
    let lengths: Vec<u64> = limit.rates().iter().map(length).collect();
    let own = lengths.get(index).copied().unwrap_or(0);
    let before = |(other, length): (usize, &u64)| *length > own || *length == own && other < index;
    lengths
        .iter()
        .enumerate()
        .filter(|rate| before(*rate))
        .count()
}

/// The name of a policy among all that count one request, in `RateLimit` and `RateLimit-Policy`. A route's policies
/// have the operators' names.
pub(crate) fn label(key: &LimitKey, is_part: bool) -> String {
    let name = &key.name;
    let named = |scope: &str| match name.as_str() {
        RateLimitPolicy::DEFAULT_NAME => scope.to_owned(),
        name => format!("{scope}-{name}"),
    };
    match &key.scope {
        LimitScope::Global => named("global"),
        LimitScope::Service(_) => named("service"),
        LimitScope::Route(route) => match route.method().filter(|_| is_part) {
            Some(method) => named(method.as_str()),
            None => name.to_string(),
        },
    }
}

/// The name of a rate. A policy of several rates has several items, which need distinct names.
fn item_name(name: &str, limit: &Limit, index: usize) -> String {
    match limit.rates() {
        [_] => format!("\"{name}\""),
        rates => match rates.get(index) {
            Some(rate) => format!("\"{name}-{}\"", rate.period().to_string().replace(' ', "-")),
            None => format!("\"{name}-{index}\""),
        },
    }
}
