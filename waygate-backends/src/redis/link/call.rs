use std::time::{Duration, Instant};

use redis::{Cmd, RedisResult, Value};
use tokio::{
    sync::{SemaphorePermit, oneshot},
    time::{error::Elapsed, timeout},
};

use super::{dial::Connection, error::LinkError, shared::Shared};

/// Callers may have shorter deadlines than the link, and drop the call. After this time it counts as late, before
/// that as cancelled.
const LATE: Duration = Duration::from_millis(40);

/// The permits that a call needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Permits {
    /// One: it is made for a single request.
    Own,
    /// None: its requests have theirs.
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

/// A call that waits for its answer.
pub(crate) struct Call<'a> {
    connection: Connection,
    shared: &'a Shared,
    generation: u64,
    ends: Ends,
    /// The time at which it got a connection.
    since: Instant,
    /// If it is dropped after this time, the call is late.
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

    /// Waits for the answer to a call that is made for this one and others.
    pub(crate) async fn wait<T>(
        mut self,
        answer: oneshot::Receiver<Result<T, LinkError>>,
    ) -> Result<T, LinkError> {
        let Ok(answer) = timeout(self.ends.left(), answer).await else {
            return Err(self.too_late());
        };
        // The other call judges the connection.
        self.settled = true;
        let gone = || LinkError::Unavailable("the shared call to Redis was dropped".into());
        answer.map_err(|_| gone())?
    }

    /// Judges the connection by an answer, a failure or a timeout.
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
        // Half of the time may have passed before the call was made, so that there was too little.
        self.give_up(LATE.min(self.shared.options.deadline) / 2)
    }

    /// Ends the call without an answer. After `enough` time, Redis is at fault.
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
