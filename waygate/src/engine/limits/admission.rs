use std::sync::Arc;

use uuid::Uuid;
use waygate_backends::Outcomes;
use waygate_core::{
    grammar::PolicyName,
    limit::{Outcome, quota::Nanos},
};

use super::{
    CountingMode, DecisionStep, Limits, SkippedPolicy,
    charge::{SingleCharge, is_near},
    clock::instant,
    key::LimitedKey,
    matching::{Functions, LimitFacts, Match, Matches, NoKey},
    outcome::{Allowed, Several},
    policy::{Policy, TierIndex},
    refusal::{Refusal, RefusalCause},
    request::RequestInfo,
    stats::{Hit, Usage},
    store::Counted,
};
use crate::engine::Inner;

/// A request to check against the rate limits of its route.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Admitting<'a> {
    pub(crate) engine: &'a Inner,
    pub(crate) limits: &'a Arc<Limits>,
    pub(crate) request: RequestInfo<'a>,
}

/// Passes a request, counted or not, or refuses it.
pub(crate) type Admission = Result<Option<Allowed>, Box<Refusal>>;

impl Admitting<'_> {
    /// Admits a request without waiting; `None` if the counters are shared with other processes.
    pub(crate) fn try_admit(
        &self,
        facts: &impl LimitFacts,
        functions: &mut impl Functions,
    ) -> Option<Admission> {
        if self.engine.counters.shared.is_some() {
            return None;
        }
        // Most routes have a single policy, which needs no collections.
        let Some(policy) = self.limits.single() else {
            return Some(self.admit_by_all(facts, functions));
        };
        Some(match policy.matching(0, facts, functions) {
            Ok(Some(matched)) => self.charge(policy, matched),
            Ok(None) => Ok(None),
            Err(no_key) => self.skip(no_key),
        })
    }

    /// Admits a request, and waits for shared counters.
    pub(crate) async fn admit(
        &self,
        facts: &impl LimitFacts,
        functions: &mut impl Functions,
    ) -> Admission {
        if let Some(admission) = self.try_admit(facts, functions) {
            return admission;
        }
        let Some(matches) = self.matches(facts, functions)? else {
            return Ok(None);
        };
        let counters = &self.engine.counters;
        let now = counters.clock.now();
        let counted = counters.count(self.limits, matches, now).await;
        self.engine.note_counters(counted.fault.as_ref());
        self.account(counted, now)
    }

    fn charge(&self, policy: &Arc<Policy>, matched: Match) -> Admission {
        let Some(rate) = policy.rates(matched.tier).list.first() else {
            return Ok(None);
        };
        let charge = SingleCharge {
            engine: self.engine,
            policy,
            rate,
            tier: matched.tier,
            cost: matched.cost,
        };
        let now = charge.now();
        let outcome = charge.make(&matched.key, now);
        match charge.is_noted(&outcome, self.request.headers) {
            true => self.account_one(matched, outcome, now),
            false => Ok(Some(charge.allow(matched.key, &outcome, now))),
        }
    }

    /// Records a charge by the client's address, or refuses the request.
    #[cold]
    pub(crate) fn account_by_address(
        &self,
        charge: SingleCharge<'_>,
        key: LimitedKey,
        outcome: &Outcome,
        now: Nanos,
    ) -> Admission {
        let matched = Match {
            policy: 0,
            tier: charge.tier,
            without_caller: false,
            key,
            cost: charge.cost,
        };
        self.account_one(matched, *outcome, now)
    }

    fn admit_by_all(&self, facts: &impl LimitFacts, functions: &mut impl Functions) -> Admission {
        let Some(matches) = self.matches(facts, functions)? else {
            return Ok(None);
        };
        let counters = &self.engine.counters;
        let now = counters.clock.now();
        self.account(counters.count_here(self.limits, matches, now), now)
    }

    /// The policies that count the request; `None` if there are none.
    fn matches(
        &self,
        facts: &impl LimitFacts,
        functions: &mut impl Functions,
    ) -> Result<Option<Matches>, Box<Refusal>> {
        match self.limits.matches(facts, functions) {
            Ok(matches) if matches.is_empty() => {
                self.record_uncounted(&matches);
                Ok(None)
            }
            Ok(matches) => Ok(Some(matches)),
            Err(policy) => Err(self.refuse_without_key(policy)),
        }
    }

    #[cold]
    fn skip(&self, no_key: NoKey) -> Admission {
        if no_key.refused {
            return Err(self.refuse_without_key(no_key.policy));
        }
        self.record_uncounted(&Matches::skipping(no_key));
        Ok(None)
    }

    #[cold]
    fn refuse_without_key(&self, policy: u16) -> Box<Refusal> {
        let now = self.engine.counters.clock.now();
        let refusal = self.limits.refuse(policy, RefusalCause::NoKey, now);
        self.log_refusal(&refusal, now);
        let mode = CountingMode::Authoritative;
        self.record(&Matches::default(), &[], Some(&refusal), mode, now);
        refusal
    }

    /// Records a request that no policy counts although one should.
    #[cold]
    fn record_uncounted(&self, matches: &Matches) {
        if matches.skipped().next().is_some() {
            let now = self.engine.counters.clock.now();
            self.record(matches, &[], None, CountingMode::Authoritative, now);
        }
    }

    #[cold]
    fn account_one(&self, matched: Match, outcome: Outcome, now: Nanos) -> Admission {
        let (matches, outcomes) = (Matches::from(matched), Outcomes::from(outcome));
        let counted = Counted {
            decision: self.limits.decide(&matches, &outcomes, now),
            matches,
            outcomes,
            mode: CountingMode::Authoritative,
            fault: None,
        };
        self.account(counted, now)
    }

    /// Updates the statistics and logs.
    fn account(&self, counted: Counted, now: Nanos) -> Admission {
        let Counted {
            matches,
            outcomes,
            decision,
            mode,
            ..
        } = counted;
        let mut rest = &*outcomes;
        for matched in &*matches {
            let (policy, rates) = self.limits.of(matched);
            let Some((own, others)) = rest.split_at_checked(rates.list.len()) else {
                break;
            };
            rest = others;
            if decision.is_ok() && own.iter().all(|outcome| outcome.allowed) {
                policy.stats.count_allowed();
                policy.stats.note_mode(mode, true);
            }
            if own
                .iter()
                .any(|outcome| !outcome.allowed || is_near(outcome))
            {
                self.note(matched, own, now);
            }
        }
        let refusal = decision.as_ref().err().map(|refusal| &**refusal);
        self.record(&matches, &outcomes, refusal, mode, now);
        match decision {
            Ok(tightest) => Ok(Some(Allowed::Several(Box::new(Several {
                limits: self.limits.clone(),
                matches,
                tightest,
                resets: outcomes.iter().map(|outcome| outcome.reset_after).collect(),
                at: now,
                mode,
            })))),
            Err(refusal) => {
                self.log_refusal(&refusal, now);
                refusal.policy.stats.note_mode(mode, false);
                Err(refusal)
            }
        }
    }

    /// Records a key that is near its limit, or that a policy in shadow mode would have refused.
    #[cold]
    fn note(&self, matched: &Match, outcomes: &[Outcome], now: Nanos) {
        let (policy, _) = self.limits.of(matched);
        let tightest = outcomes
            .iter()
            .min_by_key(|outcome| (outcome.allowed, outcome.remaining));
        let Some(outcome) = tightest else {
            return;
        };
        let usage = Usage {
            limit: outcome.limit,
            remaining: outcome.remaining,
            refused: !outcome.allowed,
            at: instant(now),
        };
        policy.stats.note(&matched.key, usage);
        if !outcome.allowed && !policy.is_enforced() {
            policy.stats.count_refused(false);
            self.hit(policy, matched.tier, &matched.key, outcome.retry_after, now);
        }
    }

    #[cold]
    fn log_refusal(&self, refusal: &Refusal, now: Nanos) {
        let policy = &refusal.policy;
        policy.stats.count_refused(true);
        let wait = refusal.outcome().map_or(0, |outcome| outcome.retry_after);
        let key = refusal.key.as_ref();
        self.hit(
            policy,
            refusal.tier,
            key.unwrap_or(&LimitedKey::default()),
            wait,
            now,
        );
    }

    /// Adds a request to the hit log.
    fn hit(&self, policy: &Policy, tier: TierIndex, key: &LimitedKey, wait: Nanos, now: Nanos) {
        let name = policy.tier_name(tier).map(PolicyName::as_str);
        self.engine.book.hit(Hit {
            id: Uuid::new_v4(),
            at: instant(now),
            method: self.request.method().into(),
            route: self.request.route.clone(),
            policy: policy.key.clone(),
            key: key.clone(),
            limit: policy.rates(tier).text.clone(),
            tier: name.map(Into::into),
            reset_at: instant(now.saturating_add(wait)),
            enforced: policy.is_enforced(),
        });
    }

    /// Adds a request with an id to the decision log.
    #[inline]
    fn record(
        &self,
        matches: &Matches,
        outcomes: &[Outcome],
        refusal: Option<&Refusal>,
        mode: CountingMode,
        now: Nanos,
    ) {
        if self.engine.decisions.keep(self.request.headers) {
            self.record_in_full(matches, outcomes, refusal, mode, now);
        }
    }

    #[cold]
    fn record_in_full(
        &self,
        matches: &Matches,
        outcomes: &[Outcome],
        refusal: Option<&Refusal>,
        mode: CountingMode,
        now: Nanos,
    ) {
        let Some(mut record) = self.request.record(instant(now)) else {
            return;
        };
        let mut outcomes = outcomes.iter();
        for matched in &**matches {
            let (policy, rates) = self.limits.of(matched);
            for (rate, outcome) in rates.list.iter().zip(outcomes.by_ref()) {
                let reset_at = instant(now.saturating_add(outcome.reset_after));
                let (key, counter) = (matched.key.label(), rate.counter_key.name());
                let mut step = DecisionStep::new(policy.key.clone(), key, counter, reset_at);
                step.tier = policy.tier_name(matched.tier).map(ToString::to_string);
                step.without_caller = matched.without_caller;
                step.cost = matched.cost;
                step.limit = outcome.limit;
                step.remaining = outcome.remaining;
                step.allowed = outcome.allowed;
                step.enforced = policy.is_enforced();
                record.steps.push(step);
            }
        }
        let skipped = matches.skipped();
        let skipped = skipped.filter_map(|index| self.limits.policies.get(index));
        let skipped = skipped
            .map(|policy| SkippedPolicy::new(policy.key.clone(), policy.fields.when_missing()));
        record.skipped = skipped.collect();
        record.passed = refusal.is_none();
        record.refused_by = refusal.map(|refusal| refusal.policy.key.clone());
        record.cause = refusal.map(|refusal| refusal.cause.into());
        record.mode = mode;
        self.engine.decisions.record(record);
    }
}
