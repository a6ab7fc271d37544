//! A connection to Redis that no request waits for.
//!
//! Calls share one connection. The first call that fails or is late opens the breaker: calls then fail immediately,
//! without sending anything, until the background task has a connection that responds in time. Only that task connects.

mod call;
mod dial;
mod error;
mod keeper;
mod script;
mod shared;
mod subscribe;

use std::{
    sync::{Arc, OnceLock},
    time::{Duration, Instant},
};

use redis::{Cmd, Value};
use tokio::{
    sync::{SemaphorePermit, watch},
    task::AbortHandle,
};

pub(crate) use call::{Call, Ends, Permits};
pub(crate) use error::LinkError;
pub(crate) use script::Script;
pub(crate) use shared::LinkState;

use self::shared::Shared;
use super::RedisOptions;

/// The link of one process to Redis. Clones share the connection, which is closed with the last of them.
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
    /// Starts to connect, at the latest with the first call. An unreachable Redis is not an error.
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

    /// Returns the state and all its changes.
    pub(crate) fn watch(&self) -> watch::Receiver<LinkState> {
        self.keep();
        self.inner.shared.state.subscribe()
    }

    /// Returns the state.
    pub(crate) fn state(&self) -> LinkState {
        self.inner.shared.state.borrow().clone()
    }

    /// Sends a command and waits up to `deadline` for the reply. The very first calls spend part of it waiting for the
    /// first connection.
    pub(crate) async fn call(&self, command: &Cmd, deadline: Duration) -> Result<Value, LinkError> {
        self.begin(deadline, Permits::Own)
            .await?
            .send(command)
            .await
    }

    /// Sends two commands over one connection without a pause, and fails if the first one does.
    pub(crate) async fn call_both(
        &self,
        first: &Cmd,
        second: &Cmd,
        deadline: Duration,
    ) -> Result<[Value; 2], LinkError> {
        let call = self.begin(deadline, Permits::Own).await?;
        call.send_both(first, second).await
    }

    /// Classifies the error text of one of several requests in a call, and updates the health of the connection.
    pub(crate) fn failed(&self, generation: u64, text: &str) -> LinkError {
        self.inner.shared.judge(generation, &error::written(text))
    }

    /// Reports an unexpected reply. It may belong to another call, so the connection is dropped.
    pub(crate) fn misunderstood(&self, what: &str) -> LinkError {
        let error = LinkError::Misunderstood(format!("unexpected reply from Redis: {what}").into());
        self.inner.shared.give_up(&error);
        error
    }

    /// Returns `true` if keys must be in one slot to be used together.
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

    /// Starts a call with the deadline of its caller.
    pub(crate) async fn begin(
        &self,
        deadline: Duration,
        permits: Permits,
    ) -> Result<Call<'_>, LinkError> {
        let shared = &*self.inner.shared;
        let permit = match permits {
            Permits::OfOthers => None,
            Permits::Own => Some(shared.permits.try_acquire().map_err(|_| {
                LinkError::Unavailable(
                    "as many requests as may wait for Redis are waiting already".into(),
                )
            })?),
        };
        self.begin_with(deadline, permit).await
    }

    /// Starts a call with the permit of one that was [put off](Call::put_off).
    pub(crate) async fn begin_with<'a>(
        &'a self,
        deadline: Duration,
        permit: Option<SemaphorePermit<'a>>,
    ) -> Result<Call<'a>, LinkError> {
        let (shared, since) = (&*self.inner.shared, Instant::now());
        let connection = match shared.connection() {
            Some(connection) => Some(connection),
            None => {
                self.keep();
                shared.first_attempt(deadline).await;
                shared.connection()
            }
        };
        let (generation, connection) = connection.ok_or_else(|| shared.absent())?;
        Ok(Call::new(
            shared, generation, connection, since, deadline, permit,
        ))
    }
}
