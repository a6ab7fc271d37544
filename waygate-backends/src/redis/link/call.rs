use std::time::{Duration, Instant};

use redis::{Cmd, RedisResult, Value};
use tokio::{
    sync::{SemaphorePermit, oneshot},
    time::{error::Elapsed, timeout},
};

use super::{dial::Connection, error::LinkError, shared::Shared};

/// Callers may have shorter deadlines than the link, and drop the call. A call that is dropped after this time counts
/// as late, before that as cancelled.
const LATE: Duration = Duration::from_millis(40);

/// The permits that a call needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Permits {
    /// One permit, for a call on behalf of a single request.
    Own,
    /// None: each of the requests that the call serves holds its own.
    OfOthers,
}

/// The deadline of a caller.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ends {
    begun: Instant,
    deadline: Duration,
}

impl Ends {
    /// Returns the time left.
    pub(crate) fn left(self) -> Duration {
        self.deadline.saturating_sub(self.begun.elapsed())
    }
}

/// A call that waits for its reply.
pub(crate) struct Call<'a> {
    connection: Connection,
    shared: &'a Shared,
    generation: u64,
    ends: Ends,
    /// The time at which the call got a connection.
    since: Instant,
    /// The time after which a dropped call counts as late.
    late: Duration,
    settled: bool,
    permit: Option<SemaphorePermit<'a>>,
}

impl<'a> Call<'a> {
    pub(super) fn new(
        shared: &'a Shared,
        generation: u64,
        connection: Connection,
        begun: Instant,
        deadline: Duration,
        permit: Option<SemaphorePermit<'a>>,
    ) -> Self {
        let usual = shared.options.deadline;
        Self {
            connection,
            shared,
            generation,
            ends: Ends { begun, deadline },
            since: Instant::now(),
            // A call with a longer deadline is not expected to be quick.
            late: if deadline > usual {
                deadline
            } else {
                LATE.min(usual)
            },
            settled: false,
            permit,
        }
    }

    /// Returns the generation of the connection.
    pub(crate) fn generation(&self) -> u64 {
        self.generation
    }

    pub(crate) fn ends(&self) -> Ends {
        self.ends
    }

    /// Cancels the call before it is made, and keeps its permit.
    pub(crate) fn put_off(mut self) -> Option<SemaphorePermit<'a>> {
        self.settled = true;
        self.permit.take()
    }

    pub(super) fn permits(&self) -> Permits {
        match self.permit {
            Some(_) => Permits::Own,
            None => Permits::OfOthers,
        }
    }

    pub(super) async fn send(mut self, command: &Cmd) -> Result<Value, LinkError> {
        let answer = timeout(self.ends.left(), self.connection.send(command)).await;
        self.settle(answer)
    }

    pub(super) async fn send_both(
        mut self,
        first: &Cmd,
        second: &Cmd,
    ) -> Result<[Value; 2], LinkError> {
        let answers = timeout(self.ends.left(), self.connection.send_both(first, second)).await;
        self.settle(answers)
    }

    /// Waits for the reply to a call that is shared with other callers.
    pub(crate) async fn wait<T>(
        mut self,
        answer: oneshot::Receiver<Result<T, LinkError>>,
    ) -> Result<T, LinkError> {
        let Ok(answer) = timeout(self.ends.left(), answer).await else {
            return Err(self.too_late());
        };
        // The shared call updates the health of the connection.
        self.settled = true;
        let gone = || LinkError::Unavailable("the shared call to Redis was dropped".into());
        answer.map_err(|_| gone())?
    }

    /// Updates the health of the connection from a reply, an error or a timeout.
    fn settle<T>(mut self, answer: Result<RedisResult<T>, Elapsed>) -> Result<T, LinkError> {
        let Ok(answer) = answer else {
            return Err(self.too_late());
        };
        self.settled = true;
        match answer {
            Ok(answer) => {
                self.shared.succeeded();
                Ok(answer)
            }
            Err(error) => Err(self.shared.judge(self.generation, &error)),
        }
    }

    fn too_late(&mut self) -> LinkError {
        // The caller may have spent half of its deadline before the call was sent, which leaves Redis too little time
        // to reply.
        self.give_up(LATE.min(self.shared.options.deadline) / 2)
    }

    /// Abandons the call. If it waited at least `enough`, the delay is blamed on Redis.
    fn give_up(&mut self, enough: Duration) -> LinkError {
        self.settled = true;
        let waited = self.since.elapsed();
        if waited < enough {
            return LinkError::Unavailable("Redis had too little time to answer".into());
        }
        self.shared
            .late(self.generation, self.connection.clone(), waited)
    }
}

impl Drop for Call<'_> {
    fn drop(&mut self) {
        if !self.settled {
            self.give_up(self.late);
        }
    }
}
