//! Notes the requests of each minute, so that requests need not know the minute.

use std::sync::{Arc, Weak};

use waygate_core::Timestamp;

use crate::engine::{Component, Inner, supervise::supervise};

/// The number of routes, each of about a microsecond, after which other tasks may run.
const ROUTES_BETWEEN_YIELDS: usize = 128;

/// Runs while the engine lives, without keeping it alive.
async fn run(engine: Weak<Inner>) {
    let Some(inner) = engine.upgrade() else {
        return;
    };
    let Some(hub) = inner.snapshot.load().table.traffic.hub().cloned() else {
        return;
    };
    let (clock, mut version) = (inner.clock.clone(), inner.channels.versions());
    drop(inner);
    let gone = async { while version.changed().await.is_ok() {} };
    let mut gone = std::pin::pin!(gone);
    loop {
        // If the clock moves by more than a minute, the requests came before that, or since then.
        let minute = hub.minute();
        let Ok(next) = Timestamp::from_second((minute + 1) * 60) else {
            return;
        };
        tokio::select! {
            () = clock.sleep_until(next) => {}
            () = &mut gone => return,
        }
        // Read before: requests during the looks may be noted by the next ones.
        let now = hub.now();
        for (at, route) in hub.used().iter().enumerate() {
            route.look(minute);
            if at % ROUTES_BETWEEN_YIELDS == 0 {
                tokio::task::yield_now().await;
            }
        }
        #[cfg(feature = "flags")]
        if let Some(inner) = engine.upgrade() {
            let snapshot = inner.snapshot.load_full();
            for canary in snapshot.canaries() {
                canary.look(minute);
            }
        }
        hub.looked(now);
    }
}

/// Starts the sampler if the engine counts requests.
pub(crate) fn start(inner: &Arc<Inner>) {
    if inner.snapshot.load().table.traffic.hub().is_some() {
        supervise(Component::Traffic, inner, run);
    }
}
