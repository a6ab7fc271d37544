use std::{
    hash::{BuildHasher, RandomState},
    sync::Arc,
};

use waygate_core::limit::{
    Outcome,
    quota::{Nanos, SECOND},
};

use super::{
    Limits,
    key::LimitedKey,
    policy::{Policy, Rate, TierIndex},
};

/// A request that a rate limit refuses.
#[derive(Debug)]
pub(crate) struct Refusal {
    pub(crate) policy: Arc<Policy>,
    pub(crate) tier: TierIndex,
    pub(crate) cause: RefusalCause,
    /// The key that was counted.
    pub(super) key: Option<LimitedKey>,
    /// The index of the rate that refuses, and its outcome; `None` if nothing was counted.
    pub(super) refused_by: Option<(u16, Outcome)>,
    /// The time of counting, from which waits start.
    pub(crate) at: Nanos,
}

/// Why a request is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RefusalCause {
    /// There were too many requests.
    Exceeded,
    /// The request costs more than the limit's capacity, so waiting does not help.
    TooCostly,
    /// The request has no key.
    NoKey,
    /// The counter store is unavailable, and the policy fails closed.
    StoreGone,
}

impl Refusal {
    /// The outcome of the rate that refuses.
    pub(super) fn outcome(&self) -> Option<&Outcome> {
        Some(&self.refused_by.as_ref()?.1)
    }

    /// The rate that refuses.
    pub(super) fn rate(&self) -> Option<(&Rate, &Outcome)> {
        let (rate, outcome) = self.refused_by.as_ref()?;
        let rates = &self.policy.rates(self.tier).list;
        Some((rates.get(usize::from(*rate))?, outcome))
    }

    /// The wait in the response: the minimum wait, plus a random part of up to `jitter` times that.
    pub(crate) fn wait(&self, jitter: f32) -> Nanos {
        let wait = self.least_wait();
        wait.saturating_add((wait as f64 * f64::from(jitter) * random_share()) as u64)
    }

    /// The wait after which the request would pass if no other request were counted.
    pub(crate) fn least_wait(&self) -> Nanos {
        match self.outcome() {
            _ if self.cause == RefusalCause::TooCostly => 0,
            Some(outcome) => outcome.retry_after,
            None => SECOND,
        }
    }
}

impl Limits {
    /// A refusal by one policy that has counted nothing.
    #[cold]
    pub(super) fn refuse(&self, policy: u16, cause: RefusalCause, at: Nanos) -> Box<Refusal> {
        Box::new(Refusal {
            policy: self.policies[usize::from(policy)].clone(),
            tier: 0,
            cause,
            key: None,
            refused_by: None,
            at,
        })
    }
}

/// A random number from 0 to 1. It only spreads clients, so the keys of the standard library's hash maps are random
/// enough.
fn random_share() -> f64 {
    RandomState::new().hash_one(0_u8) as f64 / u64::MAX as f64
}
