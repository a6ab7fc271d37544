use std::{borrow::Cow, net::IpAddr, ops::Deref};

use smallvec::{SmallVec, smallvec};
use waygate_core::{
    Printable,
    decision::Facts,
    grammar::{KeyPart, KeySource, OnMissingKey},
    port::Take,
};

use super::{
    Limits,
    key::LimitedKey,
    missing::{CALLER_AROUND, remedy},
    policy::{Policy, Rate, Rates, TierIndex},
};

/// What limits may need to know about a request, beyond what decides about its route.
pub(crate) trait LimitFacts: Facts {
    /// The client's address, without the bits that one client may choose.
    fn network(&self) -> Option<IpAddr>;

    /// Adds a part to the key; `false` when the request has no such part.
    fn add(&self, part: &KeyPart, key: &mut LimitedKey) -> bool;

    /// An attribute of the caller, such as the plan.
    fn attribute(&self, name: &str) -> Option<Cow<'_, str>>;

    /// Whether the request carries its caller at all.
    fn has_caller(&self) -> bool;
}

/// What the application's own functions say about a request, by policy.
pub(crate) trait Functions {
    /// What the policy's function keys the request by.
    fn key(&mut self, policy: &Policy) -> Option<LimitedKey>;

    /// What the policy's function says that the request costs; `None` without such a function.
    fn cost(&mut self, policy: &Policy) -> Option<u32>;
}

/// No policy has functions.
pub(crate) struct NoFunctions;

impl Functions for NoFunctions {
    fn key(&mut self, _: &Policy) -> Option<LimitedKey> {
        None
    }

    fn cost(&mut self, _: &Policy) -> Option<u32> {
        None
    }
}

/// A policy that a request is counted by.
#[derive(Debug, Clone)]
pub(crate) struct Claim {
    /// Which one of the route's policies.
    pub(crate) policy: u16,
    pub(crate) tier: TierIndex,
    /// Whether the policy has tiers, and the request carries no caller who could have one.
    pub(crate) without_caller: bool,
    pub(crate) key: LimitedKey,
    pub(crate) cost: u32,
}

/// What one request is counted by.
#[derive(Debug, Clone, Default)]
pub(crate) struct Claims {
    /// In the order of the policies; nearly every route has one.
    list: SmallVec<[Claim; 1]>,
    /// The policies that found nothing to count the request by, one bit for each of the first 64.
    skipped: u64,
}

/// A policy that finds nothing to count a request by.
#[derive(Debug, Clone, Copy)]
pub(crate) struct NoKey {
    /// Which one of the route's policies.
    pub(crate) policy: u16,
    /// Whether it refuses such requests, or lets them pass uncounted.
    pub(crate) refused: bool,
}

impl Claims {
    /// Without a claim: this policy finds nothing to count by.
    #[cold]
    pub(crate) fn skipping(no_key: NoKey) -> Self {
        let mut claims = Self::default();
        claims.skip(no_key.policy);
        claims
    }

    pub(crate) fn retain(&mut self, wanted: impl Fn(&Claim) -> bool) {
        self.list.retain(|claim| wanted(claim));
    }

    #[cold]
    fn skip(&mut self, policy: u16) {
        self.skipped |= 1u64.checked_shl(policy.into()).unwrap_or(0);
    }

    /// Which of the route's policies found nothing to count by.
    pub(crate) fn skipped(&self) -> impl Iterator<Item = usize> + use<> {
        let skipped = self.skipped;
        (0..64).filter(move |policy| skipped >> policy & 1 == 1)
    }
}

impl From<Claim> for Claims {
    #[inline]
    fn from(claim: Claim) -> Self {
        let list = smallvec![claim];
        Self { list, skipped: 0 }
    }
}

impl Deref for Claims {
    type Target = [Claim];

    #[inline]
    fn deref(&self) -> &[Claim] {
        &self.list
    }
}

pub(crate) type Takes<'a> = SmallVec<[Take<'a>; 4]>;

impl Limits {
    /// The policies that a request is counted by, in order: without those that are paused, roll-outs that leave its key
    /// out, and whatever exempts it. `Err` names the policy that refuses it because it has no key.
    pub(crate) fn claims(
        &self,
        facts: &impl LimitFacts,
        functions: &mut impl Functions,
    ) -> Result<Claims, u16> {
        let mut claims = Claims::default();
        for (index, policy) in (0u16..).zip(&self.policies) {
            match policy.claim(index, facts, functions) {
                Ok(claim) => claims.list.extend(claim),
                Err(no_key) if no_key.refused => return Err(no_key.policy),
                Err(no_key) => claims.skip(no_key.policy),
            }
        }
        Ok(claims)
    }

