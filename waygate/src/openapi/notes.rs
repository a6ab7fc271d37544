//! The notes of a snapshot about an operation.

use std::sync::Arc;

use ipnet::IpNet;
use waygate_core::{
    Timestamp,
    decision::Block,
    grammar::{EnvName, KeyPart, KeySource, Reason, RoleName, TierLimit},
    model::{ConcurrencyPolicy, Deprecation, LimitKey, LimitScope, Tier},
};

use crate::engine::{Limits, Policy};

/// The notes about a visible operation; empty by default.
#[derive(Debug, Clone, Default)]
pub(super) struct Notes<'a> {
    pub(super) maintenance: Option<Maintenance<'a>>,
    /// Planned maintenance, the next window first.
    pub(super) planned: Vec<Planned<'a>>,
    pub(super) deprecation: Option<&'a Deprecation>,
    /// The allowed environments, including this one.
    pub(super) envs: &'a [EnvName],
    /// The allowed networks.
    pub(super) networks: &'a [IpNet],
    /// The allowed roles, one of which callers need.
    pub(super) roles: &'a [RoleName],
    /// `true` if environments, networks and roles are shown.
    pub(super) shows_access: bool,
    /// The key of the flag that gates it, the status while the flag is off, and its value if it is that of all callers.
    #[cfg(feature = "flags")]
    pub(super) flag: Option<(&'static str, u16, Option<bool>)>,
    pub(super) is_force_active: bool,
    pub(super) limits: Option<Arc<Limits>>,
    pub(super) custom: Custom,
}

/// The closed gates of an operation.
#[derive(Debug, Clone)]
pub(super) struct Maintenance<'a> {
    /// The refusal that requests get, with the end of all.
    block: Block<'a>,
    /// The reasons of the others.
    pub(super) others: Vec<&'a Reason>,
}

impl<'a> Maintenance<'a> {
    /// `None` if `block` depends on the caller.
    pub(super) fn of(block: Block<'a>) -> Option<Self> {
        block.reason()?;
        let others = Vec::new();
        Some(Self { block, others })
    }

    /// The reason that requests get; may be empty.
    pub(super) fn reason(&self) -> Option<&'a Reason> {
        self.block.reason()
    }

    /// Its reasons that are not empty.
    pub(super) fn reasons(&self) -> impl Iterator<Item = &'a Reason> {
        let all = self.reason().into_iter().chain(self.others.iter().copied());
        all.filter(|reason| !reason.is_empty())
    }

    /// The end, if known.
    pub(super) fn until(&self) -> Option<Timestamp> {
        self.block.until()
    }

    pub(super) fn and(mut self, other: Self) -> Self {
        for reason in other.reasons() {
            if self.reasons().all(|known| known != reason) {
                self.others.push(reason);
            }
        }
        Self {
            block: self.block.and(&other.block),
            ..self
        }
    }
}

/// A planned maintenance of the route, of its service or of the whole API.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Planned<'a> {
    pub(super) start: Timestamp,
    /// `None` without an end.
    pub(super) end: Option<Timestamp>,
    pub(super) reason: &'a Reason,
}

/// The refusals that the application answers itself, so that their bodies are unknown.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Custom {
    pub(super) bad_request: bool,
    pub(super) unauthorized: bool,
    pub(super) forbidden: bool,
    pub(super) too_many: bool,
    pub(super) unavailable: bool,
}

impl Custom {
    pub(super) fn or(self, other: Self) -> Self {
        Self {
            bad_request: self.bad_request || other.bad_request,
            unauthorized: self.unauthorized || other.unauthorized,
            forbidden: self.forbidden || other.forbidden,
            too_many: self.too_many || other.too_many,
            unavailable: self.unavailable || other.unavailable,
        }
    }
}

impl<'a> Notes<'a> {
    pub(super) fn is_empty(&self) -> bool {
        let Self {
            maintenance,
            planned,
            deprecation,
            envs,
            networks,
            roles,
            shows_access: _,
            is_force_active,
            limits,
            custom: _,
            #[cfg(feature = "flags")]
            flag,
        } = self;
        #[cfg(feature = "flags")]
        if flag.is_some() {
            return false;
        }
        let lists_are_empty =
            planned.is_empty() && envs.is_empty() && networks.is_empty() && roles.is_empty();
        maintenance.is_none()
            && deprecation.is_none()
            && limits.is_none()
            && !is_force_active
            && lists_are_empty
    }

