use std::{collections::VecDeque, sync::Mutex};

use tokio::time::Instant;

use super::{PermitId, permit_id::LIFETIME};
use crate::engine::limits::lock;

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

    /// Keeps a permit for later, with the time since which it is kept.
    pub(super) fn push_back(&self, since: Instant, permit: PermitId) {
        lock(&self.0).push_back((since, permit));
    }

    /// The next permits that have not expired.
    pub(super) fn next(&self) -> Vec<(Instant, PermitId)> {
        let mut permits = lock(&self.0);
        permits.retain(|(since, _)| since.elapsed() < LIFETIME);
        let count = permits.len().min(LANES);
        permits.drain(..count).collect()
    }
}
