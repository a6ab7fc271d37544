use std::{
    collections::hash_map::RandomState,
    hash::BuildHasher,
    sync::atomic::{AtomicU64, AtomicUsize, Ordering},
};

use parking_lot::{Mutex, MutexGuard};
use siphasher::sip::SipHasher13;
use waygate_core::{
    limit::quota::Nanos,
    port::{Charge, CounterKey},
};

use super::{
    cell::Digest,
    shard::{Ask, Bounds, Shard},
};

/// The shards of one store, and the secret of its key digests.
pub(super) struct Shards {
    /// Changes only when counters are restored into an empty store.
    secret: [AtomicU64; 2],
    /// Their number is a power of two.
    parts: Box<[Part]>,
    /// The shard to sweep next.
    visitor: AtomicUsize,
    /// The setting. A store has room for one counter at least.
    pub(super) max_entries: usize,
}

/// One shard on its own cache lines. Processors fetch lines in pairs.
#[repr(align(128))]
struct Part(Mutex<Shard>);

const MAX_SHARDS: usize = 64;
const ENTRIES_PER_SHARD: usize = 1_024;

impl Shards {
    pub(super) fn new(max_entries: usize, max_bytes: usize) -> Self {
        let count = (max_entries / ENTRIES_PER_SHARD).clamp(1, MAX_SHARDS);
        let count = 1 << count.ilog2();
        let bounds = Bounds {
            entries: max_entries.max(1) / count,
            bytes: max_bytes / count,
        };
        let part = |_| Part(Mutex::new(Shard::new(bounds)));
        Self {
            secret: [secret().into(), secret().into()],
            parts: (0..count).map(part).collect(),
            visitor: AtomicUsize::new(0),
            max_entries,
        }
    }

    pub(super) fn count(&self) -> usize {
        self.parts.len()
    }

    /// Locks one shard after another.
    pub(super) fn each(&self) -> impl Iterator<Item = MutexGuard<'_, Shard>> {
        self.parts.iter().map(|part| part.0.lock())
    }

    pub(super) fn allocated_bytes(&self) -> usize {
        let counters: usize = self.each().map(|shard| shard.allocated_bytes()).sum();
        counters + size_of_val(&*self.parts)
    }

    /// Returns the shard that holds the counter of a charge, and the request to it.
    #[inline]
    pub(super) fn ask<'a>(&self, charge: &Charge<'a>) -> (usize, Ask<'a>) {
        let digest = self.digest(charge.counter_key, charge.key);
        let ask = Ask {
            digest,
            seed: charge.counter_key.seed(),
            rule: charge.rule,
            cost: charge.cost,
        };
        (self.shard_of(digest), ask)
    }

    #[inline]
    pub(super) fn lock(&self, shard: usize) -> MutexGuard<'_, Shard> {
        self.parts[shard].0.lock()
    }

    /// Removes expired counters from the next shard, unless it is in use.
    #[cold]
    pub(super) fn visit(&self, now: Nanos) {
        let next = self.visitor.fetch_add(1, Ordering::Relaxed) % self.parts.len();
        if let Some(mut shard) = self.parts[next].0.try_lock() {
            shard.visit(now);
        }
    }

    #[inline]
    pub(super) fn digest(&self, counter_key: &CounterKey, key: &[u8]) -> Digest {
        // A separate hash function for each counter key costs less than hashing one more word.
        let [first, second] = self.secret();
        SipHasher13::new_with_keys(first ^ counter_key.seed(), second).hash(key)
    }

    #[inline]
    pub(super) fn secret(&self) -> [u64; 2] {
        [0, 1].map(|half| self.secret[half].load(Ordering::Relaxed))
    }

    /// Replaces the secret by that of restored counters. The caller holds the locks on all shards.
    #[cfg(feature = "file")]
    pub(super) fn set_secret(&self, secret: [u64; 2]) {
        for (half, word) in self.secret.iter().zip(secret) {
            half.store(word, Ordering::Relaxed);
        }
    }

    /// Selects by other bits than those the tables use.
    #[inline]
    pub(super) fn shard_of(&self, digest: Digest) -> usize {
        (digest >> 32) as usize & (self.parts.len() - 1)
    }
}

/// Random bits from the operating system, or, if it has none, the seed of the standard library's maps.
fn secret() -> u64 {
    getrandom::u64().unwrap_or_else(|_| RandomState::new().hash_one(0))
}
