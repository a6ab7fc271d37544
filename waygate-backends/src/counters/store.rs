use std::{fmt, sync::Arc};

use waygate_core::{
    limit::{Charged, Outcome, quota::Nanos},
    port::{BoxFuture, Charge, CounterError, CounterKey, CounterStore, Permit, PermitOutcome},
};

use super::{
    batch,
    outcomes::{Outcomes, Repr},
    shards::Shards,
};
use crate::range::check;

/// Counters in this process's memory.
///
/// The store is bounded. Beyond its maximum number of entries, a new counter evicts the least used one and inherits its
/// usage, so a flood of keys resets no counter. A key whose last request was refused is never evicted. If all were
/// refused, new keys share one counter for each counter key and shard.
///
/// Expired counters are removed as requests arrive; without requests, memory stays allocated.
///
/// Keys are stored as digests under a secret of this store, so clients cannot aim at collisions. Clones share one store.
///
/// ```
/// # use waygate_backends::MemoryCounters;
/// # use waygate_core::{limit::{Quota, Rule, quota::SECOND}, port::{Charge, CounterKey}};
/// let counters = MemoryCounters::new();
/// let counter_key = CounterKey::new("GET:/payments", "per client", 0, 0);
/// let rule = Rule::Quota(Quota::FixedWindow { capacity: 1, period: 60 * SECOND });
/// let charge = Charge::new(&counter_key, b"203.0.113.7", &rule);
/// assert!(counters.charge_at(&[charge], 0)[0].allowed);
/// assert!(!counters.charge_one_at(&charge, SECOND).allowed);
/// counters.adjust_at(&charge, 1, SECOND);
/// assert!(counters.charge_one_at(&charge, SECOND).allowed);
/// counters.reset_at(&charge, SECOND);
/// assert!(counters.charge_one_at(&charge, SECOND).allowed);
/// counters.forget_at(&counter_key, b"203.0.113.7");
/// assert!(counters.charge_one_at(&charge, SECOND).allowed);
/// ```
///
/// Refunds, and permits under a concurrency limit:
///
/// ```
/// # use std::time::Duration;
/// # use waygate_backends::MemoryCounters;
/// # use waygate_core::{limit::{Charged, Quota, Rule, quota::SECOND}, port::{Charge, CounterKey, Permit}};
/// # let counters = MemoryCounters::new();
/// # let counter_key = CounterKey::new("GET:/payments", "per client", 0, 0);
/// # let rule = Rule::Quota(Quota::FixedWindow { capacity: 1, period: 60 * SECOND });
/// let charge = Charge::new(&counter_key, b"203.0.113.7", &rule);
/// let charged = Charged::new(0, &counters.charge_one_at(&charge, 0));
/// assert!(counters.refund_at(&charge, 1, charged, SECOND));
/// assert!(counters.charge_one_at(&charge, SECOND).allowed);
///
/// let permits = CounterKey::permits("GET:/reports", "default");
/// let permit = Permit::new(&permits, b"203.0.113.7", 1, 1, Duration::from_secs(30));
/// assert!(counters.acquire_at(&permit, 0).allowed);
/// assert!(!counters.acquire_at(&permit.holder(2), 0).allowed);
/// counters.release_at(&permit);
/// assert!(counters.acquire_at(&permit.holder(2), 0).allowed);
/// ```
#[derive(Clone)]
pub struct MemoryCounters(pub(super) Arc<Shards>);

/// Limits of a [`MemoryCounters`].
///
/// ```
/// use waygate_backends::MemoryCounters;
///
/// let small = MemoryCounters::builder().max_entries(10_000).max_bytes(4 << 20).build();
/// assert!(small.is_empty());
/// ```
#[derive(Debug, Clone)]
#[must_use]
pub struct MemoryCountersBuilder {
    max_entries: usize,
    max_bytes: usize,
}

impl MemoryCounters {
    /// Creates an empty store of up to a million counters in 256 MiB.
    pub fn new() -> Self {
        Self::builder().build()
    }

