use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use smallvec::SmallVec;
use waygate_backends::{MemoryCounters, Outcomes};
use waygate_core::{
    grammar::OnStoreFailure,
    limit::{Outcome, Rule, quota::Nanos},
    port::{Charge, Clock, CounterError},
};

use waygate_core::view::{CountingMode, CountingModes};

use super::{
    LimitClock, LimitedKey, Limits, Policy,
    matching::{Charges, Match, Matches},
    outcome::Decided,
    refusal::RefusalCause,
    shared::Shared,
};
use crate::engine::concurrency::SharedPermits;

/// The counters of requests: those of this process, or of a shared store with those of this process as a fallback.
#[derive(Debug)]
pub(crate) struct Counters {
    pub(crate) local: MemoryCounters,
    pub(crate) shared: Option<Shared>,
    /// The clock of the counters.
    pub(crate) clock: LimitClock,
    /// Permits that this process holds in the shared store.
    pub(crate) permits: SharedPermits,
    modes: Modes,
    /// For corrections that are made after the response.
    pub(super) runtime: tokio::runtime::Handle,
}

/// The number of requests by counting mode.
#[derive(Debug, Default)]
struct Modes([AtomicU64; 4]);

/// The outcomes of one request.
#[derive(Debug)]
pub(super) struct Counted {
    /// The matches that were counted: without the policies that fail open while the store is unavailable.
    pub(super) matches: Matches,
    pub(super) outcomes: Outcomes,
    pub(super) decision: Decided,
    pub(super) mode: CountingMode,
    /// Why the shared store did not decide.
    pub(super) fault: Option<CounterError>,
}

impl Counters {
    /// The runtime of the engine's tasks.
    pub(crate) fn runtime(&self) -> &tokio::runtime::Handle {
        &self.runtime
    }

    pub(crate) fn new(
        local: MemoryCounters,
        shared: Option<Shared>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self {
            local,
            shared,
            clock: LimitClock::new(clock),
            permits: SharedPermits::default(),
            modes: Modes::default(),
            runtime: tokio::runtime::Handle::current(),
        }
    }

    /// Counts in this process, without waiting.
    pub(super) fn count_here(&self, limits: &Limits, matches: Matches, now: Nanos) -> Counted {
        let outcomes = self.local.charge_at(&limits.charges(&matches), now);
        Counted {
            decision: limits.decide(&matches, &outcomes, now),
            matches,
            outcomes,
            mode: CountingMode::Authoritative,
            fault: None,
        }
    }

    /// Counts in the configured store. If that fails, each policy's `on_store_failure` applies.
    pub(super) async fn count(&self, limits: &Limits, matches: Matches, now: Nanos) -> Counted {
        let Some(shared) = &self.shared else {
            return self.count_here(limits, matches, now);
        };
        let taken = match shared.owed.is_empty() {
            true => shared.charge(&limits.charges(&matches), now).await,
            false => Box::pin(self.repay_and_charge(shared, limits, &matches, now)).await,
        };
        let counted = match taken {
            Ok(outcomes) => Counted {
                decision: limits.decide(&matches, &outcomes, now),
                matches,
                outcomes: outcomes.into(),
                mode: CountingMode::Authoritative,
                fault: None,
            },
            Err(fault) => self.fall_back(shared, limits, matches, now, fault),
        };
        self.modes.note(counted.mode);
        counted
    }

    #[cold]
    fn fall_back(
        &self,
        shared: &Shared,
        limits: &Limits,
        mut matches: Matches,
        now: Nanos,
        fault: CounterError,
    ) -> Counted {
        let on_failure = |matched: &Match| limits.of(matched).0.fields.on_store_failure;
        let fails_closed = |matched: &&Match| {
            on_failure(matched) == OnStoreFailure::Closed && limits.of(matched).0.is_enforced()
        };
        if let Some(closed) = matches.iter().find(fails_closed) {
            return Counted {
                decision: Err(limits.refuse(closed.policy, RefusalCause::StoreGone, now)),
                matches,
                outcomes: Outcomes::default(),
                mode: CountingMode::Closed,
                fault: Some(fault),
            };
        }
        matches.retain(|matched| on_failure(matched) == OnStoreFailure::Local);
        let outcomes = self.charge_share(shared, &limits.charges(&matches), now);
        let decision = limits.decide(&matches, &outcomes, now);
        if decision.is_ok() {
            let taken = limits.charges_by_match(&matches).zip(&*outcomes);
            let taken = taken.filter(|(_, outcome)| outcome.allowed);
            for ((matched, charge), _) in taken {
                shared.owe(limits, matched, &charge, charge.cost);
            }
        }
        let mode = match matches.is_empty() {
            true => CountingMode::Open,
            false => CountingMode::Local,
        };
        Counted {
            matches,
            outcomes,
            decision,
            mode,
            fault: Some(fault),
        }
    }

    /// Charges this process's share of the limits.
    fn charge_share(&self, shared: &Shared, charges: &[Charge<'_>], now: Nanos) -> Outcomes {
        let replicas = shared.store.replicas();
        let share = |charge: &Charge<'_>| charge.rule.shared_by(replicas, now);
        let shares: SmallVec<[Rule; 4]> = charges.iter().map(share).collect();
        let own: Charges<'_> = charges
            .iter()
            .zip(&shares)
            .map(|(charge, rule)| charge.rule(rule))
            .collect();
        shared.hand_over(&self.local, charges, &own, now);
        self.local.charge_at(&own, now)
    }

    /// Charges the owed units and the new charges of these matches.
    #[cold]
    async fn repay_and_charge(
        &self,
        shared: &Shared,
        limits: &Limits,
        matches: &Matches,
        now: Nanos,
    ) -> Result<Vec<Outcome>, CounterError> {
        for (matched, charge) in limits.charges_by_match(matches) {
            let Some(repayment) = shared.owed.remove(charge.counter_key, &matched.key) else {
                continue;
            };
            if let Err(fault) = shared.repay(&self.local, repayment, now).await {
                let known = shared.store.known_refusal(&limits.charges(matches), now);
                return known.ok_or(fault);
            }
        }
        shared.charge(&limits.charges(matches), now).await
    }

    /// Resets the counters of one key of a policy, in every tier.
    pub(crate) async fn reset(
        &self,
        policy: &Policy,
        key: &LimitedKey,
    ) -> Result<(), CounterError> {
        let now = self.clock.now();
        for rate in policy.all_rates() {
            let charge = rate.charge(policy, key, 0);
            self.local.reset_at(&charge, now);
            if let Some(shared) = &self.shared {
                shared.in_time(shared.store.reset(charge, now)).await?;
                shared.forget(charge.counter_key, key);
            }
        }
        Ok(())
    }

    pub(crate) fn modes(&self) -> CountingModes {
        let [noted, local, open, closed] =
            [0, 1, 2, 3].map(|mode: usize| self.modes.0[mode].load(Ordering::Relaxed));
        // The local store counts its calls under its own locks, which is cheaper than another atomic per request.
        let authoritative = match self.shared {
            Some(_) => noted,
            None => self.local.calls(),
        };
        let mut modes = CountingModes::default();
        modes.authoritative = authoritative;
        modes.local = local;
        modes.open = open;
        modes.closed = closed;
        modes
    }
}

impl Modes {
    #[inline]
    fn note(&self, mode: CountingMode) {
        self.0[mode as usize].fetch_add(1, Ordering::Relaxed);
    }
}
