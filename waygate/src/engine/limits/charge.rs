//! The charge of a request to the only rate of a policy, in this process.
//!
//! Most limits need nothing else. Nothing is collected, and the result is written once, to where it stays until the
//! response.

use std::sync::Arc;

use http::HeaderMap;
use waygate_core::limit::{Outcome, quota::Nanos};

use super::{
    Limits,
    key::LimitedKey,
    outcome::{Allowed, Single},
    policy::{Policy, Rate, TierIndex},
};
use crate::engine::Inner;

/// A charge to the only rate of a policy.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SingleCharge<'a> {
    pub(super) engine: &'a Inner,
    pub(super) policy: &'a Arc<Policy>,
    pub(super) rate: &'a Rate,
    pub(super) tier: TierIndex,
    pub(super) cost: u32,
}

/// A key with less than a fifth of its limit left is recorded.
const NEAR: u64 = 5;

impl<'a> SingleCharge<'a> {
    /// The charge where one policy counts every request by the client's address. `None` for all other limits, and for
    /// shared counters.
    #[inline(always)]
    pub(crate) fn by_address(engine: &'a Inner, limits: &'a Limits) -> Option<Self> {
        let policy = limits.single().filter(|policy| policy.is_plain)?;
        if engine.counters.shared.is_some() {
            return None;
        }
        Some(Self {
            engine,
            policy,
            rate: policy.rates(0).list.first()?,
            tier: 0,
            cost: policy.fields.cost.get(),
        })
    }

    /// The time of the counters.
    #[inline(always)]
    pub(crate) fn now(&self) -> Nanos {
        self.engine.counters.clock.now()
    }

    #[inline(always)]
    pub(crate) fn make(&self, key: &LimitedKey, now: Nanos) -> Outcome {
        let charge = self.rate.charge(self.policy, key, self.cost);
        self.engine.counters.local.charge_one_at(&charge, now)
    }

    /// Returns `true` if the request is refused, or recorded.
    #[inline(always)]
    pub(crate) fn is_noted(&self, outcome: &Outcome, headers: &HeaderMap) -> bool {
        !outcome.allowed || is_near(outcome) || self.engine.decisions.keep(headers)
    }

    /// Counts a request that passes and is not recorded.
    #[inline(always)]
    pub(crate) fn allow(&self, key: LimitedKey, outcome: &Outcome, at: Nanos) -> Allowed {
        self.policy.stats.count_allowed();
        Allowed::Single(Single {
            policy: self.policy.clone(),
            tier: self.tier,
            key,
            cost: self.cost,
            at,
            remaining: outcome.remaining,
            reset_after: outcome.reset_after,
        })
    }
}

#[inline]
pub(super) fn is_near(outcome: &Outcome) -> bool {
    outcome.remaining.saturating_mul(NEAR) <= outcome.limit
}
