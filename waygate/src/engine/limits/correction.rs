//! Corrections of what requests were charged, once their real cost is known.

use waygate_core::{
    Printable,
    limit::{Charged, quota::Nanos},
    port::Charge,
};

use super::{
    Counters, CountingMode, Limits,
    matching::Match,
    outcome::{Allowed, Several, Single},
    shared::Shared,
};

impl Allowed {
    /// Charges the real cost of the request instead of the assumed one. A refund goes to the window that was charged, or
    /// to none.
    #[cold]
    pub(crate) fn correct(self, cost: u32) {
        match self {
            Self::Single(single) => single.correct(cost),
            Self::Several(several) => several.correct(cost),
        }
    }
}

impl Single {
    fn correct(&self, cost: u32) {
        let rate = self.policy.rates(self.tier).list.first();
        if let (Some(counters), Some(rate)) = (self.policy.counters.upgrade::<Counters>(), rate) {
            let charge = rate.charge(&self.policy, &self.key, self.cost);
            let charged = Charged {
                at: self.at,
                reset_after: self.reset_after,
            };
            counters.correct_here(&charge, cost, charged);
        }
    }
}

impl Several {
    fn correct(self: Box<Self>, cost: u32) {
        let policy = self.limits.policies.first();
        let Some(counters) = policy.and_then(|policy| policy.counters.upgrade::<Counters>()) else {
            return;
        };
        if counters.shared.is_none() {
            let charges = self.limits.charges(&self.matches);
            for (rate, charge) in charges.iter().enumerate() {
                counters.correct_here(charge, cost, self.charged(rate));
            }
            return;
        }
        let runtime = counters.runtime.clone();
        runtime.spawn(async move { counters.correct_shared(&self, cost).await });
    }
}

impl Counters {
    /// Corrects a charge in this process.
    fn correct_here(&self, charge: &Charge<'_>, cost: u32, charged: Charged) {
        let (was, is) = (charge.cost, u64::from(cost));
        let now = self.clock.now();
        if is > was {
            self.local.adjust_at(charge, -change(is - was), now);
        } else if is < was {
            self.local.refund_at(charge, was - is, charged, now);
        }
    }

    /// Corrects charges in the shared store.
    async fn correct_shared(&self, of: &Several, cost: u32) {
        let Some(shared) = &self.shared else {
            return;
        };
        for (rate, charge) in of.limits.charges_by_match(&of.matches).enumerate() {
            let (was, is) = (charge.1.cost, u64::from(cost));
            let now = self.clock.now();
            if is > was {
                let units = is - was;
                self.charge(shared, &of.limits, charge, units, now, of.mode)
                    .await;
            } else if is < was {
                let (units, charged) = (was - is, of.charged(rate));
                self.refund(shared, charge, units, charged, now, of.mode)
                    .await;
            }
        }
    }

    /// Charges units after the response, where the request was counted.
    async fn charge(
        &self,
        shared: &Shared,
        limits: &Limits,
        (matched, charge): (&Match, Charge<'_>),
        units: u64,
        now: Nanos,
        mode: CountingMode,
    ) {
        let change = change(units);
        if mode != CountingMode::Local {
            // Lost charges are restored before the counter changes. A failure shows below.
            let _ = shared.restore(&[charge], now).await;
            let call = shared.store.adjust(charge, -change, now);
            let Err(error) = shared.in_time(call).await else {
                shared
                    .standings
                    .charge(charge.counter_key, charge.key, change);
                return;
            };
            tracing::debug!(error = %Printable(error), "a charge was not corrected");
        }
        let rule = &charge.rule.shared_by(shared.store.replicas(), now);
        let own = charge.rule(rule);
        if mode != CountingMode::Local {
            shared.hand_over(&self.local, &[charge], &[own], now);
        }
        self.local.adjust_at(&own, -change, now);
        shared.owe(limits, matched, &charge, units);
    }

    /// Refunds units after the response, where the request was counted: to the window that was charged, or to none.
    async fn refund(
        &self,
        shared: &Shared,
        (matched, charge): (&Match, Charge<'_>),
        units: u64,
        charged: Charged,
        now: Nanos,
        mode: CountingMode,
    ) {
        // The local record of the counter may belong to a later window.
        let is_over = charged.left(now) == 0;
        if mode == CountingMode::Local {
            let rule = &charge.rule.shared_by(shared.store.replicas(), now);
            let own = charge.rule(rule);
            let counts = self.local.refund_at(&own, units, charged, now);
            if counts && !is_over {
                shared.owed.reduce(charge.counter_key, &matched.key, units);
            }
            return;
        }
        // Lost charges are restored before the counter changes. A failure shows below.
        let _ = shared.restore(&[charge], now).await;
        let call = shared.store.refund(charge, units, charged, now);
        match shared.in_time(call).await {
            Ok(()) if is_over => {}
            Ok(()) => {
                shared
                    .standings
                    .charge(charge.counter_key, charge.key, -change(units));
            }
            // The refund is lost until the window ends.
            Err(error) => {
                tracing::debug!(error = %Printable(error), "a charge was not corrected");
            }
        }
    }
}

/// Units as the store counts changes.
fn change(units: u64) -> i64 {
    i64::try_from(units).unwrap_or(i64::MAX)
}
