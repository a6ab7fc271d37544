//! The way to Redis, which no request ever waits for.
//!
//! Calls share one connection. The first one that fails or is late opens the breaker: until the background task has a
//! connection again that answers in time, calls fail at once and without a packet. That task is the only one that
//! connects.

mod dial;
mod error;
mod keeper;
mod script;
mod shared;
mod subscribe;
mod waiting;

use std::{
    sync::{Arc, OnceLock},
    time::{Duration, Instant},
};

use redis::{Cmd, Value};
use tokio::{
    sync::{SemaphorePermit, watch},
    task::AbortHandle,
    time::timeout,
};

pub(crate) use error::LinkError;
pub(crate) use script::Script;
pub(crate) use shared::LinkState;

use self::{shared::Shared, waiting::Waiting};
use super::RedisOptions;

/// Redis, as one process talks to it. Clones share the connection, which is closed with the last of them.
#[derive(Debug, Clone)]
pub(crate) struct Link {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    shared: Arc<Shared>,
    keeper: OnceLock<AbortHandle>,
}

impl Drop for Inner {
    fn drop(&mut self) {
        if let Some(keeper) = self.keeper.get() {
            keeper.abort();
        }
    }
}

impl Link {
    /// Begins to connect, at the latest with the first call; that Redis is not there is no error.
    pub(crate) fn open(options: RedisOptions) -> Self {
        let link = Self {
            inner: Arc::new(Inner {
                shared: Arc::new(Shared::new(options)),
                keeper: OnceLock::new(),
            }),
        };
        if tokio::runtime::Handle::try_current().is_ok() {
            link.keep();
        }
        link
    }

    pub(crate) fn options(&self) -> &RedisOptions {
        &self.inner.shared.options
    }

    /// How it stands, and every change of that.
    pub(crate) fn watch(&self) -> watch::Receiver<LinkState> {
        self.keep();
        self.inner.shared.state.subscribe()
    }

    /// How it stands.
    pub(crate) fn state(&self) -> LinkState {
        self.inner.shared.state.borrow().clone()
    }

    /// Sends a command and waits for its answer, though not for longer than `deadline`. The first calls of all wait,
    /// within it, for the first connection.
    pub(crate) async fn call(&self, command: &Cmd, deadline: Duration) -> Result<Value, LinkError> {
        let since = Instant::now();
        let (mut waiting, _permit) = self.begin(deadline).await?;
        let left = deadline.saturating_sub(since.elapsed());
        let answer = timeout(left, waiting.connection.send(command)).await;
        waiting.settle(answer)
    }

    /// Sends two commands over one connection, the second right after the first, and fails if the first does.
    pub(crate) async fn call_both(
        &self,
        first: &Cmd,
        second: &Cmd,
        deadline: Duration,
    ) -> Result<[Value; 2], LinkError> {
        let since = Instant::now();
        let (mut waiting, _permit) = self.begin(deadline).await?;
        let left = deadline.saturating_sub(since.elapsed());
        let answers = timeout(left, waiting.connection.send_both(first, second)).await;
        waiting.settle(answers)
    }

    /// An answer that makes no sense: it may belong to another call, so the connection is given up.
    pub(crate) fn misunderstood(&self, what: &str) -> LinkError {
        let error =
            LinkError::Misunderstood(format!("Redis answered what was not asked: {what}").into());
        self.inner.shared.give_up(&error);
        error
    }

    /// Whether keys must be in one slot to be used together.
    pub(crate) fn is_cluster(&self) -> bool {
        matches!(
            self.options().target.topology,
            super::url::Topology::Cluster(_)
        )
    }

    fn keep(&self) {
        self.inner.keeper.get_or_init(|| {
            let shared = Arc::clone(&self.inner.shared);
            tokio::spawn(keeper::keep(shared)).abort_handle()
        });
    }

    async fn begin(
        &self,
        deadline: Duration,
    ) -> Result<(Waiting<'_>, SemaphorePermit<'_>), LinkError> {
        let shared = &self.inner.shared;
        let permit = shared.permits.try_acquire().map_err(|_| {
            LinkError::Unavailable(
                "as many requests as may wait for Redis are waiting already".into(),
            )
        })?;
        if let Some((generation, connection)) = shared.connection() {
            let waiting = Waiting::new(shared, generation, connection, deadline);
            return Ok((waiting, permit));
        }
        self.keep();
        shared.first_attempt(deadline).await;
        match shared.connection() {
            Some((generation, connection)) => {
                let waiting = Waiting::new(shared, generation, connection, deadline);
                Ok((waiting, permit))
            }
            None => Err(shared.absent()),
        }
    }
}
