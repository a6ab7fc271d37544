use std::{
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use tokio::sync::Notify;
use waygate_backends::MemoryCounters;
use waygate_core::{
    limit::{
        Outcome,
        quota::{Nanos, SECOND},
    },
    port::{Charge, CounterError, CounterKey, CounterStore},
};

use super::{
    LimitedKey, Limits,
    matching::Match,
    owed::{Debt, Owed, Repayment},
    problem::lock,
    share,
    standings::{Said, Standings},
};
use crate::engine::{concurrency::UnreleasedPermits, traffic::Latencies};

/// The minimum interval between checks for a loss. A client may refund many units.
const BETWEEN_CHECKS: Nanos = SECOND / 10;

/// A shared counter store, with its last known values and the units owed to it while it is unavailable.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) store: Arc<dyn CounterStore>,
    /// The maximum wait of a request.
    deadline: Duration,
    /// The durations of calls to charge counters.
    pub(crate) latencies: Latencies,
    pub(super) standings: Standings,
    pub(super) owed: Owed,
    /// Permits that could not be released.
    pub(crate) unreleased: UnreleasedPermits,
    /// `true` if units are owed or permits are unreleased.
    pub(crate) behind: Arc<Notify>,
    /// Held while counters are handed over: no request charges a counter before its usage is known.
    handing_over: Mutex<()>,
    /// Decides which consumption still counts.
    scratch: Mutex<MemoryCounters>,
    /// The time of the last check for a loss of counters.
    checked: tokio::sync::Mutex<Nanos>,
}

impl Shared {
    pub(crate) fn new(store: Arc<dyn CounterStore>, deadline: Duration) -> Self {
        Self {
            store,
            deadline,
            latencies: Latencies::default(),
            standings: Standings::new(),
            owed: Owed::default(),
            unreleased: UnreleasedPermits::default(),
            behind: Arc::default(),
            handing_over: Mutex::default(),
            scratch: Mutex::new(MemoryCounters::builder().max_entries(1_024).build()),
            checked: tokio::sync::Mutex::default(),
        }
    }

