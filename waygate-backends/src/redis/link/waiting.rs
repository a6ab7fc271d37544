use std::time::{Duration, Instant};

use redis::RedisResult;
use tokio::time::error::Elapsed;

use super::{
    dial::Connection,
    error::{self, LinkError, Verdict},
    shared::Shared,
};

/// Callers may have shorter deadlines than the link, and drop the call then. After so much time it counts as late;
/// before, as one that nobody wants any more.
const LATE: Duration = Duration::from_millis(40);

/// A call that waits for its answer.
pub(super) struct Waiting<'a> {
    pub(super) connection: Connection,
    shared: &'a Shared,
    generation: u64,
    since: Instant,
    /// One that is dropped after so much time is late.
    late: Duration,
    settled: bool,
}

impl<'a> Waiting<'a> {
    pub(super) fn new(
        shared: &'a Shared,
        generation: u64,
        connection: Connection,
        deadline: Duration,
    ) -> Self {
        let usual = shared.options.deadline;
        Self {
            connection,
            shared,
            generation,
            since: Instant::now(),
            // One that may take longer than others is not expected to be quick.
            late: if deadline > usual {
                deadline
            } else {
                LATE.min(usual)
            },
            settled: false,
        }
    }

    /// What an answer, a failure or silence means for the connection.
    pub(super) fn settle<T>(
        mut self,
        answer: Result<RedisResult<T>, Elapsed>,
    ) -> Result<T, LinkError> {
        let Ok(answer) = answer else {
            // Half of the time may have gone by before the call was made, so that there was too little.
            let enough = LATE.min(self.shared.options.deadline) / 2;
            return Err(self.give_up(enough));
        };
        self.settled = true;
        match answer {
            Ok(answer) => {
                self.shared.succeeded();
                Ok(answer)
            }
            Err(error) => {
                let (verdict, error) = error::judge(&error);
                let verdict = match verdict {
                    // The connection to one of the nodes, which the client replaces by itself.
                    Verdict::Broken if self.connection.is_cluster() => Verdict::Doubtful,
                    verdict => verdict,
                };
                self.shared.failed(self.generation, verdict, &error);
                Err(error)
            }
        }
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

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        if !self.settled {
            self.give_up(self.late);
        }
    }
}
