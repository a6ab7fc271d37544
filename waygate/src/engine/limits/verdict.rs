use std::sync::Arc;

use smallvec::SmallVec;
use waygate_core::limit::{Outcome, Taken, quota::Nanos};

use super::{
    Limits,
    claim::{Claim, Claims},
    key::LimitedKey,
    policy::{Policy, Rate, TierIndex},
    store::CountingMode,
};

/// What the limits of a route say to one request: what the answer tells (`None` when nothing that is enforced was
/// counted), or why there is no answer.
pub(crate) type Settled = Result<Option<Told>, Box<Refusal>>;

/// A request that was counted and passes.
#[derive(Debug)]
pub(crate) struct Passed {
    /// What was charged, for what is charged or given back after the answer.
    pub(crate) claims: Claims,
    /// What the answer tells.
    pub(crate) told: Option<Told>,
    /// Each outcome's `reset_after`, unless what is told is the only one.
    pub(crate) resets: SmallVec<[Nanos; 2]>,
    /// When it was counted.
    pub(crate) at: Nanos,
    /// By what.
    pub(crate) mode: CountingMode,
}

impl Passed {
    /// What was taken by the rate with this number, of all rates that the request was counted by.
    pub(crate) fn taken(&self, rate: usize) -> Taken {
        let told = self.told.map_or(0, |told| told.outcome.reset_after);
        Taken {
            at: self.at,
            reset_after: self.resets.get(rate).copied().unwrap_or(told),
        }
    }
}

/// A request that is refused.
#[derive(Debug)]
pub(crate) struct Refusal {
    pub(crate) policy: Arc<Policy>,
    pub(crate) tier: TierIndex,
    pub(crate) cause: RefusalCause,
    /// What it was counted by.
    pub(crate) key: Option<LimitedKey>,
    /// What the answer tells; `None` when nothing was counted.
    pub(crate) told: Option<Told>,
    /// When it was counted: its waits begin then.
    pub(crate) at: Nanos,
}

/// Why a request is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RefusalCause {
    /// There were too many.
    Exceeded,
    /// It costs more than the limit takes at once: no wait helps.
    TooCostly,
    /// It has nothing to be counted by.
    NoKey,
    /// The store of the counters is gone, and the policy is closed without it.
    StoreGone,
}

/// The most restrictive of the rates that a request was counted by.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Told {
    /// Which one of the route's policies.
    policy: u16,
    tier: TierIndex,
    /// Which one of its rates.
    rate: u16,
    pub(crate) outcome: Outcome,
}

impl Told {
    /// Of the only rate of the only policy.
    #[inline]
    pub(crate) fn lone(tier: TierIndex, outcome: Outcome) -> Self {
        Self {
            policy: 0,
            tier,
            rate: 0,
            outcome,
        }
    }

    pub(crate) fn rate<'a>(&self, limits: &'a Limits) -> Option<&'a Rate> {
        let policy = limits.policies.get(usize::from(self.policy))?;
        policy.rates(self.tier).list.get(usize::from(self.rate))
    }
}

impl Limits {
    /// What follows from the store's answers, which come in the order of [`takes`](Self::takes).
    #[inline]
    pub(crate) fn settle(&self, claims: &[Claim], outcomes: &[Outcome], at: Nanos) -> Settled {
        let (mut refused, mut tightest) = (None::<(Told, &Claim)>, None::<Told>);
        let mut outcomes = outcomes.iter();
        for claim in claims {
            let (policy, rates) = self.of(claim);
            for (rate, outcome) in (0u16..).zip(outcomes.by_ref().take(rates.list.len())) {
                if !policy.is_enforced() {
                    continue;
                }
                let told = Told {
                    policy: claim.policy,
                    tier: claim.tier,
                    rate,
                    outcome: *outcome,
                };
                let waits_longer = |(r, by): (Told, &Claim)| {
                    wait_of(&r.outcome, by.cost) < wait_of(outcome, claim.cost)
                };
                if !outcome.allowed && refused.is_none_or(waits_longer) {
                    refused = Some((told, claim));
                }
                if tightest.is_none_or(|t| is_tighter(outcome, &t.outcome)) {
                    tightest = Some(told);
                }
            }
        }
        match refused {
            None => Ok(tightest),
            Some((told, claim)) => Err(Box::new(Refusal {
                policy: self.policies[usize::from(told.policy)].clone(),
                tier: told.tier,
                cause: match is_too_costly(&told.outcome, claim.cost) {
                    true => RefusalCause::TooCostly,
                    false => RefusalCause::Exceeded,
                },
                key: Some(claim.key.clone()),
                told: Some(told),
                at,
            })),
        }
    }

    /// A refusal by one policy that has counted nothing.
    #[cold]
    pub(crate) fn refuse(&self, policy: u16, cause: RefusalCause, at: Nanos) -> Box<Refusal> {
        Box::new(Refusal {
            policy: self.policies[usize::from(policy)].clone(),
            tier: 0,
            cause,
            key: None,
            told: None,
            at,
        })
    }
}

/// Whether a request of this cost never passes. A limit of 0 is a stop on purpose, which an operator lifts.
fn is_too_costly(outcome: &Outcome, cost: u32) -> bool {
    outcome.limit > 0 && u64::from(cost) > outcome.limit
}

/// For how long a request waits: one that never passes the longest.
fn wait_of(outcome: &Outcome, cost: u32) -> (bool, Nanos) {
    (is_too_costly(outcome, cost), outcome.retry_after)
}

/// Whether `one` leaves less than `other`; of two that leave as much, the one that takes longer to give more.
fn is_tighter(one: &Outcome, other: &Outcome) -> bool {
    (one.remaining, other.reset_after) < (other.remaining, one.reset_after)
}
