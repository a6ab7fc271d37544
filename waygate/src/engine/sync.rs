//! Follows the store: hints shorten the wait, the poll makes up for lost ones.

use std::{
    future::poll_fn,
    sync::{Arc, Weak},
    time::Duration,
};

use tokio::{
    sync::{Notify, watch},
    time::{Instant, sleep_until},
};
use waygate_core::{model::Revision, port::BoxStream};

use super::{Component, Inner};

/// How long the store is left alone without a hint; each wait is drawn from 75 % to 125 % of it.
const POLL: Duration = Duration::from_secs(5);

/// Runs for as long as the engine lives, without keeping it alive.
pub(crate) async fn run(engine: Weak<Inner>) {
    let Some(inner) = engine.upgrade() else {
        return;
    };
    let mut signals = Signals {
        hints: Some(inner.backend.changes()),
        behind: inner.behind.clone(),
        version: inner.channels.versions(),
        due: Instant::now() + jittered(POLL),
    };
    drop(inner);
    // Whatever happened between the first load and the subscription is not hinted at: look once.
    signals.behind.notify_one();
    loop {
        let signal = signals.next().await;
        let Some(inner) = engine.upgrade() else {
            return;
        };
        inner.follow_clock().await;
        // A hint is no occasion to write, unless it may say that writing works again.
        let probe = !matches!(signal, Signal::Hint(_)) || inner.monitor.store_refuses_writes();
        let look = match signal {
            Signal::Gone => return,
            // A store that was away says with any hint that it is back.
            Signal::Hint(revision) => {
                revision != inner.snapshot.load().revision
                    || inner.monitor.is_degraded(Component::Store)
            }
            Signal::Deaf => {
                let cause = "the backend's stream of changes has ended; polling";
                inner
                    .monitor
                    .degrade(Component::Sync, cause, inner.clock.now());
                true
            }
            Signal::Look => true,
        };
        if look {
            // A failure is on record already, and the poll comes again.
            if inner.refresh().await.is_ok() && probe {
                inner.probe_store().await;
            }
            signals.due = Instant::now() + jittered(POLL);
        }
    }
}

struct Signals {
    hints: Option<BoxStream<'static, Revision>>,
    behind: Arc<Notify>,
    version: watch::Receiver<u64>,
    /// When the poll comes: hints that say nothing new do not put it off.
    due: Instant,
}

enum Signal {
    /// The store says that it is at this revision.
    Hint(Revision),
    /// The stream of hints has ended.
    Deaf,
    /// It is time to look.
    Look,
    /// The engine is gone.
    Gone,
}

impl Signals {
    async fn next(&mut self) -> Signal {
        let hint = async {
            match self.hints.as_mut() {
                Some(hints) => poll_fn(|context| hints.as_mut().poll_next(context)).await,
                None => std::future::pending().await,
            }
        };
        let gone = async { while self.version.changed().await.is_ok() {} };
        tokio::select! {
            hint = hint => match hint {
                Some(revision) => Signal::Hint(revision),
                None => {
                    self.hints = None;
                    Signal::Deaf
                }
            },
            () = self.behind.notified() => Signal::Look,
            () = sleep_until(self.due) => Signal::Look,
            () = gone => Signal::Gone,
        }
    }
}

/// Between 75 % and 125 % of `interval`, so that replicas do not ask in step.
fn jittered(interval: Duration) -> Duration {
    let random = u32::from(uuid::Uuid::new_v4().as_bytes()[0]);
    interval * (192 + random / 2) / 256
}
