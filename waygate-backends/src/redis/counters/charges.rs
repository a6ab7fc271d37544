use std::{
    sync::{Arc, atomic::Ordering},
    time::Instant,
};

use waygate_core::{
    limit::{Outcome, quota::Nanos},
    port::{Charge, CounterError, all_allowed},
};

use super::{blocks::Print, leases::Lent, plan::Plan, request::Request, shared::Shared};

impl Shared {
    pub(super) async fn charge(
        self: &Arc<Self>,
        charges: &[Charge<'_>],
        now: Nanos,
    ) -> Result<Vec<Outcome>, CounterError> {
        let plans = plans(charges, now);
        let counters = self.blocks.counters(charges);
        let asked = self.blocks.asked(charges, &plans, &counters);
        if let Some(outcomes) = self.blocks.refusal(charges, &counters, asked) {
            return Ok(outcomes);
        }
        if let ([charge], [plan], [counter]) = (charges, &plans[..], &counters[..])
            && let Some(outcome) = self.lend(charge, *plan, *counter)
        {
            return Ok(vec![outcome]);
        }
        let since = Instant::now();
        let outcomes = match self.charge_all(charges, &plans).await {
            Ok(outcomes) => outcomes,
            // A caller may fall back to local counters, but not for keys that Redis has refused.
            Err(error) => {
                let known = self.blocks.last_refusal(charges, &counters, asked);
                return known.ok_or(error);
            }
        };
        if all_allowed(charges, &outcomes) {
            self.blocks.lift(&counters, asked);
        } else {
            self.blocks
                .remember(charges, &counters, asked, &outcomes, since);
        }
        Ok(outcomes)
    }

    pub(super) fn last_refusal(&self, charges: &[Charge<'_>], now: Nanos) -> Option<Vec<Outcome>> {
        let counters = self.blocks.counters(charges);
        let asked = self.blocks.asked(charges, &plans(charges, now), &counters);
        self.blocks.last_refusal(charges, &counters, asked)
    }

    /// Grants the request from leased units, and refills them when they run short.
    fn lend(self: &Arc<Self>, charge: &Charge<'_>, plan: Plan, counter: Print) -> Option<Outcome> {
        let replicas = self.replicas.load(Ordering::Relaxed);
        if !charge.lease || charge.cost == 0 || replicas == 0 {
            return None;
        }
        let limit = charge.rule.capacity();
        let (outcome, refill) =
            match self
                .leases
                .charge(counter, plan, charge.cost, limit, replicas)
            {
                Lent::Given(outcome, refill) => (Some(outcome), refill),
                Lent::Dry(refill) => (None, refill),
            };
        if let Some(units) = refill {
            let refill = Refill {
                shared: Arc::clone(self),
                counter,
                name: self.names.counter(charge.counter_key, charge.key),
                units,
                outcome: None,
                since: Instant::now(),
            };
            tokio::spawn(refill.run(plan, limit));
        }
        outcome
    }
}

/// A refill of a lease. Dropping it, for whatever reason, allows the next one.
struct Refill {
    shared: Arc<Shared>,
    counter: Print,
    name: String,
    units: u64,
    outcome: Option<Outcome>,
    since: Instant,
}

impl Refill {
    async fn run(mut self, plan: Plan, limit: u64) {
        let cost = i64::try_from(self.units).unwrap_or(i64::MAX);
        let mut request = Request::new();
        request.add(self.name.clone(), plan, cost, true, limit);
        let answer = self.shared.ask(request, self.shared.deadline()).await;
        self.outcome = answer.ok().and_then(|outcomes| outcomes.first().copied());
    }
}

impl Drop for Refill {
    fn drop(&mut self) {
        let name = std::mem::take(&mut self.name);
        let (units, outcome) = (self.units, self.outcome);
        self.shared
            .leases
            .refilled(self.counter, name, units, outcome, self.since);
    }
}

fn plans(charges: &[Charge<'_>], now: Nanos) -> Vec<Plan> {
    charges
        .iter()
        .map(|charge| Plan::of(charge.rule, now))
        .collect()
}