    #[inline]
    pub(crate) fn of(&self, claim: &Claim) -> (&Policy, &Rates) {
        // Claims are made from these very policies.
        let policy = &*self.policies[usize::from(claim.policy)];
        (policy, policy.rates(claim.tier))
    }

    /// The same takes, each with the claim that it is of.
    pub(crate) fn takes_by_claim<'a>(
        &'a self,
        claims: &'a [Claim],
    ) -> impl Iterator<Item = (&'a Claim, Take<'a>)> {
        let rates = |claim| self.of(claim).1.list.len();
        let each = claims
            .iter()
            .flat_map(move |claim| std::iter::repeat_n(claim, rates(claim)));
        each.zip(self.takes(claims))
    }

    /// What to ask the store: one take for each rate of each claim, in order.
    #[inline]
    pub(crate) fn takes<'a>(&'a self, claims: &'a [Claim]) -> Takes<'a> {
        let mut takes = Takes::new();
        for claim in claims {
            let (policy, rates) = self.of(claim);
            for rate in &rates.list {
                takes.push(rate.take(policy, claim));
            }
        }
        takes
    }
}

impl Policy {
    /// What a request is counted by, as [`Limits::claims`] tells it of all policies of a route; `index` is this one's place
    /// among them.
    #[inline]
    pub(crate) fn claim(
        &self,
        index: u16,
        facts: &impl LimitFacts,
        functions: &mut impl Functions,
    ) -> Result<Option<Claim>, NoKey> {
        if self.is_plain
            && let Some(ip) = facts.network()
        {
            return Ok(Some(Claim {
                policy: index,
                tier: 0,
                without_caller: false,
                cost: functions.cost(self).unwrap_or(self.fields.cost.get()),
                key: LimitedKey::of_ip(ip),
            }));
        }
        self.claim_in_full(index, facts, functions)
    }

    #[inline(never)]
    fn claim_in_full(
        &self,
        index: u16,
        facts: &impl LimitFacts,
        functions: &mut impl Functions,
    ) -> Result<Option<Claim>, NoKey> {
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
                    // Whose address is not known shares a counter with everybody else like that.
                    facts.add(&KeyPart::Ip, &mut key);
                    key
                }
                missing => {
                    return Err(NoKey {
                        policy: index,
                        refused: self.miss(missing),
                    });
                }
            },
        };
        if !self.is_rolled_out_to(&key) {
            return Ok(None);
        }
        let without_caller = !fields.tiers.is_empty() && !facts.has_caller();
        if without_caller {
            self.miss_caller();
        }
        Ok(Some(Claim {
            policy: index,
            tier,
            without_caller,
            cost: functions.cost(self).unwrap_or(fields.cost.get()),
            key,
        }))
    }
}

impl Policy {
    /// Notes a request that has nothing to be counted by. Says whether it is refused.
    #[cold]
    fn miss(&self, missing: OnMissingKey) -> bool {
        let is_refused = missing.refuses() && self.is_enforced();
        let (noticed, outcome, counted) = match is_refused {
            true => (&self.stats.without_key, "refused", "refused"),
            false => (&self.stats.skipped, "not counted", "skipped"),
        };
        if noticed.notice() {
            tracing::warn!(
                policy = %Printable(&self.key),
                key = %Printable(&self.fields.key),
                "a request has nothing that this limit counts by, and is {}; {}; only the first such request is \
                 logged, and all are counted as `{}`",
                Printable(outcome),
                remedy(&self.fields.key),
                Printable(counted),
            );
        }
        is_refused
    }

    /// Notes a request that meets the limit of no tier, since it carries no caller.
    #[cold]
    fn miss_caller(&self) {
        if self.stats.without_caller.notice() {
            tracing::warn!(
                policy = %Printable(&self.key),
                "a request carries no caller, and is counted by this limit's own rate instead of one of its `tiers`; \
                 {}; only the first such request is logged, and all are counted as `without_caller`",
                Printable(CALLER_AROUND),
            );
        }
    }
}

impl Rate {
    /// What to ask the store for one claim.
    #[inline]
    pub(crate) fn take<'a>(&'a self, policy: &Policy, claim: &'a Claim) -> Take<'a> {
        Take {
            series: &self.series,
            key: claim.key.as_bytes(),
            rule: &self.rule,
            cost: u64::from(claim.cost),
            enforced: policy.is_enforced(),
            lease: policy.fields.lease,
        }
    }
}

/// What a request is counted by; `None` when it has no such part.
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

/// The first part of a key that a request does not have; `None` where a function found no key.
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
