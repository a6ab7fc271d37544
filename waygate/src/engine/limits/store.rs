use std::sync::atomic::{AtomicU64, Ordering};

use smallvec::SmallVec;
use waygate_backends::{MemoryCounters, Outcomes};
use waygate_core::{
    Printable,
    grammar::OnStoreFailure,
    limit::{Outcome, Rule, Taken, quota::Nanos},
    port::{CounterError, Take},
};

pub use waygate_core::view::{CountingMode, CountingModes};

use super::{
    LimitedKey, Limits, Policy, Rate,
    claim::{Claim, Claims, Takes},
    shared::Shared,
    verdict::{RefusalCause, Settled},
};
use crate::engine::{Inner, concurrency::HeldPlaces};

/// Where requests are counted: in this process, or in a store that others share, with this process to fall back on.
#[derive(Debug)]
pub(crate) struct Counters {
    pub(crate) local: MemoryCounters,
    pub(crate) shared: Option<Shared>,
    /// Places of limits of concurrency that are held in the shared store.
    pub(crate) held: HeldPlaces,
    modes: Modes,
}

/// How many requests were decided in each way.
#[derive(Debug, Default)]
struct Modes([AtomicU64; 4]);

/// What a store has said to one request.
#[derive(Debug)]
pub(crate) struct Counted {
    /// What was counted: without the policies that let everything pass while the store is gone.
    pub(crate) claims: Claims,
    pub(crate) outcomes: Outcomes,
    pub(crate) settled: Settled,
    pub(crate) mode: CountingMode,
    /// Why the shared store did not decide.
    pub(crate) fault: Option<CounterError>,
}

impl Counters {
    pub(crate) fn new(local: MemoryCounters, shared: Option<Shared>) -> Self {
        Self {
            local,
            shared,
            held: HeldPlaces::default(),
            modes: Modes::default(),
        }
    }

    /// Counts in this process, at once.
    #[inline]
    pub(crate) fn count_here(&self, limits: &Limits, claims: Claims, now: Nanos) -> Counted {
        let outcomes = self.local.take_at(&limits.takes(&claims), now);
        Counted {
            settled: limits.settle(&claims, &outcomes, now),
            claims,
            outcomes,
            mode: CountingMode::Authoritative,
            fault: None,
        }
    }

    /// Counts one claim by one rate in this process, at once.
    #[inline]
    pub(crate) fn count_one_here(
        &self,
        policy: &Policy,
        rate: &Rate,
        claim: &Claim,
        now: Nanos,
    ) -> Outcome {
        self.local.take_one_at(&rate.take(policy, claim), now)
    }

    /// Counts where it is meant to be counted; where that fails, each policy says what happens instead.
    pub(crate) async fn count(&self, limits: &Limits, claims: Claims, now: Nanos) -> Counted {
        let Some(shared) = &self.shared else {
            return self.count_here(limits, claims, now);
        };
        let taken = match shared.owed.is_empty() {
            true => shared.take(&limits.takes(&claims), now).await,
            false => Box::pin(self.repay_and_take(shared, limits, &claims, now)).await,
        };
        let counted = match taken {
            Ok(outcomes) => Counted {
                settled: limits.settle(&claims, &outcomes, now),
                claims,
                outcomes: outcomes.into(),
                mode: CountingMode::Authoritative,
                fault: None,
            },
            Err(fault) => self.fall_back(shared, limits, claims, now, fault),
        };
        self.modes.note(counted.mode);
        counted
    }

    #[cold]
    fn fall_back(
        &self,
        shared: &Shared,
        limits: &Limits,
        mut claims: Claims,
        now: Nanos,
        fault: CounterError,
    ) -> Counted {
        let on_failure = |claim: &Claim| limits.of(claim).0.fields.on_store_failure;
        let is_closed = |claim: &&Claim| {
            on_failure(claim) == OnStoreFailure::Closed && limits.of(claim).0.is_enforced()
        };
        if let Some(closed) = claims.iter().find(is_closed) {
            return Counted {
                settled: Err(limits.refuse(closed.policy, RefusalCause::StoreGone, now)),
                claims,
                outcomes: Outcomes::default(),
                mode: CountingMode::Closed,
                fault: Some(fault),
            };
        }
        claims.retain(|claim| on_failure(claim) == OnStoreFailure::Local);
        let outcomes = self.take_share(shared, &limits.takes(&claims), now);
        let settled = limits.settle(&claims, &outcomes, now);
        if settled.is_ok() {
            let taken = limits.takes_by_claim(&claims).zip(&*outcomes);
            let taken = taken.filter(|(_, outcome)| outcome.allowed);
            for ((claim, take), _) in taken {
                shared.owe(limits, claim, &take, take.cost);
            }
        }
        let mode = match claims.is_empty() {
            true => CountingMode::Open,
            false => CountingMode::Local,
        };
        Counted {
            settled,
            claims,
            outcomes,
            mode,
            fault: Some(fault),
        }
    }