    /// Returns a builder for a store of another size.
    pub fn builder() -> MemoryCountersBuilder {
        MemoryCountersBuilder {
            max_entries: 1_000_000,
            max_bytes: 256 << 20,
        }
    }

    /// Charges synchronously; see [`CounterStore::charge`].
    #[inline]
    pub fn charge_at(&self, charges: &[Charge<'_>], now: Nanos) -> Outcomes {
        match charges {
            [charge] => Outcomes(Repr::One(self.charge_one_at(charge, now))),
            charges => self.charge_several(charges, now),
        }
    }

    /// Charges one counter, synchronously.
    #[inline]
    pub fn charge_one_at(&self, charge: &Charge<'_>, now: Nanos) -> Outcome {
        let (shard, ask) = self.0.ask(charge);
        let mut shard = self.0.lock(shard);
        let outcome = shard.charge(ask, now);
        let is_visit_due = shard.note_call();
        drop(shard);
        if is_visit_due {
            self.0.visit(now);
        }
        outcome
    }

    #[inline(never)]
    fn charge_several(&self, charges: &[Charge<'_>], now: Nanos) -> Outcomes {
        let (outcomes, is_visit_due) = batch::charge(&self.0, charges, now);
        if is_visit_due {
            self.0.visit(now);
        }
        outcomes
    }

    /// Refunds or charges units synchronously; see [`CounterStore::adjust`].
    pub fn adjust_at(&self, charge: &Charge<'_>, units: i64, now: Nanos) {
        let (shard, ask) = self.0.ask(charge);
        self.0.lock(shard).adjust(ask, units, now);
    }

    /// Refunds units synchronously; see [`CounterStore::refund`]. Returns `false` if the counter was reset or has
    /// another rule since then.
    pub fn refund_at(&self, charge: &Charge<'_>, units: u64, charged: Charged, now: Nanos) -> bool {
        let (shard, ask) = self.0.ask(charge);
        self.0.lock(shard).refund(ask, units, charged, now)
    }

    /// Resets one counter synchronously; see [`CounterStore::reset`].
    pub fn reset_at(&self, charge: &Charge<'_>, now: Nanos) {
        let (shard, ask) = self.0.ask(charge);
        self.0.lock(shard).reset(ask, now);
    }

    /// Removes one counter synchronously. Unlike after [`reset_at`](Self::reset_at), earlier charges may be refunded to
    /// the next one.
    pub fn forget_at(&self, counter_key: &CounterKey, key: &[u8]) {
        let digest = self.0.digest(counter_key, key);
        self.0.lock(self.0.shard_of(digest)).forget(digest);
    }

    /// Acquires or renews a permit synchronously; see [`CounterStore::acquire`]. With a lifetime of
    /// [`Duration::MAX`](std::time::Duration::MAX) it is held until it is released.
    pub fn acquire_at(&self, permit: &Permit<'_>, now: Nanos) -> PermitOutcome {
        let digest = self.0.digest(permit.counter_key, permit.key);
        let mut shard = self.0.lock(self.0.shard_of(digest));
        let most = shard.bounds.entries;
        let asked = (permit.holder, permit.limit);
        shard
            .permits
            .acquire(digest, asked, permit.lifetime, now, most)
    }

    /// Releases a permit synchronously; see [`CounterStore::release`].
    pub fn release_at(&self, permit: &Permit<'_>) {
        let digest = self.0.digest(permit.counter_key, permit.key);
        let mut shard = self.0.lock(self.0.shard_of(digest));
        shard.permits.release(digest, permit.holder);
    }

    /// Returns the number of counters, including expired ones that are not removed yet.
    pub fn len(&self) -> usize {
        self.0.each().map(|shard| shard.len()).sum()
    }

    /// Returns whether there are no counters.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns the number of calls to charge since the store was created.
    pub fn calls(&self) -> u64 {
        self.0.each().map(|shard| shard.calls).sum()
    }

    /// Returns the number of counters that were removed for new ones since the store was created, because the store was
    /// full.
    pub fn evictions(&self) -> u64 {
        self.0.each().map(|shard| shard.evictions).sum()
    }

    /// Returns the memory of the counters, in bytes.
    pub fn approximate_bytes(&self) -> usize {
        self.0.allocated_bytes()
    }
}

impl Default for MemoryCounters {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for MemoryCounters {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("MemoryCounters")
            .field("shards", &self.0.count())
            .finish_non_exhaustive()
    }
}

impl MemoryCountersBuilder {
    /// Sets the maximum number of counters, at least 1. Checked when an engine with these counters is built. Default:
    /// 1,000,000.
    pub fn max_entries(mut self, entries: usize) -> Self {
        self.max_entries = entries;
        self
    }

    /// Sets the maximum memory in bytes. Default: 256 MiB. Beyond it, moving windows become coarse: they count some
    /// requests for longer than their window.
    pub fn max_bytes(mut self, bytes: usize) -> Self {
        self.max_bytes = bytes;
        self
    }

    /// Builds the empty store.
    pub fn build(self) -> MemoryCounters {
        MemoryCounters(Arc::new(Shards::new(self.max_entries, self.max_bytes)))
    }
}

impl CounterStore for MemoryCounters {
    fn describe(&self) -> String {
        "in memory".to_owned()
    }

    fn check_options(&self) -> Result<(), CounterError> {
        let entries = self.0.max_entries;
        check(
            entries > 0,
            "max_entries",
            entries,
            "1 or more, such as 1000000",
        )
        .map_err(CounterError::Misconfigured)
    }

    fn charge<'a>(
        &'a self,
        charges: &'a [Charge<'a>],
        now: Nanos,
    ) -> BoxFuture<'a, Result<Vec<Outcome>, CounterError>> {
        Box::pin(async move { Ok(self.charge_at(charges, now).into()) })
    }

    fn adjust<'a>(
        &'a self,
        charge: Charge<'a>,
        units: i64,
        now: Nanos,
    ) -> BoxFuture<'a, Result<(), CounterError>> {
        Box::pin(async move {
            self.adjust_at(&charge, units, now);
            Ok(())
        })
    }

    fn refund<'a>(
        &'a self,
        charge: Charge<'a>,
        units: u64,
        charged: Charged,
        now: Nanos,
    ) -> BoxFuture<'a, Result<(), CounterError>> {
        Box::pin(async move {
            self.refund_at(&charge, units, charged, now);
            Ok(())
        })
    }

    fn reset<'a>(
        &'a self,
        charge: Charge<'a>,
        now: Nanos,
    ) -> BoxFuture<'a, Result<(), CounterError>> {
        Box::pin(async move {
            self.reset_at(&charge, now);
            Ok(())
        })
    }

    fn acquire<'a>(
        &'a self,
        permit: Permit<'a>,
        now: Nanos,
    ) -> BoxFuture<'a, Result<PermitOutcome, CounterError>> {
        Box::pin(async move { Ok(self.acquire_at(&permit, now)) })
    }

    fn release<'a>(&'a self, permit: Permit<'a>) -> BoxFuture<'a, Result<(), CounterError>> {
        Box::pin(async move {
            self.release_at(&permit);
            Ok(())
        })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_permit_without_lifetime_is_held_until_released() {
        let counters = MemoryCounters::new();
        let counter_key = CounterKey::permits("GET:/payments", "default");
        let permit = |holder| Permit::new(&counter_key, b"203.0.113.7", holder, 1, Duration::MAX);
        assert!(counters.acquire_at(&permit(1), 0).allowed);
        assert!(!counters.acquire_at(&permit(2), Nanos::MAX - 1).allowed);
        counters.release_at(&permit(2));
        assert!(!counters.acquire_at(&permit(2), 0).allowed);
        counters.release_at(&permit(1));
        assert!(counters.acquire_at(&permit(2), 0).allowed);
    }
}
