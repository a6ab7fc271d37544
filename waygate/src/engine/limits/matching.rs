use std::{borrow::Cow, ops::Deref};

use smallvec::{SmallVec, smallvec};
use waygate_core::{
    Printable,
    decision::Facts,
    grammar::{KeyPart, KeySource, OnMissingKey},
    port::Charge,
};

use super::{
    Limits,
    key::LimitedKey,
    missing::{caller_around, remedy},
    policy::{Policy, Rate, Rates, TierIndex},
};
use crate::engine::concurrency::Concurrency;

/// Facts about a request that limits may need, beyond those that its route needs.
pub(crate) trait LimitFacts: Facts {
    /// Adds a part to the key; returns `false` if the request has no such part.
    fn add(&self, part: &KeyPart, key: &mut LimitedKey) -> bool;

    /// An attribute of the caller, such as the plan.
    fn attribute(&self, name: &str) -> Option<Cow<'_, str>>;

    /// Returns `true` if the request carries its caller.
    fn has_caller(&self) -> bool;

    /// The type of callers in extensions, if the builder sets one.
    fn principal_type(&self) -> Option<&'static str>;
}

/// The results of the application's own functions for a request, by policy.
pub(crate) trait Functions {
    /// The key that the policy's function returns.
    fn key(&mut self, policy: &Policy) -> Option<LimitedKey>;

    /// The cost that the policy's function returns; `None` without such a function.
    fn cost(&mut self, policy: &Policy) -> Option<u32>;

    /// The key that the function of a concurrency limit returns.
    fn permit_key(&mut self, limit: &Concurrency) -> Option<LimitedKey>;
}

impl Functions for Box<dyn Functions + Send + '_> {
    fn key(&mut self, policy: &Policy) -> Option<LimitedKey> {
        (**self).key(policy)
    }

    fn cost(&mut self, policy: &Policy) -> Option<u32> {
        (**self).cost(policy)
    }

    fn permit_key(&mut self, limit: &Concurrency) -> Option<LimitedKey> {
        (**self).permit_key(limit)
    }
}

/// The results if no policy has functions.
pub(crate) struct NoFunctions;

impl Functions for NoFunctions {
    #[inline]
    fn key(&mut self, _: &Policy) -> Option<LimitedKey> {
        None
    }

    #[inline]
    fn cost(&mut self, _: &Policy) -> Option<u32> {
        None
    }

    fn permit_key(&mut self, _: &Concurrency) -> Option<LimitedKey> {
        None
    }
}

/// A policy that applies to a request, with the counter to charge.
#[derive(Debug, Clone)]
pub(crate) struct Match {
    /// The index of the policy among those of the route.
    pub(crate) policy: u16,
    pub(crate) tier: TierIndex,
    /// `true` if the policy has tiers but the request carries no caller.
    pub(crate) without_caller: bool,
    pub(crate) key: LimitedKey,
    pub(crate) cost: u32,
}

/// The policies that apply to one request.
#[derive(Debug, Clone, Default)]
pub(crate) struct Matches {
    /// In the order of the policies; nearly every route has one.
    list: SmallVec<[Match; 1]>,
    /// The policies for which the request has no key, one bit for each of the first 64.
    skipped: u64,
}

/// A policy for which a request has no key.
#[derive(Debug, Clone, Copy)]
pub(crate) struct NoKey {
    /// The index of the policy among those of the route.
    pub(crate) policy: u16,
    /// `true` if the policy refuses such requests instead of letting them pass uncounted.
    pub(crate) refused: bool,
}

impl Matches {
    /// No match: this policy finds no key.
    #[cold]
    pub(super) fn skipping(no_key: NoKey) -> Self {
        let mut matches = Self::default();
        matches.skip(no_key.policy);
        matches
    }

    pub(super) fn retain(&mut self, wanted: impl Fn(&Match) -> bool) {
        self.list.retain(|matched| wanted(matched));
    }

    #[cold]
    fn skip(&mut self, policy: u16) {
        self.skipped |= 1u64.checked_shl(policy.into()).unwrap_or(0);
    }

    /// The indices of the policies for which the request has no key.
    pub(super) fn skipped(&self) -> impl Iterator<Item = usize> + use<> {
        let skipped = self.skipped;
        (0..64).filter(move |policy| skipped >> policy & 1 == 1)
    }
}

impl From<Match> for Matches {
    fn from(matched: Match) -> Self {
        let list = smallvec![matched];
        Self { list, skipped: 0 }
    }
}

impl Deref for Matches {
    type Target = [Match];

    #[inline]
    fn deref(&self) -> &[Match] {
        &self.list
    }
}

pub(super) type Charges<'a> = SmallVec<[Charge<'a>; 4]>;

impl Limits {
    /// Finds the policies that apply to a request, in order. Paused policies, roll-outs that leave its key out and
    /// exemptions do not match. `Err` is the policy that refuses the request because it has no key.
    pub(super) fn matches(
        &self,
        facts: &impl LimitFacts,
        functions: &mut impl Functions,
    ) -> Result<Matches, u16> {
        let mut matches = Matches::default();
        for (index, policy) in (0u16..).zip(&self.policies) {
            match policy.matching(index, facts, functions) {
                Ok(matched) => matches.list.extend(matched),
                Err(no_key) if no_key.refused => return Err(no_key.policy),
                Err(no_key) => matches.skip(no_key.policy),
            }
        }
        Ok(matches)
    }

    /// The policy of a match, and the rates of its tier.
    #[inline]
    pub(super) fn of(&self, matched: &Match) -> (&Policy, &Rates) {
        // Matches are made from these very policies.
        let policy = &*self.policies[usize::from(matched.policy)];
        (policy, policy.rates(matched.tier))
    }

