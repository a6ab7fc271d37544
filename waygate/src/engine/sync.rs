//! Follows the store: hints shorten the wait, and polling covers lost hints.

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

use super::{Component, Inner, jitter};

/// The polling interval without hints; each wait is 75 % to 125 % of it. A token that is revoked in another process ends
/// within five seconds, even if the hint is lost.
const POLL: Duration = Duration::from_secs(4);

/// Runs while the engine lives, without keeping it alive.
pub(crate) async fn run(engine: Weak<Inner>) {
    let Some(inner) = engine.upgrade() else {
        return;
    };
    let mut signals = Signals {
        hints: None,
        subscribed: Instant::now(),
        behind: inner.behind.clone(),
        version: inner.channels.versions(),
        due: Instant::now() + jitter::around(POLL),
    };
    signals.listen(&inner);
    drop(inner);
    // Changes between the first load and the subscription send no hint: read once.
    signals.behind.notify_one();
    loop {
        let signal = signals.next().await;
        let Some(inner) = engine.upgrade() else {
            return;
        };
        inner.follow_clock().await;
        signals.listen(&inner);
        // A hint triggers no write, unless writes may work again.
        let probe = !matches!(signal, Signal::Hint(_)) || inner.monitor.store_refuses_writes();
        let look = match signal {
            Signal::Gone => return,
            // After an outage, any hint means that the store is back.
            Signal::Hint(revision) => {
                revision != inner.snapshot.load().revision
                    || inner.monitor.is_degraded(Component::Store)
            }
            Signal::Deaf => {
                signals.hints = None;
                let cause = "the backend's change stream ended; polling instead";
                inner
                    .monitor
                    .degrade(Component::Sync, cause, inner.clock.now());
                true
            }
            Signal::Look => true,
        };
        if look {
            // The failure is already reported, and the poll retries.
            if inner.refresh().await.is_ok() {
                if signals.are_heard() {
                    inner.monitor.recover(Component::Sync);
                }
                if probe {
                    inner.probe_store().await;
                }
            }
            signals.due = Instant::now() + jitter::around(POLL);
        }
    }
}

struct Signals {
    hints: Option<BoxStream<'static, Revision>>,
    subscribed: Instant,
    behind: Arc<Notify>,
    version: watch::Receiver<u64>,
    /// The time of the next poll: hints without news do not delay it.
    due: Instant,
}

enum Signal {
    /// The store is at this revision.
    Hint(Revision),
    /// The stream of hints has ended.
    Deaf,
    /// The poll is due.
    Look,
    /// The engine was dropped.
    Gone,
}

impl Signals {
    /// Subscribes to hints, unless a subscription runs.
    fn listen(&mut self, inner: &Inner) {
        if self.hints.is_none() {
            self.hints = Some(inner.backend.changes());
            self.subscribed = Instant::now();
        }
    }

    /// Returns `true` if the stream of hints has not ended for a while.
    fn are_heard(&self) -> bool {
        self.hints.is_some() && self.subscribed.elapsed() >= POLL / 2
    }

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
                None => Signal::Deaf,
            },
            () = self.behind.notified() => Signal::Look,
            () = sleep_until(self.due) => Signal::Look,
            () = gone => Signal::Gone,
        }
    }
}
