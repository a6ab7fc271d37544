use std::time::{Duration, Instant};

use waygate_core::{
    Timestamp,
    port::{BoxFuture, Clock},
};

/// The clocks of the machine.
#[derive(Debug)]
pub(crate) struct SystemClock {
    origin: Instant,
}

impl Default for SystemClock {
    fn default() -> Self {
        Self {
            origin: Instant::now(),
        }
    }
}

/// The wall clock can be set while a timer runs, so long sleeps look at it again this often.
const RECHECK: Duration = Duration::from_secs(5);

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        // Microseconds are what the wire contract can carry; cut here, so that nothing changes in transit.
        let now = Timestamp::now();
        Timestamp::from_microsecond(now.as_microsecond()).unwrap_or(now)
    }

    fn monotonic(&self) -> Duration {
        self.origin.elapsed()
    }

    fn sleep_until(&self, instant: Timestamp) -> BoxFuture<'static, ()> {
        Box::pin(async move {
            while let Ok(left) = Duration::try_from(instant.duration_since(Timestamp::now()))
                && !left.is_zero()
            {
                tokio::time::sleep(left.min(RECHECK)).await;
            }
        })
    }
}
