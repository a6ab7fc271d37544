use std::time::{Duration, Instant};

use redis::{Cmd, RedisResult, Value};
use tokio::{
    sync::{SemaphorePermit, oneshot},
    time::{error::Elapsed, timeout},
};

use super::{dial::Connection, error::LinkError, shared::Shared};

/// Callers may have shorter deadlines than the link, and drop the call then. After so much time it counts as late;
/// before, as one that nobody wants any more.
const LATE: Duration = Duration::from_millis(40);

/// Whose permits a call needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Permits {
    /// It is made for one request, which needs one.
    Own,
    /// It is made for requests that have theirs.
    OfOthers,
}

/// When a caller will have waited for long enough.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ends {
    begun: Instant,
    deadline: Duration,
}

impl Ends {
    /// How much time is left.
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
    /// Since when it has a connection.
    since: Instant,
    /// One that is dropped after so much time is late.
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
            // One that may take longer than others is not expected to be quick.
            late: if deadline > usual {
                deadline
            } else {
                LATE.min(usual)
            },
            settled: false,
            permit,
        }
    }

    /// Which connection it has, counted.
    pub(crate) fn generation(&self) -> u64 {
        self.generation
    }

    pub(crate) fn ends(&self) -> Ends {
        self.ends
    }

    /// Gives the call up before it is made, but for its permit.
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
        // What it means for the connection, the other call has said.
        self.settled = true;
        let gone = || LinkError::Unavailable("nobody is left who asks Redis".into());
        answer.map_err(|_| gone())?
    }

    /// What an answer, a failure or silence means for the connection.
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
        // Half of the time may have gone by before the call was made, so that there was too little.
        self.give_up(LATE.min(self.shared.options.deadline) / 2)
    }

    /// There was no answer, and nobody waits for it any more. After `enough` time, that is the fault of Redis.
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