    /// Takes what one of several processes may give out by itself.
    fn take_share(&self, shared: &Shared, takes: &[Take<'_>], now: Nanos) -> Outcomes {
        let replicas = shared.store.replicas();
        let share = |take: &Take<'_>| take.rule.shared_by(replicas, now);
        let shares: SmallVec<[Rule; 4]> = takes.iter().map(share).collect();
        let own: Takes<'_> = takes
            .iter()
            .zip(&shares)
            .map(|(take, rule)| Take { rule, ..*take })
            .collect();
        shared.hand_over(&self.local, takes, &own, now);
        self.local.take_at(&own, now)
    }

    /// Charges units after the answer, where the request was counted.
    pub(crate) async fn charge(
        &self,
        limits: &Limits,
        (claim, take): (&Claim, Take<'_>),
        units: u64,
        now: Nanos,
        mode: CountingMode,
    ) {
        let change = i64::try_from(units).unwrap_or(i64::MAX);
        let Some(shared) = &self.shared else {
            self.local.adjust_at(&take, -change, now);
            return;
        };
        if mode != CountingMode::Local {
            // What it has lost is charged again before the counter changes; a failure shows below.
            let _ = shared.restore(&[take], now).await;
            let call = shared.store.adjust(take, -change, now);
            let Err(error) = shared.in_time(call).await else {
                shared.standings.charge(take.series, take.key, change);
                return;
            };
            tracing::debug!(error = %Printable(error), "a charge was not corrected");
        }
        let rule = &take.rule.shared_by(shared.store.replicas(), now);
        let own = Take { rule, ..take };
        shared.hand_over(&self.local, &[take], &[own], now);
        self.local.adjust_at(&own, -change, now);
        shared.owe(limits, claim, &take, units);
    }

    /// Gives units back after the answer, where the request was counted: to the window that they were taken from, or to
    /// none.
    pub(crate) async fn give_back(
        &self,
        (claim, take): (&Claim, Take<'_>),
        units: u64,
        taken: Taken,
        now: Nanos,
        mode: CountingMode,
    ) {
        let Some(shared) = &self.shared else {
            self.local.give_back_at(&take, units, taken, now);
            return;
        };
        // What is known of the counter may be of a later window.
        let is_over = taken.left(now) == 0;
        if mode == CountingMode::Local {
            let rule = &take.rule.shared_by(shared.store.replicas(), now);
            let own = Take { rule, ..take };
            shared.hand_over(&self.local, &[take], &[own], now);
            self.local.give_back_at(&own, units, taken, now);
            if !is_over {
                shared.owed.reduce(take.series, &claim.key, units);
            }
            return;
        }
        // What it has lost is charged again before the counter changes; a failure shows below.
        let _ = shared.restore(&[take], now).await;
        let call = shared.store.give_back(take, units, taken, now);
        match shared.in_time(call).await {
            Ok(()) if is_over => {}
            Ok(()) => {
                let change = i64::try_from(units).unwrap_or(i64::MAX);
                shared.standings.charge(take.series, take.key, -change);
            }
            // It is lost until its window is over.
            Err(error) => {
                tracing::debug!(error = %Printable(error), "a charge was not corrected");
            }
        }
    }

    /// Charges what the counters of these claims owe, and takes from them then.
    #[cold]
    async fn repay_and_take(
        &self,
        shared: &Shared,
        limits: &Limits,
        claims: &Claims,
        now: Nanos,
    ) -> Result<Vec<Outcome>, CounterError> {
        for (claim, take) in limits.takes_by_claim(claims) {
            let Some(repayment) = shared.owed.remove(take.series, &claim.key) else {
                continue;
            };
            if let Err(fault) = shared.repay(&self.local, repayment, now).await {
                let known = shared.store.known_refusal(&limits.takes(claims), now);
                return known.ok_or(fault);
            }
        }
        shared.take(&limits.takes(claims), now).await
    }

    /// Forgets what one key has consumed of one policy, in whatever tier.
    pub(crate) async fn forget(
        &self,
        policy: &Policy,
        key: &LimitedKey,
    ) -> Result<(), CounterError> {
        for series in policy.all_series() {
            self.local.forget_at(series, key.as_bytes());
            if let Some(shared) = &self.shared {
                let call = shared.store.forget(series, key.as_bytes());
                shared.in_time(call).await?;
                shared.forget(series, key);
            }
        }
        Ok(())
    }

    pub(crate) fn modes(&self) -> CountingModes {
        let [noted, local, open, closed] =
            [0, 1, 2, 3].map(|mode: usize| self.modes.0[mode].load(Ordering::Relaxed));
        // The memory counts its calls by itself, at less than what one more atomic number costs every request.
        let authoritative = match self.shared {
            Some(_) => noted,
            None => self.local.calls(),
        };
        CountingModes {
            authoritative,
            local,
            open,
            closed,
        }
    }
}

impl Inner {
    /// Notes what an answer of the shared counters, or their silence, says about them.
    #[inline]
    pub(crate) fn note_counters(&self, fault: Option<&CounterError>) {
        let Some(shared) = &self.counters.shared else {
            return;
        };
        if fault.is_some() {
            self.monitor.counted(fault, &*self.clock);
        } else if self.monitor.is_counting_impaired() && shared.store.health().is_ok() {
            // A store that is gone may still refuse what it has refused before: that is no return.
            self.monitor.counted(None::<&CounterError>, &*self.clock);
        }
    }
}

impl Modes {
    #[inline]
    fn note(&self, mode: CountingMode) {
        self.0[mode as usize].fetch_add(1, Ordering::Relaxed);
    }
}
