use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
};

use tokio::{task::JoinSet, time::Instant};
use waygate_core::port::CounterError;

use super::{PermitId, permit::LIFETIME};
use crate::engine::{Inner, limits::lock};

/// The maximum number of permits kept; others expire in the store.
const MOST: usize = 65_536;

/// The number of permits that are released concurrently.
const LANES: usize = 16;

/// Permits that could not be released in the shared store, with their expiry.
#[derive(Debug, Default)]
pub(crate) struct UnreleasedPermits(Mutex<VecDeque<(Instant, PermitId)>>);

impl UnreleasedPermits {
    pub(super) fn add(&self, permit: PermitId) {
        let mut permits = lock(&self.0);
        if permits.len() < MOST {
            permits.push_back((Instant::now(), permit));
        }
    }

    /// The next ones that have not expired.
    fn next(&self) -> Vec<(Instant, PermitId)> {
        let mut permits = lock(&self.0);
        permits.retain(|(since, _)| since.elapsed() < LIFETIME);
        let count = permits.len().min(LANES);
        permits.drain(..count).collect()
    }

    /// Releases all of them, until the store fails.
    pub(crate) async fn release(inner: &Arc<Inner>) -> Result<(), CounterError> {
        let Some(shared) = &inner.counters.shared else {
            return Ok(());
        };
        loop {
            let mut calls = JoinSet::new();
            for (since, permit) in shared.unreleased.next() {
                calls.spawn(release(inner.clone(), since, permit));
            }
            if calls.is_empty() {
                return Ok(());
            }
            let mut released = Ok(());
            while let Some(call) = calls.join_next().await {
                released = released.and(call.unwrap_or(Ok(())));
            }
            released?;
        }
    }
}

async fn release(inner: Arc<Inner>, since: Instant, permit: PermitId) -> Result<(), CounterError> {
    let Some(shared) = &inner.counters.shared else {
        return Ok(());
    };
    let released = shared.in_time(shared.store.vacate(permit.shared())).await;
    if released.is_err() {
        lock(&shared.unreleased.0).push_back((since, permit));
    }
    released
}
