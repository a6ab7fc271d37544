use std::{
    fmt,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use redis::RedisError;
use tokio::{
    sync::{Notify, Semaphore, watch},
    time::timeout,
};

use waygate_core::Printable;

use super::{
    super::{RedisOptions, url::Topology},
    dial::Connection,
    error::{self, LinkError, Verdict},
};

/// The number of doubtful errors in a row that closes a connection.
const DOUBTS: u32 = 3;

/// The state of the link.
#[derive(Debug, Clone)]
pub(crate) enum LinkState {
    /// Before the end of the first attempt.
    Connecting,
    /// Calls are made.
    Up,
    /// Calls are made, but Redis refuses some.
    Refusing(LinkError),
    /// No calls are made.
    Down(LinkError),
}

/// State shared by the calls and the keeper.
pub(super) struct Shared {
    pub(super) options: RedisOptions,
    pub(super) permits: Semaphore,
    pub(super) state: watch::Sender<LinkState>,
    /// The breaker has opened: the keeper must act.
    pub(super) opened: Notify,
    /// A call failed for lack of a connection.
    pub(super) wanted: Notify,
    live: Mutex<Live>,
    /// Doubtful errors in a row.
    doubts: AtomicU32,
}

#[derive(Default)]
struct Live {
    /// Counts the connections, so that an error of one does not close the next.
    generation: u64,
    connection: Option<Connection>,
    /// A connection that was late, for the keeper to check.
    suspect: Option<Connection>,
}

impl Shared {
    pub(super) fn new(options: RedisOptions) -> Self {
        Self {
            permits: Semaphore::new(options.max_in_flight.min(Semaphore::MAX_PERMITS)),
            options,
            state: watch::Sender::new(LinkState::Connecting),
            opened: Notify::new(),
            wanted: Notify::new(),
            live: Mutex::default(),
            doubts: AtomicU32::new(0),
        }
    }

    pub(super) fn connection(&self) -> Option<(u64, Connection)> {
        let live = self.live();
        let connection = live.connection.clone()?;
        Some((live.generation, connection))
    }

    /// Waits for the first attempt to connect, unless it has ended.
    pub(super) async fn first_attempt(&self, deadline: Duration) {
        if matches!(*self.state.borrow(), LinkState::Connecting) {
            let mut states = self.state.subscribe();
            let ended = states.wait_for(|state| !matches!(state, LinkState::Connecting));
            // The caller checks for a connection in any case.
            let _ = timeout(deadline, ended).await;
        }
    }

    /// Returns the reason why there is no connection.
    pub(super) fn absent(&self) -> LinkError {
        self.wanted.notify_one();
        match &*self.state.borrow() {
            LinkState::Down(error) | LinkState::Refusing(error) => error.clone(),
            LinkState::Connecting | LinkState::Up => {
                LinkError::Unavailable("there is no connection to Redis yet".into())
            }
        }
    }

    pub(super) fn succeeded(&self) {
        if self.doubts.load(Ordering::Relaxed) != 0 {
            self.doubts.store(0, Ordering::Relaxed);
        }
    }

    pub(super) fn failed(&self, generation: u64, verdict: Verdict, error: &LinkError) {
        match verdict {
            Verdict::Sound => self.succeeded(),
            Verdict::Doubtful => {
                if self.doubt() {
                    self.close(Some(generation), None, error);
                }
            }
            Verdict::Refuses => self.refuses(error),
            Verdict::Broken => self.close(Some(generation), None, error),
        }
    }

    /// Classifies an error of the connection of that generation, and acts on it.
    pub(super) fn judge(&self, generation: u64, error: &RedisError) -> LinkError {
        let (verdict, error) = error::judge(error);
        let verdict = match verdict {
            // The connection to one of the nodes, which the client replaces automatically.
            Verdict::Broken if matches!(self.options.target.topology, Topology::Cluster(_)) => {
                Verdict::Doubtful
            }
            verdict => verdict,
        };
        self.failed(generation, verdict, &error);
        error
    }

    /// Counts a doubtful error. Returns `true` if there were too many.
    fn doubt(&self) -> bool {
        self.doubts.fetch_add(1, Ordering::Relaxed) + 1 >= DOUBTS
    }

    /// Handles a call without a timely reply.
    pub(super) fn late(
        &self,
        generation: u64,
        connection: Connection,
        waited: Duration,
    ) -> LinkError {
        let text = format!("Redis did not answer within {} ms", waited.as_millis());
        let error = LinkError::Unavailable(text.into());
        // In a cluster, it may be one node of many.
        if !connection.is_cluster() || self.doubt() {
            self.close(Some(generation), Some(connection), &error);
        }
        error
    }

    /// Drops the current connection.
    pub(super) fn give_up(&self, error: &LinkError) {
        self.close(None, None, error);
    }

    /// Opens the breaker.
    fn close(&self, generation: Option<u64>, suspect: Option<Connection>, error: &LinkError) {
        let mut live = self.live();
        let is_other = generation.is_some_and(|generation| generation != live.generation);
        if is_other || live.connection.is_none() {
            return;
        }
        live.connection = None;
        live.suspect = suspect;
        // Under the lock, so that states keep the order of the connections.
        self.state.send_replace(LinkState::Down(error.clone()));
        drop(live);
        tracing::warn!(
            "Redis is unavailable until it answers again: {}",
            Printable(error)
        );
        self.opened.notify_one();
    }

    /// Closes the breaker, with a connection that has just responded.
    pub(super) fn install(&self, connection: Connection) {
        let mut live = self.live();
        live.generation += 1;
        live.connection = Some(connection);
        live.suspect = None;
        self.doubts.store(0, Ordering::Relaxed);
        self.state.send_replace(LinkState::Up);
        drop(live);
        tracing::info!("Redis is available");
    }

    /// Records a failed attempt to connect.
    pub(super) fn still_down(&self, error: LinkError) {
        // The first failure, or one with another cause, such as a wrong password.
        let is_news = match &*self.state.borrow() {
            LinkState::Down(known) => {
                std::mem::discriminant(known) != std::mem::discriminant(&error)
            }
            _ => true,
        };
        if is_news {
            match &error {
                LinkError::Misconfigured(_) => {
                    tracing::error!("Redis denies access: {}", Printable(&error));
                }
                _ => tracing::warn!(
                    "Redis is unavailable until it answers: {}",
                    Printable(&error)
                ),
            }
        }
        self.state.send_replace(LinkState::Down(error));
    }

    pub(super) fn refuses(&self, error: &LinkError) {
        let live = self.live();
        let is_news = live.connection.is_some() && matches!(*self.state.borrow(), LinkState::Up);
        if is_news {
            self.state.send_replace(LinkState::Refusing(error.clone()));
            drop(live);
            match error {
                LinkError::Misconfigured(_) => {
                    tracing::error!("Redis refuses commands: {}", Printable(&error))
                }
                _ => tracing::warn!("Redis refuses commands: {}", Printable(&error)),
            }
        }
    }

    /// Records that Redis accepts writes again.
    pub(super) fn accepts(&self) {
        let live = self.live();
        if live.connection.is_some() && matches!(*self.state.borrow(), LinkState::Refusing(_)) {
            self.state.send_replace(LinkState::Up);
            drop(live);
            tracing::info!("Redis accepts commands again");
        }
    }

    pub(super) fn suspect(&self) -> Option<Connection> {
        self.live().suspect.take()
    }

    fn live(&self) -> MutexGuard<'_, Live> {
        // No code that may panic runs under the lock.
        self.live.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared")
            .field("options", &self.options)
            .field("state", &*self.state.borrow())
            .finish_non_exhaustive()
    }
}
