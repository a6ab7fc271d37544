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

use super::Concurrency;
use crate::engine::{
    Inner,
    limits::{LimitedKey, lock},
};

/// For how long a shared store keeps a place whose holder does not come back. Renewed three times as often.
pub(crate) const LIFETIME: Duration = Duration::from_secs(10);

/// The place of one request at one limit.
#[derive(Debug, Clone)]
pub(crate) struct Seat {
    pub(crate) limit: Arc<Concurrency>,
    pub(crate) key: LimitedKey,
    /// Unique among all processes.
    pub(crate) holder: u128,
}

impl Seat {
    /// The place as a shared store knows it.
    pub(crate) fn shared(&self) -> Place<'_> {
        self.place(self.limit.fields.limit.get(), LIFETIME)
    }

    /// The place in this process, where it is held until it is given back: whoever holds it cannot die alone.
    pub(crate) fn local(&self, limit: u32) -> Place<'_> {
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

/// The places that this process holds in a shared store.
#[derive(Debug)]
pub(crate) struct HeldPlaces {
    /// What tells this engine's holders from those of all others.
    engine: u64,
    next: AtomicU64,
    seats: Mutex<HashMap<u128, Seat>>,
}

impl Default for HeldPlaces {
    fn default() -> Self {
        Self {
            engine: Uuid::new_v4().as_u64_pair().0,
            next: AtomicU64::new(0),
            seats: Mutex::default(),
        }
    }
}

impl HeldPlaces {
    fn next_holder(&self) -> u128 {
        let next = self.next.fetch_add(1, Ordering::Relaxed);
        u128::from(self.engine) << 64 | u128::from(next)
    }

    pub(super) fn list(&self) -> Vec<Seat> {
        lock(&self.seats).values().cloned().collect()
    }

    pub(super) fn has(&self, seat: &Seat) -> bool {
        lock(&self.seats).contains_key(&seat.holder)
    }

    fn add(&self, seat: &Seat) {
        lock(&self.seats).insert(seat.holder, seat.clone());
    }

    fn remove(&self, seat: &Seat) {
        lock(&self.seats).remove(&seat.holder);
    }
}

/// A place that is asked for, and given back when this is dropped: by a request that is answered, refused or given up.
#[derive(Debug)]
pub(crate) struct Held {
    engine: Arc<Inner>,
    seat: Seat,
    stage: Stage,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// It is not known whether there is a place.
    Asked,
    Taken,
    Refused,
}

impl Held {
    pub(super) fn ask(engine: &Arc<Inner>, limit: Arc<Concurrency>, key: LimitedKey) -> Self {
        let holder = engine.counters.held.next_holder();
        Self {
            engine: engine.clone(),
            seat: Seat { limit, key, holder },
            stage: Stage::Asked,
        }
    }

    pub(super) fn seat(&self) -> &Seat {
        &self.seat
    }

    /// Where tasks of the engine run.
    #[cfg(feature = "axum")]
    pub(crate) fn runtime(&self) -> &tokio::runtime::Handle {
        &self.engine.runtime
    }

    pub(super) fn take(&mut self) {
        self.stage = Stage::Taken;
        self.seat.limit.stats.enter();
        if self.engine.counters.shared.is_some() {
            self.engine.counters.held.add(&self.seat);
        }
    }

    /// The one who gives out places has said that there is none, so there is none to give back.
    pub(super) fn refuse(&mut self) {
        self.stage = Stage::Refused;
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let Self {
            engine,
            seat,
            stage,
        } = self;
        if *stage == Stage::Refused {
            return;
        }
        let counters = &engine.counters;
        if *stage == Stage::Taken {
            seat.limit.stats.leave();
            counters.local.vacate_at(&seat.local(0));
        }
        if counters.shared.is_some() {
            counters.held.remove(seat);
            let (inner, seat) = (engine.clone(), seat.clone());
            engine
                .runtime
                .spawn(async move { inner.counters.vacate(&seat).await });
        }
    }
}