    /// Pairs each of the [`charges`](Self::charges) with its match.
    pub(super) fn charges_by_match<'a>(
        &'a self,
        matches: &'a [Match],
    ) -> impl Iterator<Item = (&'a Match, Charge<'a>)> {
        let rates = |matched| self.of(matched).1.list.len();
        let each = matches
            .iter()
            .flat_map(move |matched| std::iter::repeat_n(matched, rates(matched)));
        each.zip(self.charges(matches))
    }

    /// The charges for the counter store: one for each rate of each match, in order.
    pub(super) fn charges<'a>(&'a self, matches: &'a [Match]) -> Charges<'a> {
        let mut charges = Charges::new();
        for matched in matches {
            let (policy, rates) = self.of(matched);
            for rate in &rates.list {
                charges.push(rate.charge(policy, &matched.key, matched.cost));
            }
        }
        charges
    }
}

impl Policy {
    /// Matches a request against this policy; `index` is its position in [`Limits`].
    pub(super) fn matching(
        &self,
        index: u16,
        facts: &impl LimitFacts,
        functions: &mut impl Functions,
    ) -> Result<Option<Match>, NoKey> {
        let fields = &self.fields;
        if !fields.enabled
            || self.exempts_ip(|| facts.client_ip())
            || fields.exempt_roles.iter().any(|role| facts.has_role(role))
        {
            return Ok(None);
        }
        let tier = match fields.tiers.is_empty() {
            true => 0,
            false => {
                let plan = facts.attribute(&fields.tier_resolver);
                if plan.is_some() || facts.has_caller() {
                    self.stats.note_plan(plan.is_some());
                }
                self.tier_of(plan.as_deref())
            }
        };
        if self.rates(tier).list.is_empty() {
            return Ok(None);
        }
        let key = match key_of(&fields.key, facts, || functions.key(self)) {
            Some(key) => key,
            None => match fields.when_missing() {
                OnMissingKey::FallbackIp => {
                    let mut key = LimitedKey::default();
                    // Clients without a known address share one counter.
                    facts.add(&KeyPart::Ip, &mut key);
                    key
                }
                missing => {
                    return Err(NoKey {
                        policy: index,
                        refused: self.note_missing_key(missing, facts.principal_type()),
                    });
                }
            },
        };
        if !self.is_rolled_out_to(&key) {
            return Ok(None);
        }
        let without_caller = !fields.tiers.is_empty() && !facts.has_caller();
        if without_caller {
            self.note_missing_caller(facts.principal_type());
        }
        Ok(Some(Match {
            policy: index,
            tier,
            without_caller,
            cost: functions.cost(self).unwrap_or(fields.cost.get()),
            key,
        }))
    }

    /// Records a request without a key. Returns `true` if it is refused.
    #[cold]
    fn note_missing_key(&self, missing: OnMissingKey, principal: Option<&str>) -> bool {
        let is_refused = missing.refuses() && self.is_enforced();
        let (noticed, outcome, counted) = match is_refused {
            true => (&self.stats.without_key, "refused", "refused"),
            false => (&self.stats.skipped, "not counted", "skipped"),
        };
        if noticed.notice() {
            tracing::warn!(
                policy = %Printable(&self.key),
                key = %Printable(&self.fields.key),
                "a request has no key for this rate limit and is {}; {}; only the first such request is logged, and \
                 all are counted as `{}`",
                Printable(outcome),
                Printable(remedy(&self.fields.key, principal)),
                Printable(counted),
            );
        }
        is_refused
    }

    /// Records a request that is counted outside of the policy's tiers, since it carries no caller.
    #[cold]
    fn note_missing_caller(&self, principal: Option<&str>) {
        if self.stats.without_caller.notice() {
            tracing::warn!(
                policy = %Printable(&self.key),
                "a request carries no caller, and is counted by this limit's own rate instead of one of its `tiers`; \
                 {}; only the first such request is logged, and all are counted as `without_caller`",
                Printable(caller_around(principal)),
            );
        }
    }
}

impl Rate {
    /// The charge for the counter store.
    #[inline]
    pub(super) fn charge<'a>(
        &'a self,
        policy: &Policy,
        key: &'a LimitedKey,
        cost: u32,
    ) -> Charge<'a> {
        Charge::new(&self.counter_key, key.as_bytes(), &self.rule)
            .cost(u64::from(cost))
            .enforced(policy.is_enforced())
            .lease(policy.fields.lease)
    }
}

/// The key of a request; `None` if it lacks one of the parts.
pub(crate) fn key_of(
    source: &KeySource,
    facts: &impl LimitFacts,
    function: impl FnOnce() -> Option<LimitedKey>,
) -> Option<LimitedKey> {
    let KeySource::Parts(parts) = source else {
        return function();
    };
    let mut key = LimitedKey::default();
    let complete = parts
        .iter()
        .all(|part| matches!(part, KeyPart::Global) || facts.add(part, &mut key));
    complete.then_some(key)
}

/// The first part of a key that a request lacks; `None` if a function found no key.
#[cold]
pub(crate) fn missing_part<'a>(
    source: &'a KeySource,
    facts: &impl LimitFacts,
) -> Option<&'a KeyPart> {
    let KeySource::Parts(parts) = source else {
        return None;
    };
    let is_missing = |part: &&KeyPart| {
        !matches!(part, KeyPart::Global) && !facts.add(part, &mut LimitedKey::default())
    };
    parts.iter().find(is_missing)
}
