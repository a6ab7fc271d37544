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

/// So many doubtful errors in a row are too many.
const DOUBTS: u32 = 3;

/// How it stands with Redis.
#[derive(Debug, Clone)]
pub(crate) enum LinkState {
    /// The first attempt is under way.
    Connecting,
    /// Calls are made.
    Up,
    /// Calls are made, but Redis refuses some.
    Refusing(LinkError),
    /// No call is made.
    Down(LinkError),
}

/// What the calls and the keeper share.
pub(super) struct Shared {
    pub(super) options: RedisOptions,
    pub(super) permits: Semaphore,
    pub(super) state: watch::Sender<LinkState>,
    /// Something is to be done for the keeper.
    pub(super) opened: Notify,
    /// A call failed because there is no connection.
    pub(super) wanted: Notify,
    live: Mutex<Live>,
    /// Doubtful errors in a row.
    doubts: AtomicU32,
}

#[derive(Default)]
struct Live {
    /// Counts the connections, so that what went wrong with one does not close the next.
    generation: u64,
    connection: Option<Connection>,
    /// A connection that was late, for the keeper to try again.
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

    /// Waits for the first attempt to connect, if none has ended yet.
    pub(super) async fn first_attempt(&self, deadline: Duration) {
        if matches!(*self.state.borrow(), LinkState::Connecting) {
            let mut states = self.state.subscribe();
            let ended = states.wait_for(|state| !matches!(state, LinkState::Connecting));
            // Late or not: the caller looks for the connection.
            let _ = timeout(deadline, ended).await;
        }
    }

    /// Why there is no connection.
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

    /// Sorts an error that came over the connection of that generation, and does what follows from it.
    pub(super) fn judge(&self, generation: u64, error: &RedisError) -> LinkError {
        let (verdict, error) = error::judge(error);
        let verdict = match verdict {
            // The connection to one of the nodes, which the client replaces by itself.
            Verdict::Broken if matches!(self.options.target.topology, Topology::Cluster(_)) => {
                Verdict::Doubtful
            }
            verdict => verdict,
        };
        self.failed(generation, verdict, &error);
        error
    }

    /// Whether that is one too many.
    fn doubt(&self) -> bool {
        self.doubts.fetch_add(1, Ordering::Relaxed) + 1 >= DOUBTS
    }

    /// A call got no answer in time.
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

    /// Gives up the connection there is.
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
        // Under the lock, so that states follow one another as the connections do.
        self.state.send_replace(LinkState::Down(error.clone()));
        drop(live);
        tracing::warn!(
            "Redis is not used until it answers again: {}",
            Printable(error)
        );
        self.opened.notify_one();
    }

    /// Closes the breaker, with a connection that has answered just now.
    pub(super) fn install(&self, connection: Connection) {
        let mut live = self.live();
        live.generation += 1;
        live.connection = Some(connection);
        live.suspect = None;
        self.doubts.store(0, Ordering::Relaxed);
        self.state.send_replace(LinkState::Up);
        drop(live);
        tracing::info!("Redis is used");
    }

    /// An attempt to connect failed.
    pub(super) fn still_down(&self, error: LinkError) {
        // The first one, and those that say something else: a password that is wrong by now.
        let is_news = match &*self.state.borrow() {
            LinkState::Down(known) => {
                std::mem::discriminant(known) != std::mem::discriminant(&error)
            }
            _ => true,
        };
        if is_news {
            match &error {
                LinkError::Misconfigured(_) => {
                    tracing::error!(
                        "Redis cannot be used as it is set up: {}",
                        Printable(&error)
                    );
                }
                _ => tracing::warn!("Redis is not used until it answers: {}", Printable(&error)),
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
                    tracing::error!("Redis refuses what is asked: {}", Printable(&error))
                }
                _ => tracing::warn!("Redis refuses what is asked: {}", Printable(&error)),
            }
        }
    }

    /// Redis takes writes again.
    pub(super) fn accepts(&self) {
        let live = self.live();
        if live.connection.is_some() && matches!(*self.state.borrow(), LinkState::Refusing(_)) {
            self.state.send_replace(LinkState::Up);
            drop(live);
            tracing::info!("Redis takes what is asked again");
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
