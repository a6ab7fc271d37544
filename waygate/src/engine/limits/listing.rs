use std::sync::Arc;

use waygate_core::{
    grammar::{ServiceName, TierLimit, format_wire, refuses_all},
    model::{LimitKey, LimitScope, RateLimitPolicy, Revision},
    similar::typing_errors,
    view::{HitRecord, KeyUse},
};

use super::{
    Policy,
    record::{HitFacts, HitQuery, LimitRecord},
    stats::Hit,
};
use crate::{
    ChangeError, Waygate,
    engine::{DecisionRecord, snapshot::Snapshot},
};

impl LimitRecord {
    fn new(policy: &Policy, snapshot: &Snapshot) -> Self {
        Self {
            key: policy.key.clone(),
            policy: policy.fields.clone(),
            meaning: policy.meaning(),
            has_cost_function: policy.has_cost_function,
            revision: Revision {
                number: policy.revision,
                ..snapshot.revision
            },
            overridden: policy.revision > 0,
            drifted: policy.drifted,
            counts: policy.stats.counts(),
            on_missing_key: policy.fields.when_missing(),
            skipped: policy.stats.skipped.count(),
            without_caller: policy.stats.without_caller.count(),
            warning: {
                let known = snapshot.limit_warning(
                    &policy.key,
                    policy.problem.as_ref(),
                    &policy.fields.exempt_routes,
                );
                let known = known.into_iter().chain(stops(&policy.fields));
                let all: Vec<String> = known.chain(tier_warning(policy)).collect();
                (!all.is_empty()).then(|| all.join("; "))
            },
        }
    }
}

/// The limits of a policy that refuse every request, as in an emergency.
fn stops(policy: &RateLimitPolicy) -> impl Iterator<Item = String> {
    let tiers = policy.tiers.iter().filter_map(|tier| match &tier.limit {
        TierLimit::Limited(limit) => Some((limit, format!(" of the tier `{}`", tier.name))),
        TierLimit::Unlimited => None,
    });
    std::iter::once((&policy.limit, String::new()))
        .chain(tiers)
        .filter(|_| policy.enabled && !policy.shadow)
        .filter(|(limit, _)| refuses_all(limit, policy.algorithm, policy.burst))
        .map(|(limit, callers)| format!("`{limit}` refuses every request{callers} with 429"))
}

/// The warning if no caller has had the attribute that selects a tier.
fn tier_warning(policy: &Policy) -> Option<String> {
    let callers = policy.stats.callers_without_tier()?;
    Some(format!(
        "none of {callers} callers had the attribute `{}` that selects one of its `tiers` (`tier = \"..\"`): \
         `Principal::attribute` returns `None` for it",
        policy.fields.tier_resolver
    ))
}

impl Hit {
    /// The record of a refusal by a process of this service.
    pub(super) fn record(self, service: Option<&ServiceName>) -> HitRecord {
        let hit = self;
        let path = hit.route.path();
        // The spelling of the wire contract, section 8.2.
        let key = match &hit.policy.scope {
            LimitScope::Global => "ALL:__global__".to_owned(),
            LimitScope::Service(service) => format!("ALL:__svc_rl:{service}__"),
            LimitScope::Route(_) => format!("{}:{path}", hit.method),
        };
        let mut record = HitRecord::new(hit.id, format_wire(hit.at, "Z"), hit.policy);
        record.service = service.map(ToString::to_string);
        record.path = path.to_owned();
        record.method = hit.method.into();
        record.key = format!("waygate:ratelimit:{key}:{}", hit.key.label());
        record.limit = hit.limit.into();
        record.tier = hit.tier.map(Into::into);
        record.reset_at = format_wire(hit.reset_at, "Z");
        record.enforced = hit.enforced;
        record
    }
}

impl HitQuery {
    /// `key` returns the displayed form of the key.
    pub(super) fn wants(&self, hit: &HitFacts<'_>, key: impl FnOnce() -> String) -> bool {
        let of_route = |wanted: &str| {
            let by_method = wanted.strip_prefix(hit.method);
            let by_method = by_method.and_then(|rest| rest.strip_prefix(':'));
            [hit.route.path(), hit.route.as_str()].contains(&wanted)
                || hit.route.method().is_none() && by_method == Some(hit.route.path())
        };
        self.route.as_deref().is_none_or(of_route)
            && self
                .policy
                .as_deref()
                .is_none_or(|policy| policy == hit.policy)
            && self
                .enforced
                .is_none_or(|enforced| enforced == hit.enforced)
            && self.since.is_none_or(|since| hit.at >= since)
            && self.until.is_none_or(|until| hit.at < until)
            && self.key.as_ref().is_none_or(|wanted| *wanted == key())
    }
}

