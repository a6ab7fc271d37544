//! What ends when the engine is shut down: its background tasks, and all that follow its pictures and events.

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

/// How long a task may take to end; a store that does not answer would hold it up for longer.
const GRACE: Duration = Duration::from_secs(5);

/// How many events a slow subscriber may be behind.
const EVENTS: usize = 1024;

/// Whom the engine keeps posted. Requests have no part in it.
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

    /// The snapshot's version from now on. Fails to change once the engine is shut down, or gone.
    pub(crate) fn versions(&self) -> watch::Receiver<u64> {
        match &*self.open() {
            Some(open) => open.version.subscribe(),
            None => watch::channel(0).1,
        }
    }

    /// The events from now on; none once the engine is shut down.
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
            // Without subscribers it is lost, as it should be.
            let _ = open.events.send(event);
        }
    }

    /// Waits for this task at the end.
    pub(crate) fn add(&self, task: JoinHandle<()>) {
        match &mut *self.open() {
            Some(open) => open.tasks.push(task),
            None => task.abort(),
        }
    }

    /// Ends what follows, and gives the tasks that are about to end.
    fn close(&self) -> Vec<JoinHandle<()>> {
        let open = self.open().take();
        open.map_or_else(Vec::new, |open| open.tasks)
    }
}

impl Waygate {
    /// Ends the background tasks, the event streams of `/docs` and those of [`subscribe`](Self::subscribe), so that a
    /// graceful shutdown of the server, which waits for open responses, comes to its end:
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
    /// Requests that are still served, or still come, are decided by the last known state. Changes of other processes are
    /// followed no longer; those of this process are written and hold. Counters that are
    /// [kept in a file](crate::WaygateBuilder::counter_snapshot) are written.
    ///
    /// Returns when the tasks have ended; after five seconds, in which a store may not have answered, they are aborted. A
    /// second call does nothing.
    pub async fn shutdown(&self) {
        let mut tasks = self.inner.channels.close();
        let ended = timeout(GRACE, async {
            for task in &mut tasks {
                // One that has panicked has ended as well.
                let _ = task.await;
            }
        });
        if ended.await.is_err() {
            tracing::warn!("background tasks have not ended in time, and are aborted");
            for task in &tasks {
                task.abort();
            }
        }
    }
}
