use std::{
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use serde::Serialize;

use super::{
    facts::{ArmRecord, ArmTotals},
    histogram::{Latencies, LatencyHistogram},
};
use crate::engine::{
    flags::DeclaredFlag,
    traffic::{History, SHARDS, own_shard},
};

/// One of the two handlers of a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Arm {
    /// The handler while the flag is off for the caller.
    Stable,
    /// The annotated handler.
    Candidate,
}

/// The two handlers of a route, with the facts about each.
#[derive(Debug)]
pub(crate) struct Canary {
    pub(crate) flag: &'static DeclaredFlag,
    /// The path of the candidate.
    pub(crate) candidate: &'static str,
    /// The other handler, as the attribute names it.
    pub(crate) stable: &'static str,
    facts: [Facts; 2],
}

impl Canary {
    pub(crate) fn new(
        flag: &'static DeclaredFlag,
        candidate: &'static str,
        stable: &'static str,
    ) -> Self {
        Self {
            flag,
            candidate,
            stable,
            facts: Default::default(),
        }
    }

    pub(super) fn record_of(&self, arm: Arm) -> ArmRecord {
        self.facts(arm).record()
    }

    /// The facts since the start of this minute.
    pub(super) fn record_since(&self, arm: Arm, first: i64, now: i64) -> ArmRecord {
        self.facts(arm).record_since(first, now)
    }

    /// Notes the requests since the last look as those of a minute.
    pub(crate) fn look(&self, minute: i64) {
        self.facts.iter().for_each(|facts| facts.look(minute));
    }

    fn facts(&self, arm: Arm) -> &Facts {
        let [stable, candidate] = &self.facts;
        match arm {
            Arm::Stable => stable,
            Arm::Candidate => candidate,
        }
    }

    /// The shard of this thread.
    pub(super) fn shard(&self, arm: Arm) -> &Shard {
        let [first, rest @ ..] = &self.facts(arm).shards;
        own_shard()
            .checked_sub(1)
            .and_then(|at| rest.get(at))
            .unwrap_or(first)
    }
}

/// The facts about an arm.
#[derive(Debug, Default)]
struct Facts {
    shards: [Shard; SHARDS],
    /// `None` before the first look with a request.
    history: Mutex<Option<Box<History<{ ArmTotals::LENGTH }>>>>,
}

/// The counts of some threads.
#[derive(Debug, Default)]
#[repr(align(128))]
pub(super) struct Shard {
    started: AtomicU64,
    completed: AtomicU64,
    failed: AtomicU64,
    aborted: AtomicU64,
    latency: Latencies,
    aborted_after: Latencies,
}

impl Shard {
    pub(super) fn start(&self) {
        self.started.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn complete(&self, latency: Duration) {
        self.completed.fetch_add(1, Ordering::Relaxed);
        self.latency.add(latency);
    }

    pub(super) fn fail(&self) {
        self.failed.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn abort(&self, after: Duration) {
        self.aborted.fetch_add(1, Ordering::Relaxed);
        self.aborted_after.add(after);
    }
}

impl Facts {
    fn record(&self) -> ArmRecord {
        let sum = |of: fn(&Shard) -> &AtomicU64| {
            let counts = self
                .shards
                .iter()
                .map(|shard| of(shard).load(Ordering::Relaxed));
            counts.sum()
        };
        let merged = |of: fn(&Shard) -> &Latencies| {
            let mut merged = LatencyHistogram::default();
            self.shards
                .iter()
                .for_each(|shard| of(shard).add_to(&mut merged));
            merged
        };
        ArmRecord {
            // Ends are counted after starts.
            completed: sum(|shard| &shard.completed),
            failed: sum(|shard| &shard.failed),
            aborted: sum(|shard| &shard.aborted),
            started: sum(|shard| &shard.started),
            latency: merged(|shard| &shard.latency),
            aborted_after: merged(|shard| &shard.aborted_after),
        }
    }

    fn look(&self, minute: i64) {
        let totals = ArmTotals::from(&self.record());
        let mut history = self.history();
        if history.is_some() || !totals.is_empty() {
            let history = history.get_or_insert_with(Box::default);
            history.look(totals.0, minute);
        }
    }

    fn record_since(&self, first: i64, now: i64) -> ArmRecord {
        let mut sum = ArmTotals::default();
        let record = self.record();
        let history = self.history();
        let Some(history) = &*history else {
            return record;
        };
        for (_, minute) in history.since(first, now, &ArmTotals::from(&record).0) {
            sum.0.add(&minute);
        }
        sum.into()
    }

    fn history(&self) -> MutexGuard<'_, Option<Box<History<{ ArmTotals::LENGTH }>>>> {
        self.history.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