impl Hit {
    fn facts(&self) -> HitFacts<'_> {
        HitFacts {
            at: self.at,
            method: &self.method,
            route: &self.route,
            policy: self.policy.name.as_str(),
            enforced: self.enforced,
        }
    }
}

impl Snapshot {
    /// The policy of a key.
    pub(crate) fn policy(&self, key: &LimitKey) -> Option<&Arc<Policy>> {
        let policies = self.policies_of(&key.scope);
        policies.iter().find(|policy| policy.key.name == key.name)
    }

    /// The error for a key without a policy.
    pub(crate) fn no_such_limit(&self, key: &LimitKey) -> ChangeError {
        let keys = self.all_limits().flat_map(|own| &*own.rates);
        let errors = |known: &LimitKey| {
            let (one, other) = match (&known.scope, &key.scope) {
                (one, other) if one == other => (known.name.as_str(), key.name.as_str()),
                (LimitScope::Service(one), LimitScope::Service(other))
                    if known.name == key.name =>
                {
                    (one.as_str(), other.as_str())
                }
                _ => return None,
            };
            Some(typing_errors(one, other)).filter(|errors| errors * 3 <= other.len())
        };
        let near = keys.filter_map(|policy| Some((errors(&policy.key)?, &policy.key)));
        ChangeError::NoSuchLimit {
            key: key.clone(),
            nearest: near
                .min_by_key(|(errors, _)| *errors)
                .map(|(_, near)| near.clone()),
        }
    }

    /// Returns the policy with a key.
    pub(crate) fn limit_record(&self, key: &LimitKey) -> Option<LimitRecord> {
        self.policy(key)
            .map(|policy| LimitRecord::new(policy, self))
    }
}

impl Waygate {
    /// Returns every rate limit policy: the global ones, those of services (including other services, which are not
    /// enforced here), and those of routes.
    pub fn rate_limits(&self) -> Vec<LimitRecord> {
        let snapshot = self.inner.snapshot.load();
        let mut records: Vec<LimitRecord> = snapshot
            .all_limits()
            .flat_map(|own| &*own.rates)
            .map(|policy| LimitRecord::new(policy, &snapshot))
            .collect();
        records.sort_by(|a, b| a.key.cmp(&b.key));
        records
    }

    /// Returns one policy.
    pub fn rate_limit(&self, key: &LimitKey) -> Option<LimitRecord> {
        self.inner.snapshot.load().limit_record(key)
    }

    /// Returns one policy, which must exist.
    #[cfg(feature = "admin")]
    pub(crate) fn known_rate_limit(&self, key: &LimitKey) -> Result<LimitRecord, ChangeError> {
        let snapshot = self.inner.snapshot.load();
        let record = snapshot.limit_record(key);
        record.ok_or_else(|| snapshot.no_such_limit(key))
    }

    /// Returns the newest refusals of this process; the last ten thousand are kept.
    /// [`shared_rate_limit_hits`](Self::shared_rate_limit_hits) returns those of all processes.
    pub fn rate_limit_hits(&self, query: &HitQuery) -> Vec<HitRecord> {
        let wants = |hit: &Hit| query.wants(&hit.facts(), || hit.key.label());
        let hits = self.inner.book.hits(query.limit, wants);
        let service = self.service();
        hits.into_iter().map(|hit| hit.record(service)).collect()
    }

    /// Returns the keys of a policy that are near its limit or were refused, sorted by the number of such requests.
    /// Each process remembers at most 256.
    pub fn near_limit(&self, key: &LimitKey, limit: usize) -> Vec<KeyUse> {
        let snapshot = self.inner.snapshot.load();
        let policy = snapshot.policy(key);
        policy.map_or_else(Vec::new, |policy| policy.stats.top(limit))
    }

    /// Explains how this process decided about the request with this `X-Request-Id`, if it is among the last few
    /// thousand that were refused, counted, or exempt from maintenance: the refusing gate (maintenance, disabled,
    /// environment, network, role), the exemption, or the result of each limit. Otherwise `None`.
    pub fn explain(&self, request_id: &str) -> Option<DecisionRecord> {
        self.inner.decisions.find(request_id)
    }

    /// Returns the number of counted requests since the process started, by counting mode.
    pub fn counting_modes(&self) -> super::CountingModes {
        self.inner.counters.modes()
    }
}
