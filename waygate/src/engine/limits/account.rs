use smallvec::SmallVec;
use uuid::Uuid;
use waygate_backends::Outcomes;
use waygate_core::{
    grammar::PolicyName,
    limit::{Outcome, quota::Nanos},
    model::RouteKey,
};

use super::{
    Limits,
    claim::{Claim, Claims},
    clock::instant,
    explain::{DecisionRecord, DecisionStep, SkippedPolicy},
    stats::{Hit, Usage},
    store::{Counted, CountingMode},
    verdict::{Passed, Refusal, RefusalCause, Told},
};
use crate::engine::Inner;

/// One request that is to be counted.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Counting<'a> {
    pub(crate) engine: &'a Inner,
    pub(crate) limits: &'a Limits,
    /// The route, as the log of hits files it.
    pub(crate) route: &'a RouteKey,
    pub(crate) method: &'a str,
    /// What the client calls the request, if it says so.
    pub(crate) request_id: Option<&'a str>,
}

/// What came of a request: it passes, or it is refused.
pub(crate) type Admission = Result<Passed, Box<Refusal>>;

/// From this part of the limit on a key is worth remembering: a fifth is left.
const NEAR: u64 = 5;

impl Counting<'_> {
    /// Counts in this process, at once.
    #[inline]
    pub(crate) fn here(&self, claims: Claims) -> Admission {
        let now = self.engine.limit_clock.now(&*self.engine.clock);
        let counted = self.engine.counters.count_here(self.limits, claims, now);
        self.account(counted, now)
    }

    /// The same for a route with [one enforced policy of one rate](Limits::is_lone), which is the rule: nothing is collected
    /// that has one member.
    #[inline(always)]
    pub(crate) fn lone(&self, claim: Claim) -> Admission {
        let now = self.engine.limit_clock.now(&*self.engine.clock);
        let (policy, rates) = self.limits.of(&claim);
        let Some(rate) = rates.list.first() else {
            return self.here(claim.into());
        };
        let outcome = self
            .engine
            .counters
            .count_one_here(policy, rate, &claim, now);
        if !outcome.allowed || is_near(&outcome) || self.request_id.is_some() {
            return self.lone_in_full(claim, outcome, now);
        }
        policy.stats.count_allowed();
        let told = Some(Told::lone(claim.tier, outcome));
        let claims = claim.into();
        Ok(Passed {
            claims,
            told,
            resets: SmallVec::new(),
            at: now,
            mode: CountingMode::Authoritative,
        })
    }

    #[cold]
    fn lone_in_full(&self, claim: Claim, outcome: Outcome, now: Nanos) -> Admission {
        let (claims, outcomes) = (Claims::from(claim), Outcomes::from(outcome));
        let counted = Counted {
            settled: self.limits.settle(&claims, &outcomes, now),
            claims,
            outcomes,
            mode: CountingMode::Authoritative,
            fault: None,
        };
        self.account(counted, now)
    }

    /// Counts where it is meant to be counted.
    pub(crate) async fn anywhere(&self, claims: Claims) -> Admission {
        let engine = self.engine;
        let now = engine.limit_clock.now(&*engine.clock);
        let counted = engine.counters.count(self.limits, claims, now).await;
        engine.note_counters(counted.fault.as_ref());
        self.account(counted, now)
    }

    /// A request that has nothing to be counted by, at a policy that refuses such.
    #[cold]
    pub(crate) fn without_key(&self, policy: u16) -> Box<Refusal> {
        let now = self.engine.limit_clock.now(&*self.engine.clock);
        let refusal = self.limits.refuse(policy, RefusalCause::NoKey, now);
        self.refused(&refusal, now);
        let mode = CountingMode::Authoritative;
        self.record(&Claims::default(), &[], Some(&refusal), mode, now);
        refusal
    }

    /// A request that passes, and that no policy counts: to be explained where one should have.
    #[cold]
    pub(crate) fn uncounted(&self, claims: &Claims) {
        if self.request_id.is_some() && claims.skipped().next().is_some() {
            let now = self.engine.limit_clock.now(&*self.engine.clock);
            self.record(claims, &[], None, CountingMode::Authoritative, now);
        }
    }

    /// Remembers what came of a request.
    #[inline]
    fn account(&self, counted: Counted, now: Nanos) -> Admission {
        let Counted {
            claims,
            outcomes,
            settled,
            mode,
            ..
        } = counted;
        let mut rest = &*outcomes;
        for claim in &*claims {
            let (policy, rates) = self.limits.of(claim);
            let Some((own, others)) = rest.split_at_checked(rates.list.len()) else {
                break;
            };
            rest = others;
            let fits = own.iter().all(|outcome| outcome.allowed);
            if fits && settled.is_ok() {
                policy.stats.count_allowed();
            }
            if !own
                .iter()
                .all(|outcome| outcome.allowed && !is_near(outcome))
            {
                self.note(claim, own, now);
            }
        }
        if self.request_id.is_some() || settled.is_err() {
            let refusal = settled.as_ref().err().map(|refusal| &**refusal);
            self.record(&claims, &outcomes, refusal, mode, now);
        }
        match settled {
            Ok(told) => Ok(Passed {
                claims,
                told,
                resets: outcomes.iter().map(|outcome| outcome.reset_after).collect(),
                at: now,
                mode,
            }),
            Err(refusal) => {
                self.refused(&refusal, now);
                Err(refusal)
            }
        }
    }

    /// A key that is near its limit, or that a policy in shadow mode would have refused.
    #[cold]
    fn note(&self, claim: &Claim, outcomes: &[Outcome], now: Nanos) {
        let (policy, rates) = self.limits.of(claim);
        let tightest = outcomes
            .iter()
            .enumerate()
            .min_by_key(|(_, outcome)| (outcome.allowed, outcome.remaining));
        let Some((rate, outcome)) = tightest else {
            return;
        };
        let usage = Usage {
            limit: outcome.limit,
            remaining: outcome.remaining,
            refused: !outcome.allowed,
            at: instant(now),
        };
        policy.stats.note(&claim.key, usage);
        if !outcome.allowed && !policy.is_enforced() {
            policy.stats.count_refused(false);
            let tier = policy.tier_name(claim.tier).map(PolicyName::as_str);
            debug_assert!(rate < rates.list.len());
            self.engine.book.hit(Hit {
                id: Uuid::new_v4(),
                at: instant(now),
                method: self.method.into(),
                route: self.route.clone(),
                policy: policy.key.clone(),
                key: claim.key.clone(),
                limit: rates.text.clone(),
                tier: tier.map(Into::into),
                reset_at: instant(now.saturating_add(outcome.retry_after)),
                enforced: false,
            });
        }
    }

    #[cold]
    fn refused(&self, refusal: &Refusal, now: Nanos) {
        let policy = &refusal.policy;
        policy.stats.count_refused(true);
        let wait = refusal.told.map_or(0, |told| told.outcome.retry_after);
        let tier = policy.tier_name(refusal.tier).map(PolicyName::as_str);
        self.engine.book.hit(Hit {
            id: Uuid::new_v4(),
            at: instant(now),
            method: self.method.into(),
            route: self.route.clone(),
            policy: policy.key.clone(),
            key: refusal.key.clone().unwrap_or_default(),
            limit: policy.rates(refusal.tier).text.clone(),
            tier: tier.map(Into::into),
            reset_at: instant(now.saturating_add(wait)),
            enforced: true,
        });
    }

    #[cold]
    fn record(
        &self,
        claims: &Claims,
        outcomes: &[Outcome],
        refusal: Option<&Refusal>,
        mode: CountingMode,
        now: Nanos,
    ) {
        let Some(request_id) = self.request_id else {
            return;
        };
        let mut outcomes = outcomes.iter();
        let mut steps = Vec::new();
        for claim in &**claims {
            let (policy, rates) = self.limits.of(claim);
            for (rate, outcome) in rates.list.iter().zip(outcomes.by_ref()) {
                steps.push(DecisionStep {
                    policy: policy.key.clone(),
                    tier: policy.tier_name(claim.tier).map(ToString::to_string),
                    without_caller: claim.without_caller,
                    key: claim.key.label(),
                    counter: rate.series.name().to_owned(),
                    cost: claim.cost,
                    limit: outcome.limit,
                    remaining: outcome.remaining,
                    reset_at: instant(now.saturating_add(outcome.reset_after)),
                    allowed: outcome.allowed,
                    enforced: policy.is_enforced(),
                });
            }
        }
        let skipped = claims.skipped();
        let skipped = skipped.filter_map(|index| self.limits.policies.get(index));
        let skipped = skipped.map(|policy| SkippedPolicy {
            policy: policy.key.clone(),
            on_missing_key: policy.fields.when_missing(),
        });
        self.engine.decisions.record(DecisionRecord {
            request_id: request_id.to_owned(),
            at: instant(now),
            route: self.route.clone(),
            method: self.method.to_owned(),
            passed: refusal.is_none(),
            refused_by: refusal.map(|refusal| refusal.policy.key.clone()),
            cause: refusal.map(|refusal| refusal.cause.into()),
            reason: None,
            mode,
            steps,
            skipped: skipped.collect(),
        });
    }
}

#[inline]
fn is_near(outcome: &Outcome) -> bool {
    outcome.remaining.saturating_mul(NEAR) <= outcome.limit
}
