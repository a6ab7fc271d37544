use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};

use tokio::{
    sync::watch,
    task::AbortHandle,
    time::{sleep, timeout},
};
use waygate_core::model::Revision;

use super::{reply, store::Store};
use crate::{random, redis::link::LinkState};

/// The maximum of the first pause before subscribing again. It doubles with each attempt.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// Listens for commits for as long as the backend exists.
#[derive(Debug)]
pub(super) struct Listener {
    hints: Arc<watch::Sender<Option<Revision>>>,
    task: OnceLock<AbortHandle>,
}

impl Default for Listener {
    fn default() -> Self {
        Self {
            hints: Arc::new(watch::Sender::new(None)),
            task: OnceLock::new(),
        }
    }
}

impl Listener {
    /// Subscribes, and starts to listen with the first caller.
    pub(super) fn subscribe(&self, store: &Arc<Store>) -> watch::Receiver<Option<Revision>> {
        let receiver = self.hints.subscribe();
        self.task.get_or_init(|| {
            let task = listen(store.clone(), self.hints.clone());
            tokio::spawn(task).abort_handle()
        });
        receiver
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        if let Some(task) = self.task.get() {
            task.abort();
        }
    }
}

async fn listen(store: Arc<Store>, hints: Arc<watch::Sender<Option<Revision>>>) {
    let mut failures = 0;
    loop {
        if let Ok(mut messages) = store.link.subscribe(&store.layout.changes).await {
            failures = 0;
            // Earlier messages are lost.
            let mut news = store.revision().await.ok();
            while let Some(revision) = news {
                hints.send_replace(Some(revision));
                news = match messages.recv().await {
                    Some(message) => match reply::hint(&message) {
                        Some(revision) => Some(revision),
                        None => store.revision().await.ok(),
                    },
                    None => None,
                };
            }
        }
        pause(&store, failures).await;
        failures += 1;
    }
}

/// Waits for a random time up to a limit that doubles, or until Redis is back.
async fn pause(store: &Store, failures: u32) {
    let limit = (FIRST_PAUSE * (1 << failures.min(16))).min(LONGEST_PAUSE);
    let mut states = store.link.watch();
    let is_up = |state: &LinkState| matches!(state, LinkState::Up | LinkState::Refusing(_));
    if is_up(&states.borrow_and_update()) {
        sleep(limit.mul_f64(random::share())).await;
    } else {
        let _ = timeout(LONGEST_PAUSE, states.wait_for(is_up)).await;
        sleep(FIRST_PAUSE.mul_f64(random::share())).await;
    }
}
