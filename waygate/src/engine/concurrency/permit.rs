use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use uuid::Uuid;
use waygate_core::port::Place;

use super::{Concurrency, PermitRequest};
use crate::engine::{
    Inner,
    limits::{LimitedKey, lock},
};

/// The lifetime of a permit in a shared store. Renewed three times as often.
pub(crate) const LIFETIME: Duration = Duration::from_secs(10);

/// Identifies the permit of one request at one limit.
#[derive(Debug, Clone)]
pub(crate) struct PermitId {
    pub(crate) limit: Arc<Concurrency>,
    pub(crate) key: LimitedKey,
    /// Unique among all processes.
    holder: u128,
}

impl PermitId {
    /// The expiry of the permit in the shared store.
    pub(super) fn shared(&self) -> Place<'_> {
        self.place(self.limit.fields.limit.get(), LIFETIME)
    }

    /// The permit in this process, where it does not expire: its holder cannot die alone.
    pub(super) fn local(&self, limit: u32) -> Place<'_> {
        self.place(limit, Duration::MAX)
    }

    fn place(&self, limit: u32, lifetime: Duration) -> Place<'_> {
        Place {
            series: &self.limit.series,
            key: self.key.as_bytes(),
            holder: self.holder,
            limit,
            lifetime,
        }
    }
}

/// The permits that this process holds in a shared store.
#[derive(Debug)]
pub(crate) struct SharedPermits {
    /// Distinguishes this engine's permits from those of all others.
    engine: u64,
    next: AtomicU64,
    held: Mutex<HashMap<u128, PermitId>>,
}

impl Default for SharedPermits {
    fn default() -> Self {
        Self {
            engine: Uuid::new_v4().as_u64_pair().0,
            next: AtomicU64::new(0),
            held: Mutex::default(),
        }
    }
}

impl SharedPermits {
    fn next_holder(&self) -> u128 {
        let next = self.next.fetch_add(1, Ordering::Relaxed);
        u128::from(self.engine) << 64 | u128::from(next)
    }

    pub(super) fn list(&self) -> Vec<PermitId> {
        lock(&self.held).values().cloned().collect()
    }

    pub(super) fn has(&self, id: &PermitId) -> bool {
        lock(&self.held).contains_key(&id.holder)
    }

    fn add(&self, id: &PermitId) {
        lock(&self.held).insert(id.holder, id.clone());
    }

    fn remove(&self, id: &PermitId) {
        lock(&self.held).remove(&id.holder);
    }
}

/// A permit that is requested or held. Dropping it releases it.
#[derive(Debug)]
pub(crate) struct Permit {
    engine: Arc<Inner>,
    id: PermitId,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// The store did not answer: it may have granted the permit.
    Requested,
    Held,
    Refused,
}

impl Permit {
    pub(super) fn request(engine: &Arc<Inner>, request: PermitRequest) -> Self {
        let PermitRequest { limit, key } = request;
        let holder = engine.counters.permits.next_holder();
        Self {
            engine: engine.clone(),
            id: PermitId { limit, key, holder },
            state: State::Requested,
        }
    }

    pub(super) fn id(&self) -> &PermitId {
        &self.id
    }

    /// The runtime of the engine's tasks.
    #[cfg(feature = "axum")]
    pub(crate) fn runtime(&self) -> &tokio::runtime::Handle {
        &self.engine.runtime
    }

    pub(super) fn grant(&mut self) {
        self.state = State::Held;
        self.id.limit.stats.enter();
        if self.engine.counters.shared.is_some() {
            self.engine.counters.permits.add(&self.id);
        }
    }

    /// The store refused the permit, so there is none to release.
    pub(super) fn refuse(&mut self) {
        self.state = State::Refused;
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let Self { engine, id, state } = self;
        if *state == State::Refused {
            return;
        }
        let counters = &engine.counters;
        if *state == State::Held {
            id.limit.stats.leave();
            counters.local.vacate_at(&id.local(0));
        }
        if counters.shared.is_some() {
            counters.permits.remove(id);
            let (inner, id) = (engine.clone(), id.clone());
            engine
                .runtime
                .spawn(async move { inner.counters.release(&id).await });
        }
    }
}
