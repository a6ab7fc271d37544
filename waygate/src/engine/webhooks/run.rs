//! The dispatcher: a worker for each endpoint, so that a slow one delays no other.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Weak},
    time::Duration,
};

use tokio::{
    sync::watch,
    task::{AbortHandle, JoinSet},
    time::{Instant, timeout},
};
use waygate_core::{Printable, grammar::PolicyName};

use super::turn::{Wake, Worker, change};
use crate::engine::{Component, Inner};

/// The time after which a shutdown waits no longer for workers, which flush for less.
const FLUSH: Duration = Duration::from_secs(4);

/// Creates the places of declared endpoints, so that they get every change that this process makes. While the store is
/// unavailable, nothing can be changed, and the workers create them later.
pub(crate) async fn prepare(inner: &Arc<Inner>) {
    for name in inner.webhooks.declared.keys() {
        if inner.monitor.is_degraded(Component::Store) {
            return;
        }
        let known = inner.endpoint(name).await;
        if known.is_some_and(|known| known.is_unsettled())
            && let Err(error) = change(inner, inner.settle(name)).await
        {
            tracing::warn!(webhook = %Printable(name), error = %Printable(&error), "the place of a webhook cannot be written; trying again");
        }
    }
}

/// Runs while the engine lives.
pub(crate) async fn run(engine: Weak<Inner>) {
    let Some(inner) = engine.upgrade() else {
        return;
    };
    let mut version = inner.channels.versions();
    drop(inner);
    let mut workers: BTreeMap<PolicyName, AbortHandle> = BTreeMap::new();
    let mut tasks = JoinSet::new();
    loop {
        version.borrow_and_update();
        let Some(inner) = engine.upgrade() else {
            return;
        };
        let names = inner.webhook_names().await;
        workers.retain(|name, worker| {
            let stays = names.contains(name) && !worker.is_finished();
            if !stays {
                worker.abort();
            }
            stays
        });
        for name in names {
            let worker = workers.entry(name.clone());
            worker.or_insert_with(|| {
                tasks.spawn(work(engine.clone(), name, inner.channels.versions()))
            });
        }
        inner.note_webhooks().await;
        drop(inner);
        tokio::select! {
            changed = version.changed() => if changed.is_err() {
                break;
            },
            Some(ended) = tasks.join_next() => {
                if let (Err(error), Some(inner)) = (ended, engine.upgrade())
                    && error.is_panic()
                {
                    tracing::error!(error = %Printable(&error), "a webhook's worker died; restarting it");
                    inner.monitor.degrade(Component::Webhooks, "a worker died", inner.clock.now());
                    tokio::time::sleep(Duration::from_secs(1)).await;
                }
            }
        }
    }
    // Shutdown: the workers have noticed it, too.
    let _ = timeout(FLUSH, async { while tasks.join_next().await.is_some() {} }).await;
}

/// Works off the queue of one endpoint.
async fn work(engine: Weak<Inner>, name: PolicyName, mut version: watch::Receiver<u64>) {
    let mut worker = Worker::new(name);
    loop {
        let is_closed = version.has_changed().is_err();
        if is_closed {
            worker.close();
        }
        version.borrow_and_update();
        let Some(inner) = engine.upgrade() else {
            return;
        };
        let clock = inner.clock.clone();
        let wake = worker.turn(&inner).await;
        let is_late = worker
            .deadline
            .is_some_and(|deadline| Instant::now() >= deadline);
        drop(inner);
        let until = match wake {
            Wake::Never => return,
            Wake::Now if !is_late => continue,
            Wake::Now => return,
            Wake::Soon => None,
            Wake::At(until) => until,
        };
        if worker.deadline.is_some() {
            return;
        }
        let due = async {
            match until {
                Some(until) => clock.sleep_until(until).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = due => {}
            _ = version.changed() => {}
            () = tokio::time::sleep(Duration::from_secs(1)), if wake == Wake::Soon => {}
        }
    }
}

/// The names of the endpoints, to start and stop workers.
impl Inner {
    pub(super) async fn webhook_names(&self) -> BTreeSet<PolicyName> {
        let stored = self.stored.lock().await;
        let names = stored.records.webhooks.keys().cloned();
        names
            .chain(self.webhooks.declared.keys().cloned())
            .collect()
    }

    /// Updates the health.
    pub(super) async fn note_webhooks(&self) {
        let names = self.webhook_names().await;
        let stored = self.stored.lock().await;
        // Those of other processes are in the health of these.
        let cursors = stored.records.webhook_cursors.iter();
        let disabled = cursors
            .filter(|(name, _)| names.contains(*name))
            .filter_map(|(name, known)| {
                let disabled = known.value.disabled.as_ref()?;
                Some(format!("`{name}` is disabled: {}", disabled.reason))
            });
        let mut causes: Vec<String> = disabled.collect();
        let mut dead: BTreeMap<&PolicyName, usize> = BTreeMap::new();
        for (key, _) in stored
            .records
            .webhook_deliveries
            .iter()
            .filter(|(key, known)| known.value.next.is_none() && names.contains(&key.endpoint))
        {
            *dead.entry(&key.endpoint).or_default() += 1;
        }
        causes.extend(
            dead.iter()
                .map(|(name, count)| format!("`{name}` has {count} dead letters")),
        );
        drop(stored);
        causes.extend(self.webhooks.reports());
        match causes.is_empty() {
            true => self.monitor.recover(Component::Webhooks),
            false => self
                .monitor
                .degrade(Component::Webhooks, causes.join("; "), self.clock.now()),
        }
    }
}
