use std::{fmt, sync::Arc};

use waygate_core::{
    limit::{Outcome, Taken, quota::Nanos},
    port::{BoxFuture, CounterError, CounterStore, Occupancy, Place, Series, Take},
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
/// refused, new keys share one counter for each series and shard.
///
/// Expired counters are removed as requests arrive; without requests, memory stays allocated.
///
/// Keys are stored as digests under a secret of this store, so clients cannot aim at collisions. Clones share one store.
///
/// ```
/// # use waygate_backends::MemoryCounters;
/// # use waygate_core::{limit::{Quota, Rule, quota::SECOND}, port::{Series, Take}};
/// let counters = MemoryCounters::new();
/// let series = Series::new("GET:/payments", "per client", 0, 0);
/// let rule = Rule::Quota(Quota::FixedWindow { capacity: 1, period: 60 * SECOND });
/// let take = Take::new(&series, b"203.0.113.7", &rule);
/// assert!(counters.take_at(&[take], 0)[0].allowed);
/// assert!(!counters.take_one_at(&take, SECOND).allowed);
/// counters.adjust_at(&take, 1, SECOND);
/// assert!(counters.take_one_at(&take, SECOND).allowed);
/// counters.reset_at(&take, SECOND);
/// assert!(counters.take_one_at(&take, SECOND).allowed);
/// counters.forget_at(&series, b"203.0.113.7");
/// assert!(counters.take_one_at(&take, SECOND).allowed);
/// ```
///
/// Refunds, and places under a concurrency limit:
///
/// ```
/// # use std::time::Duration;
/// # use waygate_backends::MemoryCounters;
/// # use waygate_core::{limit::{Quota, Rule, Taken, quota::SECOND}, port::{Place, Series, Take}};
/// # let counters = MemoryCounters::new();
/// # let series = Series::new("GET:/payments", "per client", 0, 0);
/// # let rule = Rule::Quota(Quota::FixedWindow { capacity: 1, period: 60 * SECOND });
/// let take = Take::new(&series, b"203.0.113.7", &rule);
/// let taken = Taken::new(0, &counters.take_one_at(&take, 0));
/// assert!(counters.give_back_at(&take, 1, taken, SECOND));
/// assert!(counters.take_one_at(&take, SECOND).allowed);
///
/// let places = Series::places("GET:/reports", "default");
/// let place = Place::new(&places, b"203.0.113.7", 1, 1, Duration::from_secs(30));
/// assert!(counters.occupy_at(&place, 0).allowed);
/// assert!(!counters.occupy_at(&place.holder(2), 0).allowed);
/// counters.vacate_at(&place);
/// assert!(counters.occupy_at(&place.holder(2), 0).allowed);
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

    /// Takes synchronously; see [`CounterStore::take`].
    #[inline]
    pub fn take_at(&self, takes: &[Take<'_>], now: Nanos) -> Outcomes {
        match takes {
            [take] => Outcomes(Repr::One(self.take_one_at(take, now))),
            takes => self.take_several(takes, now),
        }
    }

    /// Takes from one counter, synchronously.
    #[inline]
    pub fn take_one_at(&self, take: &Take<'_>, now: Nanos) -> Outcome {
        let (shard, ask) = self.0.ask(take);
        let mut shard = self.0.lock(shard);
        let outcome = shard.take(ask, now);
        let is_visit_due = shard.note_call();
        drop(shard);
        if is_visit_due {
            self.0.visit(now);
        }
        outcome
    }

    #[inline(never)]
    fn take_several(&self, takes: &[Take<'_>], now: Nanos) -> Outcomes {
        let (outcomes, is_visit_due) = batch::take(&self.0, takes, now);
        if is_visit_due {
            self.0.visit(now);
        }
        outcomes
    }

    /// Refunds or charges units synchronously; see [`CounterStore::adjust`].
    pub fn adjust_at(&self, take: &Take<'_>, units: i64, now: Nanos) {
        let (shard, ask) = self.0.ask(take);
        self.0.lock(shard).adjust(ask, units, now);
    }

    /// Refunds units synchronously; see [`CounterStore::give_back`]. Returns `false` if the counter was reset or has
    /// another rule since then.
    pub fn give_back_at(&self, take: &Take<'_>, units: u64, taken: Taken, now: Nanos) -> bool {
        let (shard, ask) = self.0.ask(take);
        self.0.lock(shard).refund(ask, units, taken, now)
    }

    /// Resets one counter synchronously; see [`CounterStore::reset`].
    pub fn reset_at(&self, take: &Take<'_>, now: Nanos) {
        let (shard, ask) = self.0.ask(take);
        self.0.lock(shard).reset(ask, now);
    }

    /// Removes one counter synchronously. Unlike after [`reset_at`](Self::reset_at), earlier charges may be refunded to
    /// the next one.
    pub fn forget_at(&self, series: &Series, key: &[u8]) {
        let digest = self.0.digest(series, key);
        self.0.lock(self.0.shard_of(digest)).forget(digest);
    }

    /// Acquires or renews a permit synchronously; see [`CounterStore::occupy`]. With a lifetime of
    /// [`Duration::MAX`](std::time::Duration::MAX) it is held until it is released.
    pub fn occupy_at(&self, place: &Place<'_>, now: Nanos) -> Occupancy {
        let digest = self.0.digest(place.series, place.key);
        let mut shard = self.0.lock(self.0.shard_of(digest));
        let most = shard.bounds.entries;
        let asked = (place.holder, place.limit);
        shard
            .permits
            .acquire(digest, asked, place.lifetime, now, most)
    }

    /// Releases a permit synchronously; see [`CounterStore::vacate`].
    pub fn vacate_at(&self, place: &Place<'_>) {
        let digest = self.0.digest(place.series, place.key);
        let mut shard = self.0.lock(self.0.shard_of(digest));
        shard.permits.release(digest, place.holder);
    }

    /// Returns the number of counters, including expired ones that are not removed yet.
    pub fn len(&self) -> usize {
        self.0.each().map(|shard| shard.len()).sum()
    }

    /// Returns whether there are no counters.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns the number of calls to take since the store was created.
    pub fn calls(&self) -> u64 {
        self.0.each().map(|shard| shard.calls).sum()
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

    fn take<'a>(
        &'a self,
        takes: &'a [Take<'a>],
        now: Nanos,
    ) -> BoxFuture<'a, Result<Vec<Outcome>, CounterError>> {
        Box::pin(async move { Ok(self.take_at(takes, now).into()) })
    }

    fn adjust<'a>(
        &'a self,
        take: Take<'a>,
        units: i64,
        now: Nanos,
    ) -> BoxFuture<'a, Result<(), CounterError>> {
        Box::pin(async move {
            self.adjust_at(&take, units, now);
            Ok(())
        })
    }

    fn give_back<'a>(
        &'a self,
        take: Take<'a>,
        units: u64,
        taken: Taken,
        now: Nanos,
    ) -> BoxFuture<'a, Result<(), CounterError>> {
        Box::pin(async move {
            self.give_back_at(&take, units, taken, now);
            Ok(())
        })
    }

    fn reset<'a>(&'a self, take: Take<'a>, now: Nanos) -> BoxFuture<'a, Result<(), CounterError>> {
        Box::pin(async move {
            self.reset_at(&take, now);
            Ok(())
        })
    }

    fn occupy<'a>(
        &'a self,
        place: Place<'a>,
        now: Nanos,
    ) -> BoxFuture<'a, Result<Occupancy, CounterError>> {
        Box::pin(async move { Ok(self.occupy_at(&place, now)) })
    }

    fn vacate<'a>(&'a self, place: Place<'a>) -> BoxFuture<'a, Result<(), CounterError>> {
        Box::pin(async move {
            self.vacate_at(&place);
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
        let series = Series::places("GET:/payments", "default");
        let place = |holder| Place::new(&series, b"203.0.113.7", holder, 1, Duration::MAX);
        assert!(counters.occupy_at(&place(1), 0).allowed);
        assert!(!counters.occupy_at(&place(2), Nanos::MAX - 1).allowed);
        counters.vacate_at(&place(2));
        assert!(!counters.occupy_at(&place(2), 0).allowed);
        counters.vacate_at(&place(1));
        assert!(counters.occupy_at(&place(2), 0).allowed);
    }
}