    /// Merges the notes of two routes that govern one operation.
    pub(super) fn and(self, other: Self) -> Self {
        fn first<'a, T>(one: &'a [T], other: &'a [T]) -> &'a [T] {
            if one.is_empty() { other } else { one }
        }
        let mut planned = self.planned;
        planned.extend(other.planned);
        planned.sort_by_key(|planned| planned.start);
        // Global maintenance closes both.
        planned.dedup();
        let maintenances = self.maintenance.into_iter().chain(other.maintenance);
        Self {
            maintenance: maintenances.reduce(Maintenance::and),
            planned,
            deprecation: self.deprecation.or(other.deprecation),
            envs: first(self.envs, other.envs),
            networks: first(self.networks, other.networks),
            roles: first(self.roles, other.roles),
            #[cfg(feature = "flags")]
            flag: self.flag.or(other.flag),
            shows_access: self.shows_access && other.shows_access,
            is_force_active: self.is_force_active && other.is_force_active,
            limits: self.limits.or(other.limits),
            custom: self.custom.or(other.custom),
        }
    }

    /// The rate limits that count requests.
    pub(super) fn rates(&self) -> impl Iterator<Item = &Policy> {
        let limits = self.limits.iter().flat_map(|limits| &limits.policies);
        limits
            .map(|policy| &**policy)
            .filter(|policy| policy.fields.enabled)
    }

    /// How a rate limit refuses requests without its key: as unauthenticated, or as a bad request.
    pub(super) fn refuses_missing(&self, credentials: bool) -> bool {
        let refusing = self.refusing_rates().map(|policy| &policy.fields);
        let mut refusing = refusing.filter(|fields| fields.when_missing().refuses());
        refusing.any(|fields| {
            let asks = |part| fields.when_missing().asks_for_credentials(part) == credentials;
            match &fields.key {
                KeySource::Parts(parts) => parts
                    .iter()
                    .any(|part| *part != KeyPart::Global && asks(Some(part))),
                KeySource::Custom => asks(None),
            }
        })
    }

    /// The concurrency limits.
    pub(super) fn concurrency(&self) -> impl Iterator<Item = (&LimitKey, &ConcurrencyPolicy)> {
        let limits = self.limits.iter().flat_map(|limits| &limits.concurrency);
        limits.map(|limit| (&limit.key, &limit.fields))
    }

    /// A short description of the limits that refuse requests.
    pub(super) fn refusing(&self) -> Vec<String> {
        let rates = self.refusing_rates();
        let rates = rates.map(|policy| with_tiers(in_words(&policy.key, policy.summary()), policy));
        let concurrency = self.concurrency();
        let concurrency = concurrency.map(|(key, fields)| in_words(key, fields.summary()));
        rates.chain(concurrency).collect()
    }

    /// The rate limits that refuse requests.
    pub(super) fn refusing_rates(&self) -> impl Iterator<Item = &Policy> {
        self.rates().filter(|policy| !policy.fields.shadow)
    }
}

/// The requests that a limit counts together: global, of a service, or of a route.
pub(super) fn scope(key: &LimitKey) -> &'static str {
    match key.scope {
        LimitScope::Global => "global",
        LimitScope::Service(_) => "service",
        LimitScope::Route(_) => "route",
    }
}

/// The tiers of a limit by name, each with a description of its limit.
pub(super) fn tiers(policy: &Policy) -> impl Iterator<Item = (&Tier, String)> {
    policy.fields.tiers.iter().map(|tier| {
        let words = match &tier.limit {
            TierLimit::Unlimited => "unlimited".to_owned(),
            TierLimit::Limited(limit) => policy.limit_summary(limit),
        };
        (tier, words)
    })
}

/// A description of a limit, with its tiers in parentheses.
fn with_tiers(words: String, policy: &Policy) -> String {
    let tiers = tiers(policy).map(|(tier, words)| format!("{}: {words}", tier.name));
    match &*tiers.collect::<Vec<_>>().join("; ") {
        "" => words,
        tiers => format!("{words} ({tiers})"),
    }
}

/// A short description of a limit, with its scope if that is more than the route.
pub(super) fn in_words(key: &LimitKey, mut summary: String) -> String {
    summary.push_str(match key.scope {
        LimitScope::Global => ", over all routes",
        LimitScope::Service(_) => ", over all routes of the service",
        LimitScope::Route(_) => "",
    });
    summary
}
