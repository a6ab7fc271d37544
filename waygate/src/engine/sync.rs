//! Follows the store: hints shorten the wait, the poll makes up for lost ones.

use std::{
    future::poll_fn,
    sync::{Arc, Weak},
    time::Duration,
};

use waygate_core::port::BoxStream;

use super::{Component, Inner};

/// How long the store is left alone without a hint; each wait is drawn from 75 % to 125 % of it.
const POLL: Duration = Duration::from_secs(5);

/// Runs for as long as the engine lives.
pub(crate) async fn run(engine: Weak<Inner>) {
    let Some(inner) = engine.upgrade() else {
        return;
    };
    let mut hints = Some(inner.backend.changes());
    drop(inner);
    loop {
        let Some(inner) = engine.upgrade() else {
            return;
        };
        let hint = wait(&inner, &mut hints).await;
        let known = inner.snapshot.load().revision;
        let news = hint.is_none_or(|hinted| hinted != known);
        if news && inner.refresh().await.is_ok() {
            inner.monitor.recover(Component::Sync);
        }
    }
}

/// Waits for a hint, a nudge or the poll. Holds on to the engine for one poll interval at most.
async fn wait(
    inner: &Arc<Inner>,
    hints: &mut Option<BoxStream<'static, waygate_core::model::Revision>>,
) -> Option<waygate_core::model::Revision> {
    let next = async {
        match hints.as_mut() {
            Some(stream) => poll_fn(|context| stream.as_mut().poll_next(context)).await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        hint = next => {
            if hint.is_none() {
                // The backend gives no hints any more; the poll goes on.
                let cause = "the backend's stream of changes has ended; polling";
                inner.monitor.degrade(Component::Sync, cause, inner.clock.now());
                *hints = None;
            }
            hint
        }
        () = inner.behind.notified() => None,
        () = tokio::time::sleep(jittered(POLL)) => None,
    }
}

/// Between 75 % and 125 % of `interval`, so that replicas do not ask in step.
fn jittered(interval: Duration) -> Duration {
    let random = u32::from(uuid::Uuid::new_v4().as_bytes()[0]);
    interval * (192 + random / 2) / 256
}
