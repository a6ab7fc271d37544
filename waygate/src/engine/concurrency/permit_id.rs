use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use uuid::Uuid;
use waygate_core::port::Permit;

use super::Concurrency;
use crate::engine::limits::{LimitedKey, lock};

/// The lifetime of a permit in a shared store. Renewed three times as often.
pub(crate) const LIFETIME: Duration = Duration::from_secs(10);

/// Identifies the permit of one request at one limit.
#[derive(Debug, Clone)]
pub(crate) struct PermitId {
    pub(crate) limit: Arc<Concurrency>,
    pub(crate) key: LimitedKey,
    /// Unique among all processes.
    pub(super) holder: u128,
}

impl PermitId {
    /// The permit in the shared store, where it expires.
    pub(super) fn shared(&self) -> Permit<'_> {
        self.permit(self.limit.fields.limit.get(), LIFETIME)
    }

    /// The permit in this process, where it is held until it is released: its holder cannot die alone.
    pub(super) fn local(&self, limit: u32) -> Permit<'_> {
        self.permit(limit, Duration::MAX)
    }

    fn permit(&self, limit: u32, lifetime: Duration) -> Permit<'_> {
        Permit::new(
            &self.limit.counter_key,
            self.key.as_bytes(),
            self.holder,
            limit,
            lifetime,
        )
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
    pub(super) fn next_holder(&self) -> u128 {
        let next = self.next.fetch_add(1, Ordering::Relaxed);
        u128::from(self.engine) << 64 | u128::from(next)
    }

    pub(super) fn list(&self) -> Vec<PermitId> {
        lock(&self.held).values().cloned().collect()
    }

    pub(super) fn has(&self, id: &PermitId) -> bool {
        lock(&self.held).contains_key(&id.holder)
    }

    pub(super) fn add(&self, id: &PermitId) {
        lock(&self.held).insert(id.holder, id.clone());
    }

    pub(super) fn remove(&self, id: &PermitId) {
        lock(&self.held).remove(&id.holder);
    }
}
