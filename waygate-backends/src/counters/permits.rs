use std::time::Duration;

use hashbrown::HashTable;
use smallvec::SmallVec;
use waygate_core::{limit::quota::Nanos, port::PermitOutcome};

use super::cell::Digest;

/// The permits of concurrency limits that are held.
#[derive(Debug)]
pub(super) struct Permits {
    limits: HashTable<Holders>,
    /// The number of limits at which expired permits are removed.
    sweep_at: usize,
}

#[derive(Debug)]
struct Holders {
    digest: Digest,
    holders: SmallVec<[Holder; 2]>,
}

#[derive(Debug)]
struct Holder {
    id: u128,
    since: Nanos,
    lifetime: Nanos,
}

impl Holder {
    fn is_over(&self, now: Nanos) -> bool {
        now >= self.since.saturating_add(self.lifetime)
    }
}

impl Holders {
    fn sweep(&mut self, now: Nanos) {
        for holder in &mut self.holders {
            // After the clock went back, no permit lasts longer than a lifetime from now.
            holder.since = holder.since.min(now);
        }
        self.holders.retain(|holder| !holder.is_over(now));
    }

    fn outcome(&self, allowed: bool) -> PermitOutcome {
        PermitOutcome::new(
            allowed,
            u32::try_from(self.holders.len()).unwrap_or(u32::MAX),
        )
    }
}

/// The minimum number of limits worth a sweep.
const FEW: usize = 64;

impl Permits {
    pub(super) fn new() -> Self {
        Self {
            limits: HashTable::new(),
            sweep_at: FEW,
        }
    }

    pub(super) fn allocated_bytes(&self) -> usize {
        self.limits.allocation_size()
    }

    /// Acquires or renews a permit. Beyond `most` limits, every new one is refused.
    pub(super) fn acquire(
        &mut self,
        digest: Digest,
        (id, limit): (u128, u32),
        lifetime: Duration,
        now: Nanos,
        most: usize,
    ) -> PermitOutcome {
        let holder = Holder {
            id,
            since: now,
            lifetime: Nanos::try_from(lifetime.as_nanos()).unwrap_or(Nanos::MAX),
        };
        let found = self.limits.find_mut(digest, |one| one.digest == digest);
        let Some(limited) = found else {
            return self.open(digest, holder, limit, most);
        };
        limited.sweep(now);
        let mut holders = limited.holders.iter_mut();
        let allowed = if let Some(own) = holders.find(|own| own.id == id) {
            *own = holder;
            true
        } else if limited.holders.len() < limit as usize {
            limited.holders.push(holder);
            true
        } else {
            false
        };
        limited.outcome(allowed)
    }

    /// Acquires the first permit of a limit.
    fn open(&mut self, digest: Digest, holder: Holder, limit: u32, most: usize) -> PermitOutcome {
        let refused = PermitOutcome::new(false, 0);
        if limit == 0 {
            return refused;
        }
        if self.limits.len() >= self.sweep_at.min(most) {
            self.sweep(holder.since);
        }
        if self.limits.len() >= most {
            return refused;
        }
        let holders = Holders {
            digest,
            holders: SmallVec::from_iter([holder]),
        };
        let outcome = holders.outcome(true);
        self.limits.insert_unique(digest, holders, |one| one.digest);
        outcome
    }

    pub(super) fn release(&mut self, digest: Digest, id: u128) {
        let found = self.limits.find_entry(digest, |one| one.digest == digest);
        let Ok(mut entry) = found else {
            return;
        };
        entry.get_mut().holders.retain(|holder| holder.id != id);
        if entry.get().holders.is_empty() {
            entry.remove();
        }
    }

    fn sweep(&mut self, now: Nanos) {
        self.limits.retain(|one| {
            one.sweep(now);
            !one.holders.is_empty()
        });
        let live = self.limits.len();
        self.limits.shrink_to(live * 2, |one| one.digest);
        self.sweep_at = (live * 2).max(FEW);
    }
}
