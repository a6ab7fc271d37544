//! Everything that ends at shutdown: background tasks, and subscriptions to snapshots and events.

use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::{
    sync::{broadcast, watch},
    task::JoinHandle,
};

use super::Event;

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

    /// Subscribes to events. Returns `None` after the engine is shut down.
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

    /// Returns `true` after the engine is shut down.
    pub(crate) fn is_closed(&self) -> bool {
        self.open().is_none()
    }

    /// Closes all subscriptions, and returns the tasks that are about to finish.
    pub(super) fn close(&self) -> Vec<JoinHandle<()>> {
        let open = self.open().take();
        open.map_or_else(Vec::new, |open| open.tasks)
    }
}
