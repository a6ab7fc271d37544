use std::{
    sync::{Arc, atomic::Ordering},
    time::Instant,
};

use waygate_core::{
    limit::{Outcome, quota::Nanos},
    port::{CounterError, Take, all_allowed},
};

use super::{blocks::Print, leases::Lent, plan::Plan, request::Request, shared::Shared};

impl Shared {
    pub(super) async fn take(
        self: &Arc<Self>,
        takes: &[Take<'_>],
        now: Nanos,
    ) -> Result<Vec<Outcome>, CounterError> {
        let plans = plans(takes, now);
        let counters = self.blocks.counters(takes);
        let asked = self.blocks.asked(takes, &plans, &counters);
        if let Some(outcomes) = self.blocks.refusal(takes, &counters, asked) {
            return Ok(outcomes);
        }
        if let ([take], [plan], [counter]) = (takes, &plans[..], &counters[..])
            && let Some(outcome) = self.lend(take, *plan, *counter)
        {
            return Ok(vec![outcome]);
        }
        let since = Instant::now();
        let outcomes = match self.take_all(takes, &plans).await {
            Ok(outcomes) => outcomes,
            // A caller may fall back to local counters, but not for keys that Redis has refused.
            Err(error) => {
                let known = self.blocks.last_refusal(takes, &counters, asked);
                return known.ok_or(error);
            }
        };
        if all_allowed(takes, &outcomes) {
            self.blocks.lift(&counters, asked);
        } else {
            self.blocks
                .remember(takes, &counters, asked, &outcomes, since);
        }
        Ok(outcomes)
    }

    pub(super) fn last_refusal(&self, takes: &[Take<'_>], now: Nanos) -> Option<Vec<Outcome>> {
        let counters = self.blocks.counters(takes);
        let asked = self.blocks.asked(takes, &plans(takes, now), &counters);
        self.blocks.last_refusal(takes, &counters, asked)
    }

    /// Grants the request from leased units, and refills them when they run short.
    fn lend(self: &Arc<Self>, take: &Take<'_>, plan: Plan, counter: Print) -> Option<Outcome> {
        let replicas = self.replicas.load(Ordering::Relaxed);
        if !take.lease || take.cost == 0 || replicas == 0 {
            return None;
        }
        let limit = take.rule.capacity();
        let (outcome, refill) = match self.leases.take(counter, plan, take.cost, limit, replicas) {
            Lent::Given(outcome, refill) => (Some(outcome), refill),
            Lent::Dry(refill) => (None, refill),
        };
        if let Some(units) = refill {
            let refill = Refill {
                shared: Arc::clone(self),
                counter,
                name: self.names.counter(take.series, take.key),
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

fn plans(takes: &[Take<'_>], now: Nanos) -> Vec<Plan> {
    takes.iter().map(|take| Plan::of(take.rule, now)).collect()
}
