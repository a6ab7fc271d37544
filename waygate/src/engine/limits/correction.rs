//! Corrections of what requests were charged, once their real cost is known.

use waygate_core::{
    Printable,
    limit::{Taken, quota::Nanos},
    port::Take,
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
            let take = rate.take(&self.policy, &self.key, self.cost);
            let taken = Taken {
                at: self.at,
                reset_after: self.reset_after,
            };
            counters.correct_here(&take, cost, taken);
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
            let takes = self.limits.takes(&self.matches);
            for (rate, take) in takes.iter().enumerate() {
                counters.correct_here(take, cost, self.taken(rate));
            }
            return;
        }
        let runtime = counters.runtime.clone();
        runtime.spawn(async move { counters.correct_shared(&self, cost).await });
    }
}

impl Counters {
    /// Corrects a charge in this process.
    fn correct_here(&self, take: &Take<'_>, cost: u32, taken: Taken) {
        let (was, is) = (take.cost, u64::from(cost));
        let now = self.clock.now();
        if is > was {
            self.local.adjust_at(take, -change(is - was), now);
        } else if is < was {
            self.local.give_back_at(take, was - is, taken, now);
        }
    }

    /// Corrects charges in the shared store.
    async fn correct_shared(&self, of: &Several, cost: u32) {
        let Some(shared) = &self.shared else {
            return;
        };
        for (rate, charge) in of.limits.takes_by_match(&of.matches).enumerate() {
            let (was, is) = (charge.1.cost, u64::from(cost));
            let now = self.clock.now();
            if is > was {
                let units = is - was;
                self.charge(shared, &of.limits, charge, units, now, of.mode)
                    .await;
            } else if is < was {
                let (units, taken) = (was - is, of.taken(rate));
                self.refund(shared, charge, units, taken, now, of.mode)
                    .await;
            }
        }
    }

    /// Charges units after the response, where the request was counted.
    async fn charge(
        &self,
        shared: &Shared,
        limits: &Limits,
        (matched, take): (&Match, Take<'_>),
        units: u64,
        now: Nanos,
        mode: CountingMode,
    ) {
        let change = change(units);
        if mode != CountingMode::Local {
            // Lost charges are restored before the counter changes. A failure shows below.
            let _ = shared.restore(&[take], now).await;
            let call = shared.store.adjust(take, -change, now);
            let Err(error) = shared.in_time(call).await else {
                shared.standings.charge(take.series, take.key, change);
                return;
            };
            tracing::debug!(error = %Printable(error), "a charge was not corrected");
        }
        let rule = &take.rule.shared_by(shared.store.replicas(), now);
        let own = take.rule(rule);
        if mode != CountingMode::Local {
            shared.hand_over(&self.local, &[take], &[own], now);
        }
        self.local.adjust_at(&own, -change, now);
        shared.owe(limits, matched, &take, units);
    }

    /// Refunds units after the response, where the request was counted: to the window that was charged, or to none.
    async fn refund(
        &self,
        shared: &Shared,
        (matched, take): (&Match, Take<'_>),
        units: u64,
        taken: Taken,
        now: Nanos,
        mode: CountingMode,
    ) {
        // The local record of the counter may belong to a later window.
        let is_over = taken.left(now) == 0;
        if mode == CountingMode::Local {
            let rule = &take.rule.shared_by(shared.store.replicas(), now);
            let own = take.rule(rule);
            let counts = self.local.give_back_at(&own, units, taken, now);
            if counts && !is_over {
                shared.owed.reduce(take.series, &matched.key, units);
            }
            return;
        }
        // Lost charges are restored before the counter changes. A failure shows below.
        let _ = shared.restore(&[take], now).await;
        let call = shared.store.give_back(take, units, taken, now);
        match shared.in_time(call).await {
            Ok(()) if is_over => {}
            Ok(()) => {
                shared
                    .standings
                    .charge(take.series, take.key, -change(units));
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
