use std::sync::Arc;

use tokio::{task::JoinSet, time::Instant};
use waygate_core::port::CounterError;

use super::PermitId;
use crate::engine::limits::Counters;

impl Counters {
    /// Releases all permits that could not be released, until the store fails.
    pub(crate) async fn release_all(self: &Arc<Self>) -> Result<(), CounterError> {
        let Some(shared) = &self.shared else {
            return Ok(());
        };
        loop {
            let mut calls = JoinSet::new();
            for (since, permit) in shared.unreleased.next() {
                calls.spawn(release(self.clone(), since, permit));
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

async fn release(
    counters: Arc<Counters>,
    since: Instant,
    permit: PermitId,
) -> Result<(), CounterError> {
    let Some(shared) = &counters.shared else {
        return Ok(());
    };
    let released = shared.in_time(shared.store.release(permit.shared())).await;
    if released.is_err() {
        shared.unreleased.push_back(since, permit);
    }
    released
}
