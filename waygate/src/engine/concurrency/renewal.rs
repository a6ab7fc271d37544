//! Renews the permits that this process holds in a shared store. The permits of a dead process expire.

use std::{
    sync::{Arc, Weak},
    time::Duration,
};

use tokio::task::{JoinError, JoinSet};

use waygate_core::Printable;

use super::PermitId;
use crate::engine::Inner;

/// The pause between renewals. Two renewals in a row may fail within the lifetime of a permit.
const PAUSE: Duration = Duration::from_secs(3);

/// The number of permits that are renewed concurrently.
const LANES: usize = 64;

/// Runs while the engine lives, without keeping it alive.
pub(crate) async fn run(engine: Weak<Inner>) {
    let Some(mut version) = engine.upgrade().map(|inner| inner.channels.versions()) else {
        return;
    };
    loop {
        let gone = async { while version.changed().await.is_ok() {} };
        if tokio::time::timeout(PAUSE, gone).await.is_ok() {
            return;
        }
        let Some(inner) = engine.upgrade() else {
            return;
        };
        renew_all(&inner).await;
    }
}

async fn renew_all(inner: &Arc<Inner>) {
    let mut renewals = JoinSet::new();
    for permit in inner.counters.permits.list() {
        if renewals.len() >= LANES {
            note(renewals.join_next().await);
        }
        renewals.spawn(renew(inner.clone(), permit));
    }
    while let Some(renewed) = renewals.join_next().await {
        note(Some(renewed));
    }
}

/// Reports a renewal that panicked; the others continue.
fn note(renewed: Option<Result<(), JoinError>>) {
    if let Some(Err(error)) = renewed {
        tracing::error!(error = %Printable(error), "the renewal of a concurrency permit was interrupted; it is retried");
    }
}

/// Renews one permit. A request that was admitted without the store acquires its permit here, once the store is back.
async fn renew(inner: Arc<Inner>, permit: PermitId) {
    let Some(shared) = &inner.counters.shared else {
        return;
    };
    let now = inner.counters.clock.now();
    let call = shared.store.acquire(permit.shared(), now);
    if let Err(error) = shared.in_time(call).await {
        tracing::debug!(error = %Printable(error), "failed to renew a concurrency permit");
    }
    // The permit may have been released meanwhile, and acquired again by this renewal.
    if !inner.counters.permits.has(&permit) {
        inner.counters.release(&permit).await;
    }
}
