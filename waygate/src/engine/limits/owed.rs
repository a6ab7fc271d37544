//! Units that this process has granted without the shared store, and charges there when it is available again.

use std::{
    collections::{HashMap, hash_map::Entry},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use waygate_core::port::{Charge, CounterKey};

use super::{
    LimitedKey, Limits, Policy,
    matching::Match,
    policy::{Rate, TierIndex},
    problem::lock,
};

/// The maximum number of counters; units of others are not charged.
const MOST: usize = 65_536;

/// The units granted from one counter.
#[derive(Debug, Clone)]
pub(super) struct Debt {
    policy: Arc<Policy>,
    tier: TierIndex,
    rate: usize,
    key: LimitedKey,
    pub(super) units: u64,
}

/// The debts of this process, by counter.
#[derive(Debug, Default)]
pub(super) struct Owed {
    /// The number of debts, which requests read without the lock.
    count: AtomicUsize,
    debts: Mutex<HashMap<Account, Debt>>,
}

/// A counter: the number of its counter key, and its rate-limit key.
type Account = (u64, LimitedKey);

impl Debt {
    /// The debt of the counter that a match charges.
    pub(super) fn of(
        limits: &Limits,
        matched: &Match,
        charge: &Charge<'_>,
        units: u64,
    ) -> Option<Self> {
        let policy = limits.policies.get(usize::from(matched.policy))?.clone();
        let mut rates = policy.rates(matched.tier).list.iter();
        let rate = rates.position(|rate| rate.counter_key == *charge.counter_key)?;
        Some(Self {
            policy,
            tier: matched.tier,
            rate,
            key: matched.key.clone(),
            units,
        })
    }

    /// The charge for the counter store, without a cost.
    pub(super) fn charge(&self) -> Option<Charge<'_>> {
        let rate = self.rate()?;
        Some(
            Charge::new(&rate.counter_key, self.key.as_bytes(), &rate.rule)
                .cost(0)
                .enforced(self.policy.is_enforced()),
        )
    }

    fn rate(&self) -> Option<&Rate> {
        self.policy.rates(self.tier).list.get(self.rate)
    }

    fn account(&self) -> Option<Account> {
        let rate = self.rate()?;
        Some((rate.counter_key.seed(), self.key.clone()))
    }
}

impl Owed {
    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.count.load(Ordering::Relaxed) == 0
    }

    pub(super) fn add(&self, debt: Debt) {
        let Some(account) = debt.account() else {
            return;
        };
        let mut debts = lock(&self.debts);
        let is_full = debts.len() >= MOST;
        match debts.entry(account) {
            Entry::Occupied(mut known) => {
                let known = known.get_mut();
                known.units = known.units.saturating_add(debt.units);
            }
            Entry::Vacant(place) if !is_full => {
                place.insert(debt);
            }
            Entry::Vacant(_) => {}
        }
        self.count.store(debts.len(), Ordering::Relaxed);
    }

    /// Reduces a debt that has not been charged yet.
    pub(super) fn reduce(&self, counter_key: &CounterKey, key: &LimitedKey, units: u64) {
        let mut debts = lock(&self.debts);
        if let Some(known) = debts.get_mut(&(counter_key.seed(), key.clone())) {
            known.units = known.units.saturating_sub(units);
        }
    }

    /// Removes the debt of one counter, to charge it.
    pub(super) fn remove(
        &self,
        counter_key: &CounterKey,
        key: &LimitedKey,
    ) -> Option<Repayment<'_>> {
        let mut debts = lock(&self.debts);
        let debt = debts.remove(&(counter_key.seed(), key.clone()))?;
        self.count.store(debts.len(), Ordering::Relaxed);
        Some(Repayment {
            owed: self,
            debt: Some(debt),
        })
    }

    /// Removes the debt of any counter.
    pub(super) fn remove_any(&self) -> Option<Repayment<'_>> {
        let mut debts = lock(&self.debts);
        let account = debts.keys().next()?.clone();
        let debt = debts.remove(&account)?;
        self.count.store(debts.len(), Ordering::Relaxed);
        Some(Repayment {
            owed: self,
            debt: Some(debt),
        })
    }
}

/// A debt that is being charged. One that is not [`done`](Self::done) is owed again.
#[derive(Debug)]
pub(super) struct Repayment<'a> {
    owed: &'a Owed,
    debt: Option<Debt>,
}

impl Repayment<'_> {
    pub(super) fn debt(&self) -> Option<&Debt> {
        self.debt.as_ref()
    }

    pub(super) fn done(mut self) {
        self.debt = None;
    }
}

impl Drop for Repayment<'_> {
    fn drop(&mut self) {
        if let Some(debt) = self.debt.take() {
            self.owed.add(debt);
        }
    }
}
