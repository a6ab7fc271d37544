use std::{
    collections::{HashMap, VecDeque},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use tokio::sync::Notify;
use uuid::Uuid;
use waygate_core::{
    Timestamp,
    model::{LimitKey, RouteKey},
};

use waygate_core::view::{CountingMode, KeyUse, LimitCounts};

use super::{
    key::LimitedKey,
    problem::{Noticed, Problem, lock},
};
use crate::engine::concurrency::ConcurrencyStats;

/// The decisions of one policy since the process started.
#[derive(Debug, Default)]
pub(crate) struct PolicyStats {
    pub(crate) allowed: AtomicU64,
    pub(crate) refused: AtomicU64,
    /// Refusals of a policy in shadow mode: requests that were allowed.
    pub(crate) would_refuse: AtomicU64,
    /// Of these, those that were not counted by the configured counters, by mode.
    degraded: [Degraded; 3],
    /// Requests without a key.
    pub(crate) skipped: Noticed,
    /// Requests that were refused for that reason, included in `refused`.
    pub(super) without_key: Noticed,
    /// Requests without a caller, if the policy has tiers.
    pub(crate) without_caller: Noticed,
    /// Requests of callers without the attribute that selects a tier.
    pub(super) without_plan: Noticed,
    /// `true` if a caller has had it.
    pub(super) has_plan: AtomicBool,
    pub(crate) problem: Problem,
    top: Mutex<TopKeys>,
}

/// The decisions without the configured counters.
#[derive(Debug, Default)]
struct Degraded {
    allowed: AtomicU64,
    refused: AtomicU64,
}

/// The decisions of a policy in one mode.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(not(feature = "metrics"), allow(dead_code, reason = "for metrics"))]
pub(crate) struct ModeCounts {
    pub(crate) mode: CountingMode,
    pub(crate) allowed: u64,
    pub(crate) refused: u64,
}

/// The modes of [`PolicyStats::degraded`].
const DEGRADED: [CountingMode; 3] = [
    CountingMode::Local,
    CountingMode::Open,
    CountingMode::Closed,
];

impl PolicyStats {
    /// Records the mode of a decision that is counted otherwise.
    pub(super) fn note_mode(&self, mode: CountingMode, is_allowed: bool) {
        let modes = DEGRADED.iter().zip(&self.degraded);
        for (_, counts) in modes.filter(|(known, _)| **known == mode) {
            let counter = match is_allowed {
                true => &counts.allowed,
                false => &counts.refused,
            };
            counter.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Returns the decisions by mode.
    #[cfg_attr(not(feature = "metrics"), allow(dead_code, reason = "for metrics"))]
    pub(crate) fn by_mode(&self) -> Vec<ModeCounts> {
        let degraded = DEGRADED.iter().zip(&self.degraded);
        let mut all: Vec<ModeCounts> = degraded
            .map(|(mode, counts)| ModeCounts {
                mode: *mode,
                allowed: counts.allowed.load(Ordering::Relaxed),
                refused: counts.refused.load(Ordering::Relaxed),
            })
            .collect();
        let sum = |of: fn(&ModeCounts) -> u64| all.iter().map(of).sum::<u64>();
        // Counted after the others, so that the difference is not negative.
        let (allowed, refused) = (sum(|it| it.allowed), sum(|it| it.refused));
        let counts = self.counts();
        all.push(ModeCounts {
            mode: CountingMode::Authoritative,
            allowed: counts.allowed.saturating_sub(allowed),
            refused: counts.refused.saturating_sub(refused),
        });
        all
    }

    #[inline]
    pub(crate) fn count_allowed(&self) {
        self.allowed.fetch_add(1, Ordering::Relaxed);
    }

    /// Records whether a caller has the attribute that selects a tier.
    pub(super) fn note_plan(&self, has_one: bool) {
        match has_one {
            true if self.has_plan.load(Ordering::Relaxed) => {}
            true => self.has_plan.store(true, Ordering::Relaxed),
            false => drop(self.without_plan.notice()),
        }
    }

    /// The number of callers without that attribute, if none has had it.
    pub(super) fn callers_without_tier(&self) -> Option<u64> {
        let missing = self.without_plan.count();
        (missing > 0 && !self.has_plan.load(Ordering::Relaxed)).then_some(missing)
    }

    pub(crate) fn count_refused(&self, enforced: bool) {
        let counter = if enforced {
            &self.refused
        } else {
            &self.would_refuse
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    /// Records a key that is near its limit, or over it.
    pub(crate) fn note(&self, key: &LimitedKey, use_of: Usage) {
        lock(&self.top).note(key, use_of);
    }

    pub(crate) fn counts(&self) -> LimitCounts {
        let mut counts = LimitCounts::default();
        counts.allowed = self.allowed.load(Ordering::Relaxed);
        counts.refused = self.refused.load(Ordering::Relaxed);
        counts.would_refuse = self.would_refuse.load(Ordering::Relaxed);
        counts
    }

    /// How often keys were near the limit or over it.
    #[cfg(feature = "webhooks")]
    pub(crate) fn pressure(&self) -> Pressure {
        let counts = self.counts();
        Pressure {
            near: lock(&self.top).notes(),
            refused: counts.refused,
            would_refuse: counts.would_refuse,
        }
    }

    /// Keys near the limit, sorted by the number of requests.
    pub(crate) fn top(&self, limit: usize) -> Vec<KeyUse> {
        lock(&self.top).list(limit)
    }
}

/// Requests near a limit or over it, since the process started.
#[cfg(feature = "webhooks")]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Pressure {
    /// Requests that left a fifth of the limit or less, those that shadow mode would have refused included.
    pub(crate) near: u64,
    pub(crate) refused: u64,
    pub(crate) would_refuse: u64,
}

/// The state of a key after a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Usage {
    pub(crate) limit: u64,
    pub(crate) remaining: u64,
    pub(crate) refused: bool,
    pub(crate) at: Timestamp,
}

/// The most frequent keys, in bounded memory: Space-Saving (Metwally, Agrawal and El Abbadi, 2005).
#[derive(Debug, Default)]
struct TopKeys(HashMap<LimitedKey, Seen>);

#[derive(Debug, Clone, Copy)]
struct Seen {
    times: u64,
    refused: u64,
    last: Usage,
}

impl TopKeys {
    const MAX: usize = 256;

    fn note(&mut self, key: &LimitedKey, last: Usage) {
        let refused = u64::from(last.refused);
        if let Some(seen) = self.0.get_mut(key) {
            seen.times += 1;
            seen.refused += refused;
            seen.last = last;
            return;
        }
        let mut inherited = 0;
        if self.0.len() >= Self::MAX {
            let least = self.0.iter().min_by_key(|(_, seen)| seen.times);
            if let Some((key, times)) = least.map(|(key, seen)| (key.clone(), seen.times)) {
                self.0.remove(&key);
                inherited = times;
            }
        }
        let seen = Seen {
            times: inherited + 1,
            refused,
            last,
        };
        self.0.insert(key.clone(), seen);
    }

    /// The number of calls of [`note`](Self::note): a new key inherits the number of the one that it replaces.
    #[cfg(feature = "webhooks")]
    fn notes(&self) -> u64 {
        self.0.values().map(|seen| seen.times).sum()
    }

    fn list(&self, limit: usize) -> Vec<KeyUse> {
        let mut all: Vec<_> = self.0.iter().collect();
        all.sort_by(|(a, x), (b, y)| (y.times, b.as_bytes()).cmp(&(x.times, a.as_bytes())));
        let shown = all.into_iter().take(limit).map(|(key, seen)| {
            let mut shown = KeyUse::new(key.label(), seen.last.at);
            shown.seen = seen.times;
            shown.refused = seen.refused;
            shown.limit = seen.last.limit;
            shown.remaining = seen.last.remaining;
            shown
        });
        shown.collect()
    }
}

/// A refusal, for the log of hits.
#[derive(Debug, Clone)]
pub(crate) struct Hit {
    pub(crate) id: Uuid,
    pub(crate) at: Timestamp,
    pub(crate) method: Box<str>,
    pub(crate) route: RouteKey,
    pub(crate) policy: LimitKey,
    pub(crate) key: LimitedKey,
    pub(crate) limit: Box<str>,
    pub(crate) tier: Option<Box<str>>,
    pub(crate) reset_at: Timestamp,
    pub(crate) enforced: bool,
}

/// The statistics of all limits in this process, in bounded memory.
#[derive(Debug)]
pub(crate) struct LimitStats {
    policies: Mutex<HashMap<LimitKey, Arc<PolicyStats>>>,
    concurrency: Mutex<HashMap<LimitKey, Arc<ConcurrencyStats>>>,
    hits: Mutex<Hits>,
    /// Notified of each refusal.
    pub(super) arrived: Arc<Notify>,
    /// The maximum number of refusals; the oldest are dropped.
    max_hits: usize,
}

#[derive(Debug, Default)]
struct Hits {
    /// Newest first.
    newest: VecDeque<Hit>,
    /// The number of refusals so far, also of those that were dropped.
    total: u64,
}

impl LimitStats {
    pub(crate) const MAX_HITS: usize = 10_000;

    pub(crate) fn new(max_hits: usize) -> Self {
        Self {
            policies: Mutex::default(),
            concurrency: Mutex::default(),
            hits: Mutex::default(),
            arrived: Arc::default(),
            max_hits,
        }
    }

    /// The statistics of a policy, which survive its changes.
    pub(crate) fn of(&self, key: &LimitKey) -> Arc<PolicyStats> {
        known(&self.policies, key)
    }

    /// The statistics of a concurrency limit, which survive its changes.
    pub(crate) fn of_concurrency(&self, key: &LimitKey) -> Arc<ConcurrencyStats> {
        known(&self.concurrency, key)
    }

    pub(crate) fn hit(&self, hit: Hit) {
        let mut hits = lock(&self.hits);
        hits.newest.push_front(hit);
        hits.newest.truncate(self.max_hits);
        hits.total += 1;
        drop(hits);
        self.arrived.notify_one();
    }

    /// The maximum number of refusals that are kept.
    pub(super) fn max_hits(&self) -> usize {
        self.max_hits
    }

    /// The oldest refusals that are kept after the first `seen`, oldest first, and the number of all up to them.
    pub(super) fn hits_after(&self, seen: u64, limit: usize) -> (Vec<Hit>, u64) {
        let hits = lock(&self.hits);
        let new = usize::try_from(hits.total.saturating_sub(seen)).unwrap_or(usize::MAX);
        let new = new.min(hits.newest.len());
        let newest = hits.newest.iter().take(new).rev();
        let taken: Vec<Hit> = newest.take(limit).cloned().collect();
        let left = new - taken.len();
        (taken, hits.total - left as u64)
    }

    /// The newest refusals that match `wanted`.
    pub(crate) fn hits(&self, limit: usize, wanted: impl Fn(&Hit) -> bool) -> Vec<Hit> {
        let hits = lock(&self.hits);
        let newest = hits.newest.iter();
        newest
            .filter(|hit| wanted(hit))
            .take(limit)
            .cloned()
            .collect()
    }
}

fn known<T: Default>(all: &Mutex<HashMap<LimitKey, Arc<T>>>, key: &LimitKey) -> Arc<T> {
    let mut all = lock(all);
    match all.get(key) {
        Some(stats) => stats.clone(),
        None => all.entry(key.clone()).or_default().clone(),
    }
}
