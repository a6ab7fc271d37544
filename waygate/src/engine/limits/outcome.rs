use std::sync::Arc;

use smallvec::SmallVec;
use waygate_core::limit::{Charged, Outcome, quota::Nanos};

use super::{
    CountingMode, Limits,
    key::LimitedKey,
    matching::{Match, Matches},
    policy::{Policy, TierIndex},
    refusal::{Refusal, RefusalCause},
};

/// A request that the limits of its route have counted, and let pass.
#[derive(Debug)]
pub(crate) enum Allowed {
    /// By one policy of one rate, in this process.
    Single(Single),
    Several(Box<Several>),
}

/// See [`Allowed::Single`].
#[derive(Debug)]
pub(crate) struct Single {
    pub(super) policy: Arc<Policy>,
    pub(super) tier: TierIndex,
    pub(super) key: LimitedKey,
    pub(super) cost: u32,
    pub(super) at: Nanos,
    pub(super) remaining: u64,
    pub(super) reset_after: Nanos,
}

/// See [`Allowed::Several`].
#[derive(Debug)]
pub(crate) struct Several {
    pub(super) limits: Arc<Limits>,
    pub(super) matches: Matches,
    /// The rate that the response shows; `None` if no enforced policy has counted the request.
    pub(super) tightest: Option<Tightest>,
    /// The `reset_after` of each outcome.
    pub(super) resets: SmallVec<[Nanos; 2]>,
    pub(super) at: Nanos,
    pub(super) mode: CountingMode,
}

impl Several {
    /// When the rate with this index was charged, among all that have counted the request.
    pub(super) fn charged(&self, rate: usize) -> Charged {
        Charged {
            at: self.at,
            reset_after: self.resets.get(rate).copied().unwrap_or(0),
        }
    }
}

/// The most restrictive of the rates that have counted a request.
#[derive(Debug, Clone, Copy)]
pub(super) struct Tightest {
    /// The index of the policy among those of the route.
    policy: u16,
    tier: TierIndex,
    /// The index of the rate among those of the tier.
    rate: u16,
    pub(super) outcome: Outcome,
}

impl Tightest {
    pub(super) fn rate<'a>(&self, limits: &'a Limits) -> Option<&'a super::policy::Rate> {
        let policy = limits.policies.get(usize::from(self.policy))?;
        policy.rates(self.tier).list.get(usize::from(self.rate))
    }
}

/// The decision that results from the outcomes of all rates.
pub(super) type Decided = Result<Option<Tightest>, Box<Refusal>>;

impl Limits {
    /// Decides based on the outcomes of the [`charges`](Self::charges), in the same order.
    pub(super) fn decide(&self, matches: &[Match], outcomes: &[Outcome], at: Nanos) -> Decided {
        let (mut refused, mut tightest) = (None::<(Tightest, &Match)>, None::<Tightest>);
        let mut outcomes = outcomes.iter();
        for matched in matches {
            let (policy, rates) = self.of(matched);
            for (rate, outcome) in (0u16..).zip(outcomes.by_ref().take(rates.list.len())) {
                if !policy.is_enforced() {
                    continue;
                }
                let this = Tightest {
                    policy: matched.policy,
                    tier: matched.tier,
                    rate,
                    outcome: *outcome,
                };
                let waits_longer = |(r, by): (Tightest, &Match)| {
                    wait_of(&r.outcome, by.cost) < wait_of(outcome, matched.cost)
                };
                if !outcome.allowed && refused.is_none_or(waits_longer) {
                    refused = Some((this, matched));
                }
                if tightest.is_none_or(|t| is_tighter(outcome, &t.outcome)) {
                    tightest = Some(this);
                }
            }
        }
        match refused {
            None => Ok(tightest),
            Some((by, matched)) => Err(Box::new(Refusal {
                policy: self.policies[usize::from(by.policy)].clone(),
                tier: by.tier,
                cause: match is_too_costly(&by.outcome, matched.cost) {
                    true => RefusalCause::TooCostly,
                    false => RefusalCause::Exceeded,
                },
                key: Some(matched.key.clone()),
                refused_by: Some((by.rate, by.outcome)),
                at,
            })),
        }
    }
}

/// Returns `true` if a request of this cost never passes. A limit of 0 is a deliberate stop, which an operator lifts.
fn is_too_costly(outcome: &Outcome, cost: u32) -> bool {
    outcome.limit > 0 && u64::from(cost) > outcome.limit
}

/// The wait of a request, for comparison: one that never passes waits longest.
fn wait_of(outcome: &Outcome, cost: u32) -> (bool, Nanos) {
    (is_too_costly(outcome, cost), outcome.retry_after)
}

/// Returns `true` if `one` leaves less than `other`, or as much for longer.
fn is_tighter(one: &Outcome, other: &Outcome) -> bool {
    (one.remaining, other.reset_after) < (other.remaining, one.reset_after)
}
