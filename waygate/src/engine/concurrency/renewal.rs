//! Keeps the places that this process holds in a shared store. A process that dies keeps none.

use std::{
    sync::{Arc, Weak},
    time::Duration,
};

use tokio::task::{JoinError, JoinSet};

use waygate_core::Printable;

use super::Seat;
use crate::engine::Inner;

/// How long places are left alone: a renewal may fail twice within their lifetime.
const PAUSE: Duration = Duration::from_secs(3);

/// How many places are renewed at the same time.
const LANES: usize = 64;

/// Runs for as long as the engine lives, without keeping it alive.
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
    for seat in inner.counters.held.list() {
        if renewals.len() >= LANES {
            note(renewals.join_next().await);
        }
        renewals.spawn(renew(inner.clone(), seat));
    }
    while let Some(renewed) = renewals.join_next().await {
        note(Some(renewed));
    }
}

/// One place that fails takes no other down with it.
fn note(renewed: Option<Result<(), JoinError>>) {
    if let Some(Err(error)) = renewed {
        tracing::error!(error = %Printable(error), "renewing a place was interrupted; it is tried again");
    }
}

/// Keeps one place. What was admitted without the store enters it here, as soon as it is back and has a place.
async fn renew(inner: Arc<Inner>, seat: Seat) {
    let Some(shared) = &inner.counters.shared else {
        return;
    };
    let now = inner.limit_clock.now(&*inner.clock);
    let call = shared.store.occupy(seat.shared(), now);
    if let Err(error) = shared.in_time(call).await {
        tracing::debug!(error = %Printable(error), "a place was not renewed");
    }
    // It may have been given back meanwhile, and taken anew by this.
    if !inner.counters.held.has(&seat) {
        inner.counters.vacate(&seat).await;
    }
}
