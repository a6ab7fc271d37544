//! Everything that ends at shutdown: background tasks, and subscriptions to snapshots and events.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{
    sync::{broadcast, watch},
    task::JoinHandle,
    time::timeout,
};

use super::{Event, Waygate};

/// The maximum time for a task to end; an unresponsive store would take longer.
const GRACE: Duration = Duration::from_secs(5);

/// The maximum backlog of a slow subscriber, in events.
const EVENTS: usize = 1024;

/// The subscribers of the engine. Requests do not use it.
#[derive(Debug)]
pub(crate) struct Channels(Mutex<Option<Open>>);

#[derive(Debug)]
struct Open {
    /// The snapshot's version.
    version: watch::Sender<u64>,
    events: broadcast::Sender<Event>,
    tasks: Vec<JoinHandle<()>>,
}

impl Channels {
    pub(crate) fn new(version: u64) -> Self {
        Self(Mutex::new(Some(Open {
            version: watch::channel(version).0,
            events: broadcast::channel(EVENTS).0,
            tasks: Vec::new(),
        })))
    }

    fn open(&self) -> MutexGuard<'_, Option<Open>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Watches the snapshot's version. Fails after the engine is shut down or dropped.
    pub(crate) fn versions(&self) -> watch::Receiver<u64> {
        match &*self.open() {
            Some(open) => open.version.subscribe(),
            None => watch::channel(0).1,
        }
    }

    /// Subscribes to events; none after the engine is shut down.
    pub(crate) fn events(&self) -> broadcast::Receiver<Event> {
        match &*self.open() {
            Some(open) => open.events.subscribe(),
            None => broadcast::channel(1).1,
        }
    }

    pub(crate) fn announce(&self, version: u64) {
        if let Some(open) = &*self.open() {
            open.version.send_replace(version);
        }
    }

    pub(crate) fn send(&self, event: Event) {
        if let Some(open) = &*self.open() {
            // Without subscribers, the event is dropped.
            let _ = open.events.send(event);
        }
    }

    /// Registers a task to wait for at shutdown.
    pub(crate) fn add(&self, task: JoinHandle<()>) {
        match &mut *self.open() {
            Some(open) => open.tasks.push(task),
            None => task.abort(),
        }
    }

    /// Ends the subscriptions, and returns the tasks that are about to end.
    fn close(&self) -> Vec<JoinHandle<()>> {
        let open = self.open().take();
        open.map_or_else(Vec::new, |open| open.tasks)
    }
}

impl Waygate {
    /// Ends the background tasks, the event streams of `/docs` and those of [`subscribe`](Self::subscribe), so that a
    /// graceful shutdown of the server, which waits for open responses, can complete:
    ///
    /// ```no_run
    /// # use waygate::Waygate;
    /// # async fn serve(waygate: Waygate, router: axum::Router, listener: tokio::net::TcpListener) -> std::io::Result<()> {
    /// axum::serve(listener, router)
    ///     .with_graceful_shutdown(async move {
    ///         let _ = tokio::signal::ctrl_c().await;
    ///         waygate.shutdown().await;
    ///     })
    ///     .await
    /// # }
    /// ```
    ///
    /// Later requests are decided by the last known state. Changes of other processes are no longer followed; changes
    /// of this process are still written and take effect. Counters that are [kept in a
    /// file](crate::WaygateBuilder::counter_snapshot) are written.
    ///
    /// Returns when the tasks have ended. Tasks that are still running after five seconds, for example because of an
    /// unresponsive store, are aborted. Later calls do nothing.
    pub async fn shutdown(&self) {
        let mut tasks = self.inner.channels.close();
        let ended = timeout(GRACE, async {
            for task in &mut tasks {
                // A task that panicked has ended too.
                let _ = task.await;
            }
        });
        if ended.await.is_err() {
            tracing::warn!("background tasks did not end in time and are aborted");
            for task in &tasks {
                task.abort();
            }
        }
    }
}
