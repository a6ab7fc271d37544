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

/// Counters in this process's memory.
///
/// Bounded: beyond the greatest number of entries the least used counter gives way, and the newcomer takes over what
/// that one had consumed, so a flood of keys gives nobody a fresh start. A key that was refused last is never the one
/// to go. When all were, newcomers share one counter for each series and part of the table.
///
/// What is spent goes away as requests come in; without any, memory stays as it is.
///
/// Keys are kept as digests under a secret of this store, so clients cannot aim at collisions. Clones share one store.
///
/// ```
/// # use waygate_backends::MemoryCounters;
/// # use waygate_core::{limit::{Quota, Rule, quota::SECOND}, port::{Series, Take}};
/// let counters = MemoryCounters::new();
/// let series = Series::new("GET:/payments", "per client", 0, 0);
/// let rule = Rule::Quota(Quota::FixedWindow { capacity: 1, period: 60 * SECOND });
/// let take = Take { series: &series, key: b"203.0.113.7", rule: &rule, cost: 1, enforced: true, lease: false };
/// assert!(counters.take_at(&[take], 0)[0].allowed);
/// assert!(!counters.take_at(&[take], SECOND)[0].allowed);
/// ```
#[derive(Clone)]
pub struct MemoryCounters(pub(super) Arc<Shards>);

/// How large a [`MemoryCounters`] may become.
#[derive(Debug, Clone)]
#[must_use]
pub struct MemoryCountersBuilder {
    max_entries: usize,
    max_bytes: usize,
}

impl MemoryCounters {
    /// An empty store of up to a million counters in 256 MiB.
    pub fn new() -> Self {
        Self::builder().build()
    }

    /// A store of another size.
    pub fn builder() -> MemoryCountersBuilder {
        MemoryCountersBuilder {
            max_entries: 1_000_000,
            max_bytes: 256 << 20,
        }
    }

    /// Takes as [`CounterStore::take`] does, at once.
    #[inline]
    pub fn take_at(&self, takes: &[Take<'_>], now: Nanos) -> Outcomes {
        match takes {
            [take] => Outcomes(Repr::One(self.take_one_at(take, now))),
            takes => self.take_several(takes, now),
        }
    }

    /// Takes from one counter, at once.
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

    /// Gives units back or charges them as [`CounterStore::adjust`] does, at once.
    pub fn adjust_at(&self, take: &Take<'_>, units: i64, now: Nanos) {
        let (shard, ask) = self.0.ask(take);
        self.0.lock(shard).adjust(ask, units, now);
    }

    /// Gives units back as [`CounterStore::give_back`] does, at once.
    pub fn give_back_at(&self, take: &Take<'_>, units: u64, taken: Taken, now: Nanos) {
        let (shard, ask) = self.0.ask(take);
        self.0.lock(shard).refund(ask, units, taken, now);
    }

    /// Forgets exactly this counter, as [`CounterStore::forget`] does, at once.
    pub fn forget_at(&self, series: &Series, key: &[u8]) {
        let digest = self.0.digest(series, key);
        self.0.lock(self.0.shard_of(digest)).forget(digest);
    }

    /// Takes or keeps a place as [`CounterStore::occupy`] does, at once. With [`Duration::MAX`](std::time::Duration::MAX) as its lifetime it is
    /// held until it is vacated.
    pub fn occupy_at(&self, place: &Place<'_>, now: Nanos) -> Occupancy {
        let digest = self.0.digest(place.series, place.key);
        let mut shard = self.0.lock(self.0.shard_of(digest));
        let most = shard.bounds.entries;
        let asked = (place.holder, place.limit);
        shard
            .permits
            .acquire(digest, asked, place.lifetime, now, most)
    }

    /// Frees a place as [`CounterStore::vacate`] does, at once.
    pub fn vacate_at(&self, place: &Place<'_>) {
        let digest = self.0.digest(place.series, place.key);
        let mut shard = self.0.lock(self.0.shard_of(digest));
        shard.permits.release(digest, place.holder);
    }

    /// How many counters there are, among them some that say nothing any more and wait to be removed.
    pub fn len(&self) -> usize {
        self.0.each().map(|shard| shard.len()).sum()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many calls have taken something, or tried to, since the store was made.
    pub fn calls(&self) -> u64 {
        self.0.each().map(|shard| shard.calls).sum()
    }

    /// How much memory the counters take, in bytes.
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
    /// The greatest number of counters; 1,000,000 unless set. At least one.
    pub fn max_entries(mut self, entries: usize) -> Self {
        self.max_entries = entries.max(1);
        self
    }

    /// The most memory, in bytes; 256 MiB unless set. Beyond it, moving windows become coarse: they count some
    /// requests for longer than their window.
    pub fn max_bytes(mut self, bytes: usize) -> Self {
        self.max_bytes = bytes;
        self
    }

    /// The empty store.
    pub fn build(self) -> MemoryCounters {
        MemoryCounters(Arc::new(Shards::new(self.max_entries, self.max_bytes)))
    }
}

impl CounterStore for MemoryCounters {
    fn describe(&self) -> String {
        "in memory".to_owned()
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

    fn forget<'a>(
        &'a self,
        series: &'a Series,
        key: &'a [u8],
    ) -> BoxFuture<'a, Result<(), CounterError>> {
        Box::pin(async move {
            self.forget_at(series, key);
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
    fn a_place_without_end_is_held_until_it_is_vacated() {
        let counters = MemoryCounters::new();
        let series = Series::places("GET:/payments", "default");
        let place = |holder| Place {
            series: &series,
            key: b"203.0.113.7",
            holder,
            limit: 1,
            lifetime: Duration::MAX,
        };
        assert!(counters.occupy_at(&place(1), 0).allowed);
        assert!(!counters.occupy_at(&place(2), Nanos::MAX - 1).allowed);
        counters.vacate_at(&place(2));
        assert!(!counters.occupy_at(&place(2), 0).allowed);
        counters.vacate_at(&place(1));
        assert!(counters.occupy_at(&place(2), 0).allowed);
    }
}