    pub(super) async fn charge(
        &self,
        charges: &[Charge<'_>],
        now: Nanos,
    ) -> Result<Vec<Outcome>, CounterError> {
        self.restore(charges, now).await?;
        let losses = self.store.losses();
        match self.charge_once(charges, now, losses).await {
            // The store has just detected the loss itself.
            Err(_) if self.store.losses() != losses => {}
            taken => return taken,
        }
        self.restore(charges, now).await?;
        let outcomes = self.ask(charges, now).await?;
        for (charge, outcome) in charges.iter().zip(&outcomes) {
            let losses = self.store.losses();
            self.standings.note(charge, outcome, now, losses, true);
        }
        Ok(outcomes)
    }

    /// Fails if the store has lost its counters.
    async fn charge_once(
        &self,
        charges: &[Charge<'_>],
        now: Nanos,
        losses: u64,
    ) -> Result<Vec<Outcome>, CounterError> {
        let outcomes = self.ask(charges, now).await?;
        let pairs = || charges.iter().zip(&outcomes);
        let note = |sure| {
            let said = pairs()
                .map(|(charge, outcome)| self.standings.note(charge, outcome, now, losses, sure));
            said.fold(false, |less, said| less | (said == Said::Less))
        };
        if note(false) {
            self.in_time(self.check(now)).await?;
            if self.store.losses() != losses {
                let text = "it has lost its counters".to_owned();
                return Err(CounterError::Unavailable(text));
            }
            // A client has refunded it.
            note(true);
        }
        Ok(outcomes)
    }

    /// Checks whether the store has lost its counters, unless this was checked a moment ago.
    async fn check(&self, now: Nanos) -> Result<(), CounterError> {
        // No reply is recorded before the state of the store is known.
        let mut last = self.checked.lock().await;
        if now.abs_diff(*last) >= BETWEEN_CHECKS {
            self.store.check().await?;
            *last = now;
        }
        Ok(())
    }

    /// Charges again what the store has lost, as far as it is known and still counts.
    pub(super) async fn restore(
        &self,
        charges: &[Charge<'_>],
        now: Nanos,
    ) -> Result<(), CounterError> {
        let losses = self.store.losses();
        if losses == 0 {
            return Ok(());
        }
        for charge in charges {
            let Some(standing) = self.standings.lost(charge, losses, now) else {
                continue;
            };
            let lost = share::lost(&lock(&self.scratch), charge, standing, now);
            if lost.still > 0 {
                self.in_time(self.store.restore(lost, now)).await?;
            }
            self.standings.restored(charge, losses);
        }
        Ok(())
    }

    async fn ask(&self, charges: &[Charge<'_>], now: Nanos) -> Result<Vec<Outcome>, CounterError> {
        let started = Instant::now();
        let charged = self.in_time(self.store.charge(charges, now)).await;
        self.latencies.add(started.elapsed());
        let outcomes = match charged {
            Ok(outcomes) => outcomes,
            // The call may have been abandoned before the store could return a known refusal.
            Err(fault) => self.store.known_refusal(charges, now).ok_or(fault)?,
        };
        if outcomes.len() != charges.len() {
            let (asked, answered) = (charges.len(), outcomes.len());
            return Err(CounterError::Refused(format!(
                "requested {asked} counters, received {answered}"
            )));
        }
        Ok(outcomes)
    }

    /// The store's own deadline is not trusted.
    pub(crate) async fn in_time<T>(
        &self,
        call: impl Future<Output = Result<T, CounterError>>,
    ) -> Result<T, CounterError> {
        match tokio::time::timeout(self.deadline, call).await {
            Ok(outcome) => outcome,
            Err(_) => Err(CounterError::Unavailable(format!(
                "no answer within {} ms",
                self.deadline.as_millis()
            ))),
        }
    }

    /// Makes the counters of this process continue from the store's last reply. `charges` are the charges for the store,
    /// and `own` the same with the rules of one process.
    pub(super) fn hand_over(
        &self,
        local: &MemoryCounters,
        charges: &[Charge<'_>],
        own: &[Charge<'_>],
        now: Nanos,
    ) {
        let replicas = self.store.replicas();
        let _alone = lock(&self.handing_over);
        for (charge, own) in charges.iter().zip(own) {
            if let Some(standing) = self.standings.hand_over(charge.counter_key, charge.key) {
                share::begin(local, own, standing, charge.rule.capacity(), replicas, now);
            }
        }
    }

    /// Records units that were granted without the store.
    pub(super) fn owe(&self, limits: &Limits, matched: &Match, charge: &Charge<'_>, units: u64) {
        if units == 0 {
            return;
        }
        if let Some(debt) = Debt::of(limits, matched, charge, units) {
            self.owed.add(debt);
            self.behind.notify_one();
        }
    }

    /// Charges units that were granted without the store, as far as this process still counts them.
    pub(super) async fn repay(
        &self,
        local: &MemoryCounters,
        repayment: Repayment<'_>,
        now: Nanos,
    ) -> Result<(), CounterError> {
        if let Some(debt) = repayment.debt()
            && let Some(charge) = debt.charge()
        {
            // Lost units first: only the units that the counter does not show are charged.
            self.restore(&[charge], now).await?;
            let rule = &charge.rule.shared_by(self.store.replicas(), now);
            let consumed = share::consumed(local, &charge.rule(rule), now);
            let units = i64::try_from(debt.units.min(consumed)).unwrap_or(i64::MAX);
            if units > 0 {
                self.in_time(self.store.adjust(charge, -units, now)).await?;
                self.standings.charge(charge.counter_key, charge.key, units);
            }
        }
        repayment.done();
        Ok(())
    }

    /// Charges everything that is owed, until the store fails.
    pub(crate) async fn repay_all(
        &self,
        local: &MemoryCounters,
        now: Nanos,
    ) -> Result<(), CounterError> {
        while let Some(repayment) = self.owed.remove_any() {
            self.repay(local, repayment, now).await?;
        }
        Ok(())
    }

    /// Removes the known values of a reset counter.
    pub(super) fn forget(&self, counter_key: &CounterKey, key: &LimitedKey) {
        self.standings.remove(counter_key, key.as_bytes());
        if let Some(repayment) = self.owed.remove(counter_key, key) {
            repayment.done();
        }
    }
}
