use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use redis::Cmd;
use waygate_core::{
    Printable,
    limit::{Charged, Outcome, quota::Nanos},
    port::{Charge, CounterError, all_allowed},
};

use super::{
    super::link::Permits,
    plan::{MICROSECOND, Plan, cost_of, units_of},
    request::Request,
    scripts,
    shared::Shared,
};

impl Shared {
    /// Charges in one step, or, in a cluster, in one step per key.
    ///
    /// In a cluster, counters of different keys may be on different nodes, and no script spans nodes. The groups are
    /// then sent one after another, and when one refuses, the charges of the earlier ones are refunded. Until then,
    /// other requests see fewer units than there are, never more.
    pub(super) async fn charge_all(
        self: &Arc<Self>,
        charges: &[Charge<'_>],
        plans: &[Plan],
    ) -> Result<Vec<Outcome>, CounterError> {
        let is_one = charges.windows(2).all(|pair| pair[0].key == pair[1].key);
        if is_one || !self.link.is_cluster() {
            let group: Vec<usize> = (0..charges.len()).collect();
            return self
                .charge_group(charges, plans, &group, true, self.deadline())
                .await;
        }
        let groups = groups(charges);
        let until = Instant::now() + self.deadline();
        let mut outcomes = vec![None; charges.len()];
        let mut refused = false;
        let mut charged: Vec<usize> = Vec::new();
        for group in groups {
            // After a refusal, this only reads the state.
            let left = until.saturating_duration_since(Instant::now());
            let results = self
                .charge_group(charges, plans, &group, !refused, left)
                .await?;
            let own: Vec<Charge<'_>> = group.iter().map(|index| charges[*index]).collect();
            if all_allowed(&own, &results) && !refused {
                charged.extend(
                    group
                        .iter()
                        .zip(&results)
                        .filter(|(_, result)| result.allowed)
                        .map(|(index, _)| *index),
                );
            } else {
                refused = true;
            }
            for (index, outcome) in group.into_iter().zip(results) {
                outcomes[index] = Some(outcome);
            }
        }
        let mut outcomes: Vec<Outcome> = outcomes.into_iter().flatten().collect();
        if refused {
            for index in charged {
                let charge = &charges[index];
                let name = self.names.counter(charge.counter_key, charge.key);
                let units = i64::try_from(charge.cost).unwrap_or(i64::MAX);
                if let Err(error) = self.adjust(&name, plans[index], units).await {
                    // The charges count until their window ends; the refusal stands.
                    tracing::debug!("failed to refund rate-limit units: {}", Printable(error));
                    continue;
                }
                let outcome = &mut outcomes[index];
                outcome.remaining = outcome
                    .remaining
                    .saturating_add(charge.cost)
                    .min(outcome.limit);
            }
        }
        Ok(outcomes)
    }

    async fn charge_group(
        self: &Arc<Self>,
        charges: &[Charge<'_>],
        plans: &[Plan],
        group: &[usize],
        is_charged: bool,
        deadline: Duration,
    ) -> Result<Vec<Outcome>, CounterError> {
        let mut request = Request::new();
        for index in group {
            let charge = &charges[*index];
            let name = self.names.counter(charge.counter_key, charge.key);
            let cost = if is_charged { cost_of(charge) } else { 0 };
            request.add(
                name,
                plans[*index],
                cost,
                charge.enforced,
                charge.rule.capacity(),
            );
        }
        Ok(self.ask(request, deadline).await?)
    }

    pub(super) async fn adjust(
        &self,
        name: &str,
        plan: Plan,
        units: i64,
    ) -> Result<(), CounterError> {
        let arguments = |command: &mut Cmd| {
            command.arg(1).arg(name);
            command.arg(plan.text(units_of(units), false));
        };
        let call = self.begin(self.deadline(), Permits::Own).await?;
        self.link.run(call, &scripts::ADJUST, arguments).await?;
        Ok(())
    }
}

impl Shared {
    pub(super) async fn refund(
        &self,
        name: &str,
        plan: Plan,
        units: u64,
        charged: Charged,
        now: Nanos,
    ) -> Result<(), CounterError> {
        let units = i64::try_from(units).unwrap_or(i64::MAX);
        let arguments = |command: &mut Cmd| {
            command.arg(2).arg(name).arg(reset_of(name));
            command.arg(plan.text(units_of(units), false));
            let [age, left] = since(charged, now);
            command.arg(age).arg(left);
        };
        let call = self.begin(self.deadline(), Permits::Own).await?;
        self.link.run(call, &scripts::REFUND, arguments).await?;
        Ok(())
    }
}

/// Returns the key with the time of the last reset of a counter.
pub(super) fn reset_of(name: &str) -> String {
    format!("{name}:reset")
}

/// Returns the age of a charge, and the time left of its wait, in microseconds. Both are relative, since Redis has its
/// own clock.
pub(super) fn since(charged: Charged, now: Nanos) -> [i64; 2] {
    let microseconds = |nanos: Nanos| i64::try_from(nanos / MICROSECOND).unwrap_or(i64::MAX);
    let age = microseconds(now.saturating_sub(charged.at));
    [age, microseconds(charged.reset_after).saturating_sub(age)]
}

/// Groups the indices of the charges by key.
fn groups(charges: &[Charge<'_>]) -> Vec<Vec<usize>> {
    let mut groups: Vec<Vec<usize>> = Vec::new();
    for (index, charge) in charges.iter().enumerate() {
        match groups
            .iter_mut()
            .find(|group| charges[group[0]].key == charge.key)
        {
            Some(group) => group.push(index),
            None => groups.push(vec![index]),
        }
    }
    groups
}
