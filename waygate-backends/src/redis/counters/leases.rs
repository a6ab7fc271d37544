use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use waygate_core::limit::{Charged, Outcome, quota::Nanos};

use super::{
    blocks::{Print, later, nanos},
    plan::Plan,
};

/// All processes together lease up to 1 / `SHARE` of the limit, which is the possible overshoot.
const SHARE: u64 = 20;
/// The number of requests of a key before a block is leased, since most keys are short-lived.
const EARNEST: u32 = 4;
/// The first block of a key. The size doubles while blocks are used up quickly.
const FIRST_BLOCK: u64 = 8;
const LARGEST_BLOCK: u64 = 16_384;
/// A block that lasts longer than this is large enough.
const LASTING: Duration = Duration::from_millis(200);
/// Units that are not used for this long are refunded.
const IDLE: Duration = Duration::from_secs(2);
/// Units of a window that ends this soon are not refunded, since they might arrive in the next one.
const TOO_LATE: Duration = Duration::from_secs(1);
/// The pause after a failed refill.
const PAUSE: Duration = Duration::from_millis(100);
const SHARDS: usize = 16;

/// Units that were taken in advance and are granted without a call to Redis.
pub(super) struct Leases {
    shards: [Mutex<HashMap<Print, Lease>>; SHARDS],
}

/// The leased units of one key.
struct Lease {
    /// The counter's key in Redis.
    name: String,
    plan: Plan,
    /// The number of requests, up to [`EARNEST`].
    asked: u32,
    units: u64,
    /// The end of the window that the units were taken from.
    ends: Option<Instant>,
    /// The size of the next block.
    block: u64,
    /// The time of the last refill.
    filled: Instant,
    /// No refill starts before this time. A refill in flight ends the pause.
    pause: Instant,
    refilling: bool,
    touched: Instant,
    /// The last outcome from Redis, and the time of its request.
    last: Option<(Outcome, Instant)>,
}

/// The result for a request.
pub(super) enum Lent {
    /// Granted, with the number of units to lease for the next requests, if any.
    Given(Outcome, Option<u64>),
    /// A call to Redis is needed.
    Dry(Option<u64>),
}

/// Units that were not used in time.
pub(super) struct Unused {
    pub(super) name: String,
    pub(super) plan: Plan,
    pub(super) units: u64,
    /// The charge, on a clock that started with it.
    pub(super) charged: Charged,
    /// The time since then.
    pub(super) age: Nanos,
}

impl Leases {
    pub(super) fn new() -> Self {
        Self {
            shards: std::array::from_fn(|_| Mutex::default()),
        }
    }

    /// Charges `cost` from the leased units. `limit` and `replicas` bound how many there may be.
    pub(super) fn charge(
        &self,
        counter: Print,
        plan: Plan,
        cost: u64,
        limit: u64,
        replicas: u32,
    ) -> Lent {
        let most = limit / SHARE / u64::from(replicas.max(1));
        if most == 0 {
            return Lent::Dry(None);
        }
        let now = Instant::now();
        let mut shard = self.shard(counter);
        let lease = shard
            .entry(counter)
            .or_insert_with(|| Lease::new(plan, now));
        if lease.plan != plan {
            *lease = Lease::new(plan, now);
        }
        (lease.touched, lease.asked) = (now, (lease.asked + 1).min(EARNEST));
        if lease.ends.is_some_and(|ends| ends <= now) {
            (lease.units, lease.ends) = (0, None);
        }
        let given = lease.units >= cost;
        if given {
            lease.units -= cost;
        }
        let refill = lease.refill(now, most);
        match (given, &lease.last) {
            (true, Some((outcome, since))) => {
                let mut outcome = later(outcome, nanos(now.saturating_duration_since(*since)));
                outcome.remaining = outcome
                    .remaining
                    .saturating_add(lease.units)
                    .min(outcome.limit);
                Lent::Given(outcome, refill)
            }
            _ => Lent::Dry(refill),
        }
    }

    /// Completes a refill that was requested at `since`, or was refused.
    pub(super) fn refilled(
        &self,
        counter: Print,
        name: String,
        units: u64,
        outcome: Option<Outcome>,
        since: Instant,
    ) {
        let mut shard = self.shard(counter);
        let Some(lease) = shard.get_mut(&counter) else {
            return;
        };
        let now = Instant::now();
        lease.refilling = false;
        let Some(outcome) = outcome.filter(|outcome| outcome.allowed) else {
            lease.pause = now + PAUSE;
            lease.block = (lease.block / 2).max(1);
            return;
        };
        if lease.plan.ends_at_once() {
            let ends = since + Duration::from_nanos(outcome.reset_after);
            if lease.ends.is_some_and(|known| known <= now) {
                // The remaining units belong to the previous window.
                lease.units = 0;
            }
            lease.ends = Some(ends);
        }
        lease.units += units;
        if now.saturating_duration_since(lease.filled) < LASTING {
            lease.block = (lease.block * 2).min(LARGEST_BLOCK);
        }
        (lease.name, lease.filled) = (name, now);
        lease.last = Some((outcome, since));
    }

    /// Drops the lease of a counter.
    pub(super) fn forget(&self, counter: Print) {
        self.shard(counter).remove(&counter);
    }

    /// Drops all leases.
    pub(super) fn clear(&self) {
        for index in 0..SHARDS {
            self.lock(index).clear();
        }
    }

    /// Removes idle leases. Returns the units to refund.
    pub(super) fn sweep(&self) -> Vec<Unused> {
        let (now, mut unused) = (Instant::now(), Vec::new());
        for index in 0..SHARDS {
            self.lock(index).retain(|_, lease| {
                if lease.refilling || now.saturating_duration_since(lease.touched) < IDLE {
                    return true;
                }
                let in_time = lease.ends.is_none_or(|ends| now + TOO_LATE < ends);
                if lease.units > 0
                    && in_time
                    && let Some((outcome, since)) = &lease.last
                {
                    unused.push(Unused {
                        name: std::mem::take(&mut lease.name),
                        plan: lease.plan,
                        units: lease.units,
                        charged: Charged::new(0, outcome),
                        age: nanos(now.saturating_duration_since(*since)),
                    });
                }
                false
            });
        }
        unused
    }

    fn shard(&self, counter: Print) -> MutexGuard<'_, HashMap<Print, Lease>> {
        self.lock((counter >> 64) as usize % SHARDS)
    }

    fn lock(&self, index: usize) -> MutexGuard<'_, HashMap<Print, Lease>> {
        // A panic under the lock cannot leave the value half changed.
        self.shards[index]
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl Lease {
    fn new(plan: Plan, now: Instant) -> Self {
        Self {
            name: String::new(),
            plan,
            asked: 0,
            units: 0,
            ends: None,
            block: FIRST_BLOCK,
            filled: now,
            pause: now,
            refilling: false,
            touched: now,
            last: None,
        }
    }

    /// Returns how many units to lease now, if any, so that there are never more than `most`.
    fn refill(&mut self, now: Instant, most: u64) -> Option<u64> {
        let block = self.block.min(most);
        if self.asked < EARNEST || self.refilling || self.units > block / 2 || now < self.pause {
            return None;
        }
        self.refilling = true;
        Some((block - self.units).max(1))
    }
}
