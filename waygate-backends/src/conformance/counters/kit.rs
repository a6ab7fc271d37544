//! Helpers for the cases.

use std::{
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use waygate_core::{
    limit::{
        Charged, Outcome, Quota, Rule,
        quota::{Nanos, SECOND},
    },
    model::RateLimitPolicy,
    port::{Charge, CounterKey, CounterStore, Permit, PermitOutcome},
};

use super::Harness;

/// Long enough for no window to end while a case runs.
pub(super) const HOUR: Nanos = 3_600 * SECOND;

/// A store, a counter key and a time.
pub(super) struct Kit<H> {
    // It may own what the store depends on.
    _harness: H,
    pub(super) store: Arc<dyn CounterStore>,
    pub(super) counter_key: CounterKey,
    pub(super) now: Nanos,
}

impl<H: Harness> Kit<H> {
    pub(super) async fn new(new: impl Fn() -> H) -> Self {
        let harness = new();
        let store = harness.open().await;
        Self {
            _harness: harness,
            store,
            counter_key: counter_key("a"),
            now: now(),
        }
    }

    pub(super) fn ask<'a>(&'a self, key: &'a [u8], rule: &'a Rule) -> Charge<'a> {
        ask(&self.counter_key, key, rule)
    }

    pub(super) async fn charge(&self, charges: &[Charge<'_>]) -> Vec<Outcome> {
        self.charge_at(charges, self.now).await
    }

    pub(super) async fn charge_at(&self, charges: &[Charge<'_>], now: Nanos) -> Vec<Outcome> {
        let outcomes = self.store.charge(charges, now).await.expect("charge");
        assert_eq!(outcomes.len(), charges.len());
        for outcome in &outcomes {
            assert!(outcome.remaining <= outcome.limit, "{outcome:?}");
            assert_eq!(outcome.allowed, outcome.retry_after == 0, "{outcome:?}");
        }
        outcomes
    }

    /// Sends one request to one counter.
    pub(super) async fn hit(&self, key: &[u8], rule: &Rule) -> Outcome {
        self.charge(&[self.ask(key, rule)]).await[0]
    }

    pub(super) async fn hit_at(&self, key: &[u8], rule: &Rule, now: Nanos) -> Outcome {
        self.charge_at(&[self.ask(key, rule)], now).await[0]
    }

    /// Returns what remains, without taking.
    pub(super) async fn left(&self, key: &[u8], rule: &Rule) -> u64 {
        let look = self.ask(key, rule).cost(0);
        self.charge(&[look]).await[0].remaining
    }

    pub(super) async fn adjust(&self, key: &[u8], rule: &Rule, units: i64) {
        let charge = self.ask(key, rule);
        let adjusted = self.store.adjust(charge, units, self.now).await;
        adjusted.expect("adjust");
    }

    pub(super) async fn refund(
        &self,
        key: &[u8],
        rule: &Rule,
        units: u64,
        charged: Charged,
        now: Nanos,
    ) {
        let charge = self.ask(key, rule);
        let given = self.store.refund(charge, units, charged, now).await;
        given.expect("give back");
    }

    pub(super) async fn reset(&self, key: &[u8], rule: &Rule, now: Nanos) {
        let reset = self.store.reset(self.ask(key, rule), now).await;
        reset.expect("reset");
    }

    pub(super) async fn acquire(&self, permit: Permit<'_>) -> PermitOutcome {
        self.acquire_at(permit, self.now).await
    }

    pub(super) async fn acquire_at(&self, permit: Permit<'_>, now: Nanos) -> PermitOutcome {
        self.store.acquire(permit, now).await.expect("acquire")
    }

    pub(super) async fn release(&self, permit: Permit<'_>) {
        self.store.release(permit).await.expect("release");
    }

    pub(super) fn permit(&self, holder: u128, limit: u32) -> Permit<'_> {
        Permit::new(
            &self.counter_key,
            b"k",
            holder,
            limit,
            Duration::from_secs(60),
        )
    }
}

pub(super) fn ask<'a>(counter_key: &'a CounterKey, key: &'a [u8], rule: &'a Rule) -> Charge<'a> {
    Charge::new(counter_key, key, rule)
}

pub(super) fn counter_key(scope: &str) -> CounterKey {
    CounterKey::new(scope, "policy", 0, 0)
}

/// The current time, ten minutes into an hour, so that no aligned window ends while a case runs. Not in the future,
/// which a store with its own clock might take for a clock that was set.
pub(super) fn now() -> Nanos {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    let seconds = since.unwrap_or_default().as_secs();
    (seconds - seconds % 3_600 - 3_000) * SECOND
}

pub(super) fn fixed(capacity: u64) -> Rule {
    Rule::Quota(Quota::FixedWindow {
        capacity,
        period: HOUR,
    })
}

pub(super) fn sliding(capacity: u32) -> Rule {
    Rule::Quota(Quota::SlidingWindow {
        capacity,
        // Ten years: it does not end while a case runs.
        period: 315_360_000,
    })
}

pub(super) fn moving(capacity: u64) -> Rule {
    Rule::Moving {
        capacity,
        period: HOUR,
    }
}

pub(super) fn bucket(capacity: u64) -> Rule {
    Rule::Quota(Quota::TokenBucket {
        capacity,
        emission: HOUR,
    })
}

/// Returns a quota per month. Rarely, it ends while a case runs; the cases allow for that.
pub(super) fn calendar(capacity: u64, unit: &str) -> Rule {
    let fields = serde_json::json!({ "limit": format!("{capacity}/calendar {unit}") });
    let policy: RateLimitPolicy = serde_json::from_value(fields).expect("a policy");
    let limit = policy.limit.clone();
    Rule::compile(&policy, &limit).remove(0)
}

/// Returns a rule of each algorithm whose windows do not end while a case runs.
pub(super) fn all(capacity: u32) -> [Rule; 4] {
    [
        fixed(capacity.into()),
        sliding(capacity),
        moving(capacity.into()),
        bucket(capacity.into()),
    ]
}
