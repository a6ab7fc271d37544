use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::{
    sync::Mutex,
    time::{Instant, sleep_until, timeout},
};
use waygate_core::model::Revision;

use crate::{Waygate, engine::Component};

/// The time in which the hint of a change usually arrives, and the least time between two looks at the store.
const PAUSE: Duration = Duration::from_millis(100);

/// Looks at the store for requests that follow a change which this process has not seen.
///
/// A client that was sent an event by one process may fetch the flags from another one that is a moment behind. Clients
/// can name any revision, so that requests share their looks.
#[derive(Debug, Default)]
pub(super) struct Fresh {
    looks: AtomicU64,
    last: Arc<Mutex<Option<Instant>>>,
}

impl Fresh {
    /// Waits until this process has read a revision of the store. Returns `false` if the store does not have it, or cannot
    /// be read: an event is sent after its commit, so that one look is enough.
    ///
    /// Revisions of another epoch have no order. That of the event may be the later one, of a store that was emptied and
    /// filled again, so that the store is read; what it then has here is as good as any.
    pub(super) async fn reach(&self, waygate: &Waygate, wanted: Revision) -> bool {
        let is_behind = || {
            let known = waygate.revision();
            known.epoch != wanted.epoch || wanted.is_newer_than(&known)
        };
        if !is_behind() {
            return true;
        }
        let mut versions = waygate.inner.channels.versions();
        let caught_up = async { while is_behind() && versions.changed().await.is_ok() {} };
        let _ = timeout(PAUSE, caught_up).await;
        if is_behind() {
            self.look(waygate).await;
        }
        match waygate.revision().epoch == wanted.epoch {
            true => !is_behind(),
            false => {
                let monitor = &waygate.inner.monitor;
                // After a reset of the store, this process may keep what it has, which is older than the event.
                monitor.store_read_fault().is_none() && !monitor.is_degraded(Component::StoreReset)
            }
        }
    }

    /// Reads the store, or waits for a read that started after this call.
    async fn look(&self, waygate: &Waygate) {
        let before = self.looks.load(Ordering::SeqCst);
        let mut last = self.last.clone().lock_owned().await;
        if self.looks.load(Ordering::SeqCst) > before {
            return;
        }
        if let Some(last) = *last {
            sleep_until(last + PAUSE).await;
        }
        self.looks.fetch_add(1, Ordering::SeqCst);
        *last = Some(Instant::now());
        let waygate = waygate.clone();
        // A client that goes does not interrupt it, nor end the wait of others. A failure is in the health, and the client
        // retries.
        let look = async move {
            let _ = waygate.inner.refresh().await;
            drop(last);
        };
        let _ = tokio::spawn(look).await;
    }
}
