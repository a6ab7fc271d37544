//! Updates the shared counter store after an outage: releases permits, and charges the units that were granted
//! without it.

use std::{
    pin::pin,
    sync::{Arc, Weak},
    time::Duration,
};

use tokio::{select, time::sleep};
use waygate_core::{Printable, port::CounterError};

use super::Inner;

/// The pause before the store is retried.
const PAUSE: Duration = Duration::from_millis(100);

/// Runs while the engine lives, without keeping it alive. Sleeps while there is nothing to do.
pub(crate) async fn run(engine: Weak<Inner>) {
    let Some(inner) = engine.upgrade() else {
        return;
    };
    let Some(behind) = inner
        .counters
        .shared
        .as_ref()
        .map(|shared| shared.behind.clone())
    else {
        return;
    };
    let mut version = inner.channels.versions();
    drop(inner);
    let mut gone = pin!(async move { while version.changed().await.is_ok() {} });
    loop {
        select! {
            () = &mut gone => return,
            () = behind.notified() => {}
        }
        loop {
            select! {
                () = &mut gone => return,
                () = sleep(PAUSE) => {}
            }
            let Some(inner) = engine.upgrade() else {
                return;
            };
            match catch_up(&inner).await {
                Ok(()) => break,
                Err(error) => {
                    tracing::trace!(error = %Printable(error), "the counter store is still unavailable")
                }
            }
        }
    }
}

async fn catch_up(inner: &Arc<Inner>) -> Result<(), CounterError> {
    let Some(shared) = &inner.counters.shared else {
        return Ok(());
    };
    inner.counters.release_all().await?;
    let now = inner.counters.clock.now();
    shared.repay_all(&inner.counters.local, now).await
}
